/**
 * `pnpm sizes`: what every entry costs, written into the block `sizes` of docs/performance.md. Import times are those of the
 * built package, so it builds first. `--check` compares the sizes only, and fails when one is off by more than 5 %.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { readBlock, writeBlock } from "./docs/blocks.ts";
import { packageEntries } from "./sizes/entries.ts";
import { importTimes, sizeOf } from "./sizes/measure.ts";
import { sizeDrift, sizesTable } from "./sizes/table.ts";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs/performance.md");
const ROUNDS = 9;

const entries = packageEntries(root);
const costs = await Promise.all(entries.map((entry) => sizeOf(root, entry)));
if (process.argv.includes("--check")) {
  const findings = sizeDrift(readBlock(page, "sizes") ?? "", costs);
  for (const finding of findings) console.error(`${finding}; \`pnpm sizes\` writes the table again`);
  if (findings.length === 0) console.log(`sizes: ${costs.length} entries as docs/performance.md says`);
  process.exitCode = findings.length === 0 ? 0 : 1;
} else {
  execFileSync(join(root, "node_modules/.bin/tsx"), ["scripts/build.ts"], { cwd: root, stdio: "inherit" });
  const times = importTimes(root, entries, ROUNDS);
  const table = sizesTable(costs.map((cost) => ({ ...cost, importMs: times.get(cost.name)! })));
  console.log(table);
  writeBlock(page, "sizes", table);
}
