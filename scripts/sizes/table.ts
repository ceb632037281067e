/** The table of sizes in docs/performance.md: written by a script, read back by the check. */
import type { Cost } from "./measure.ts";

/** Drift that is let through: 5 %, and what rounding to 0.1 kB can hide. */
const SHARE = 0.05;
const ROUNDING = 0.1;

/** The table. */
export function sizesTable(costs: readonly Cost[]): string {
  const rows = costs.map(
    ({ name, gzipped, browser, importMs = 0 }) =>
      `| \`${name}\` | ${kilobytes(gzipped)} kB | ${Math.round(importMs)} ms | ${browser ? "yes" : "Node only"} |`,
  );
  return ["| import | min+gzip | import time | browsers |", "| --- | ---: | ---: | --- |", ...rows].join(
    "\n",
  );
}

/** What differs between the table that is shown and the sizes as they are; times are not compared. */
export function sizeDrift(shown: string, costs: readonly Cost[]): string[] {
  const rows = [...shown.matchAll(/^\| `([^`]+)` \| ([\d.]+) kB \|.*\| ([^|]+) \|$/gm)];
  const table = new Map(rows.map(([, name, size, where]) => [name!, { size: Number(size), where: where! }]));
  const findings: string[] = [];
  for (const { name, gzipped, browser } of costs) {
    const row = table.get(name);
    table.delete(name);
    const size = gzipped / 1000;
    if (row === undefined) findings.push(`${name} is not in the table`);
    else if (Math.abs(row.size - size) > Math.max(SHARE * row.size, ROUNDING))
      findings.push(`${name} is ${kilobytes(gzipped)} kB, the table says ${row.size} kB`);
    else if ((row.where === "yes") !== browser)
      findings.push(`${name}: the table says ${row.where} for browsers`);
  }
  for (const name of table.keys()) findings.push(`${name} is in the table and not in the package`);
  return findings;
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
