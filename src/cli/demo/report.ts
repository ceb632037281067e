/** The demo's report as text. */
import type { DemoReport } from "./demo.js";

/** The lines a person reads. */
export function formatDemo(report: DemoReport): string {
  const { hops, summary, checks } = report;
  const lines = [
    `agentwire demo: a signed CAP job, submitted, dispatched, run and answered (${report.crypto})`,
    `job ${report.jobId}: summarise ${report.file}`,
    "",
    ...table([
      ["at", "subject", "sender", "payload", "bytes", "signature"],
      ...hops.map((hop) => [
        `${hop.atMs.toFixed(1)} ms`,
        hop.subject,
        hop.sender,
        hop.payload,
        `${hop.bytes}`,
        `${hop.signatureBytes} bytes, ${hop.verified ? "verified" : "REFUSED"}`,
      ]),
    ]),
    "",
    `result after ${report.totalMs.toFixed(1)} ms: ${summary.lines} lines, ${summary.words} words, ${summary.characters} characters`,
    ...summary.longestLines.map(
      ({ line, characters, start }) => `  line ${line} has ${characters} characters: ${start}`,
    ),
    `  most frequent: ${summary.topWords.map(({ word, count }) => `${word} ${count}`).join(", ")}`,
    "",
    ...checks.map(({ name, held }) => `${held ? "ok  " : "FAIL"} ${name}`),
  ];
  return `${lines.join("\n")}\n`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
