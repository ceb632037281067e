import type { DocumentRow, Outcome } from "./documents.ts";
import type { ProtoRow } from "./protos.ts";

/** All that one run found. */
export interface Report {
  readonly documents: readonly DocumentRow[];
  readonly protos: readonly ProtoRow[];
  /** Packages that could not be fetched, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

const word = (outcome: Outcome): string => (outcome === "ok" ? "yes" : "no");

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function count(rows: readonly DocumentRow[], key: "generated" | "compiles" | "camelCase"): string {
  return `${rows.filter((row) => row[key] === "ok").length} of ${rows.length}`;
}

/** The report as Markdown: what holds, and a reason for all that does not. */
export function markdown({ documents, protos, missing }: Report): string {
  const documentTable = table(
    [
      "Document",
      "OpenAPI",
      "kB",
      "Operations",
      "Generates",
      "Compiles",
      "With camelCase",
      "Seconds",
      "Breaks",
    ],
    documents.map((row) => [
      row.name,
      row.version,
      row.kB,
      row.operations,
      word(row.generated),
      word(row.compiles),
      word(row.camelCase),
      row.seconds.toFixed(2),
      row.breaks === undefined ? "" : row.breaks.found.join(" / "),
    ]),
  );
  const protoTable = table(
    ["Protos", "Files", "Generates", "Compiles", "Seconds"],
    protos.map((row) => [
      row.name,
      row.files,
      word(row.generated),
      word(row.compiles),
      row.seconds.toFixed(2),
    ]),
  );
  const reasons = [
    ...Object.entries(missing).map(([name, reason]) => `- ${name} is not fetched: ${reason}\n`),
    ...[...documents, ...protos].flatMap((row) => {
      const steps = [row.generated, row.compiles, ...("camelCase" in row ? [row.camelCase] : [])];
      const failed = [...new Set(steps)].filter((step) => step !== "ok" && step !== "not generated");
      return failed.map((step) => `- ${row.name}: \`${step.replaceAll("`", "'")}\`\n`);
    }),
  ];
  return `${count(documents, "generated")} documents generate, ${count(documents, "compiles")} compile, ${count(documents, "camelCase")} generate and compile with camelCase.

${documentTable}
Breaks: found against the document itself, with one member of a response removed, and against itself again.

${protoTable}
${reasons.length === 0 ? "" : `### What does not work\n\n${reasons.join("")}`}`;
}
