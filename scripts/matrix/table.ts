/** The outcome of the matrix, as lines for people and as a table for docs/compatibility.md. */
import type { SmokeResult } from "./smoke/parts.ts";
import type { TypeResult } from "./types.ts";

/** One row: what was tried, and what came out. */
export interface Row {
  readonly name: string;
  readonly version: string;
  readonly seconds: number;
  /** Programs that ran, or why none did. */
  readonly outcome:
    | { readonly kind: "programs"; readonly results: readonly SmokeResult[] }
    | { readonly kind: "types"; readonly results: readonly TypeResult[] }
    /** It ran and told nothing, or it could not be fetched. */
    | { readonly kind: "broken"; readonly reason: string }
    | { readonly kind: "missing"; readonly reason: string };
}

/** Whether everything in a row went well. */
export function isGreen({ outcome }: Row): boolean {
  if (outcome.kind === "programs") return outcome.results.length > 0 && outcome.results.every(({ ok }) => ok);
  return outcome.kind === "types" && outcome.results.every(({ ours }) => ours.length === 0);
}

/** One line per row, and one for each thing that failed. */
export function rowLines(row: Row): string[] {
  const { outcome } = row;
  const head = `${isGreen(row) ? "ok  " : "FAIL"} ${`${row.name} ${row.version}`.padEnd(26)}`;
  const time = `${row.seconds.toFixed(1)} s`.padStart(8);
  if (outcome.kind === "missing" || outcome.kind === "broken") return [`${head}${time}  ${outcome.reason}`];
  const failed =
    outcome.kind === "programs"
      ? outcome.results.filter(({ ok }) => !ok).map(({ part, detail }) => `     ${part}: ${detail}`)
      : outcome.results.flatMap(({ ours, resolution }) =>
          ours.slice(0, 10).map((line) => `     ${resolution}: ${line}`),
        );
  return [`${head}${time}  ${summary(row, true)}`, ...failed];
}

/** The table for the document: no times, so that it changes only when an outcome does. */
export function markdownTable(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) => `| ${row.name} | ${row.version} | ${isGreen(row) ? summary(row, false) : "**failed**"} |`,
  );
  return ["| on | version | outcome |", "| --- | --- | --- |", ...lines].join("\n");
}

function summary({ outcome }: Row, details: boolean): string {
  if (outcome.kind === "missing" || outcome.kind === "broken") return outcome.reason;
  if (outcome.kind === "programs") {
    const passed = outcome.results.filter(({ ok }) => ok);
    const names = passed.map(({ part, detail }) => (details ? `${part} (${detail})` : part));
    return `${passed.length} of ${outcome.results.length} programs: ${names.join(", ")}`;
  }
  return outcome.results
    .map(({ resolution, ours, foreign }) => {
      const others = Object.entries(foreign).map(([name, count]) => `${count} in ${name}`);
      return `${resolution}: ${ours.length} errors${others.length === 0 ? "" : ` (others': ${others.join(", ")})`}`;
    })
    .join("; ");
}
