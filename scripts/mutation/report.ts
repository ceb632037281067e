interface Position {
  readonly line: number;
  readonly column: number;
}
interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly location: { readonly start: Position; readonly end: Position };
          readonly replacement: string;
          readonly status: string;
          readonly killedBy?: readonly string[];
        }[];
      }
    >
  >;
  readonly testFiles?: Readonly<
    Record<string, { readonly tests: readonly { readonly id: string; readonly name: string }[] }>
  >;
}

/** One small change of the sources, with what the tests made of it. */
export interface Mutant {
  readonly file: string;
  /** File, changed text and replacement, without line numbers: what an entry of `survivors.md` is found by. */
  readonly key: string;
  readonly place: string;
  readonly status: string;
  /** Names of the tests that noticed it. */
  readonly noticedBy: readonly string[];
}

/** A long text keeps its start and its length, so that two blocks of one file stay apart. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").replaceAll("`", "'");
  return line.length > 90 ? `${line.slice(0, 80)}… (${line.length})` : line;
}

/** The text between two positions, of which the first line and the first column are 1. */
function textBetween(source: string, start: Position, end: Position): string {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  lines.push(lines.pop()!.slice(0, end.column - 1));
  lines.unshift(lines.shift()!.slice(start.column - 1));
  return lines.join(" ");
}

/** The mutants of a report of Stryker. */
export function readReport(json: string): Mutant[] {
  const { files, testFiles = {} } = JSON.parse(json) as Report;
  const tests = Object.values(testFiles).flatMap((file) => file.tests);
  const nameOf = new Map(tests.map(({ id, name }) => [id, name]));
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map(({ location: { start, end }, replacement, status, killedBy = [] }) => ({
      file,
      key: `${file}: \`${oneLine(textBetween(source, start, end))}\` -> \`${oneLine(replacement)}\``,
      place: `${file}:${start.line}:${start.column}`,
      status,
      noticedBy: killedBy.map((id) => nameOf.get(id) ?? ""),
    })),
  );
}

/** Counts the mutants that tests could notice; those that are ignored, or no valid code, do not count. */
export function count(mutants: readonly Mutant[]) {
  const having = (...statuses: string[]) => mutants.filter(({ status }) => statuses.includes(status));
  const killed = having("Killed").length;
  const timeout = having("Timeout").length;
  const survivors = having("Survived", "NoCoverage");
  const total = killed + timeout + survivors.length;
  const files = new Set(mutants.map(({ file }) => file)).size;
  return { files, total, killed, timeout, survivors, score: (100 * (killed + timeout)) / total };
}

/** The reasons of `survivors.md` by key: its lines `- <key>: <reason>`. */
export function readReasons(markdown: string): Map<string, string> {
  const entries = markdown.matchAll(/^- (\S+: `[^`]*` -> `[^`]*`): (.+)$/gm);
  return new Map([...entries].map(([, key, reason]) => [key!, reason!]));
}

/** Entries about a file that was mutated whose mutant is not a survivor (any more). */
export function staleKeys(mutants: readonly Mutant[], reasons: ReadonlyMap<string, string>): string[] {
  const mutated = new Set(mutants.map(({ file }) => file));
  const surviving = new Set(count(mutants).survivors.map(({ key }) => key));
  return [...reasons.keys()].filter(
    (key) => mutated.has(key.slice(0, key.indexOf(": "))) && !surviving.has(key),
  );
}
