import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What `pnpm mutation` keeps of an area, as far as it is read here. */
interface MutationResult {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
          readonly replacement?: string;
          readonly killedBy?: readonly string[];
          readonly location: { readonly start: Position; readonly end: Position };
        }[];
      }
    >
  >;
  readonly testFiles?: Readonly<Record<string, { readonly tests: readonly { id: string; name: string }[] }>>;
}

/** Both count from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

/** For each requirement, one mutant that a test of it noticed, among the results of the last `pnpm mutation`. */
export function noticedMutants(folder: string, id: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(folder)) return found;
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    const result = JSON.parse(readFileSync(join(folder, name), "utf8")) as MutationResult;
    const requirementOf = new Map<string, string>();
    for (const { tests } of Object.values(result.testFiles ?? {})) {
      for (const test of tests) {
        const requirement = id.exec(test.name)?.[1];
        if (requirement !== undefined) requirementOf.set(test.id, requirement);
      }
    }
    for (const [file, { source, mutants }] of Object.entries(result.files)) {
      for (const { status, replacement = "", killedBy = [], location } of mutants) {
        if (status !== "Killed") continue;
        const text = `${file.replace(/^src\//, "")}:${location.start.line} \`${changed(source, location)}\` → \`${short(replacement)}\``;
        for (const test of killedBy) {
          const requirement = requirementOf.get(test);
          if (requirement !== undefined && !found.has(requirement)) found.set(requirement, text);
        }
      }
    }
  }
  return found;
}

function changed(source: string, { start, end }: { start: Position; end: Position }): string {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.column - 1);
  lines[0] = lines[0]!.slice(start.column - 1);
  return short(lines.join(" "));
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").replaceAll("`", "'");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
