/**
 * `pnpm lines`: handwritten lines of code per folder. `--check` also counts files, casts and exported names, and fails
 * where a figure is not the one in `scripts/budgets.json`; `--update` first lowers the ceilings there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entryExports } from "./docs/exports.ts";
import { type Budgets, budgetTable, compare, lower } from "./lines/budgets.ts";
import { countCasts } from "./lines/casts.ts";
import { AREAS, countFolder, UNBUDGETED } from "./lines/code.ts";

const root = join(import.meta.dirname, "..");
const file = join(root, "scripts/budgets.json");

function printFolder(folder: string) {
  const count = countFolder(root, folder);
  const columns = `${String(count.lines).padStart(6)} lines ${String(count.files).padStart(4)} files`;
  if (count.files > 0) console.log(`${folder.padEnd(20)} ${columns}, largest ${count.largest}`);
  return count;
}

const lines: Record<string, number> = {};
const files: Record<string, number> = {};
for (const [area, folders] of Object.entries(AREAS)) {
  const counts = folders.map(printFolder);
  lines[area] = counts.reduce((sum, count) => sum + count.lines, 0);
  files[area] = counts.reduce((sum, count) => sum + count.files, 0);
  if (folders.length > 1)
    console.log(
      `${area.padEnd(20)} ${String(lines[area]).padStart(6)} lines ${String(files[area]).padStart(4)} files`,
    );
}
UNBUDGETED.map(printFolder);

const update = process.argv.includes("--update");
if (update || process.argv.includes("--check")) {
  let budgets: Budgets = JSON.parse(readFileSync(file, "utf8"));
  const casts = countCasts(root, budgets.allowedCasts);
  // Generated code is the raw layer: its names come and go with the specs.
  const entries = entryExports(root).filter(({ entry }) => !entry.startsWith("agentwire/gen/"));
  const exports = Object.fromEntries(entries.map(({ entry, exports }) => [entry, exports.length]));
  exports.total = Object.values(exports).reduce((sum, count) => sum + count, 0);
  const figures = { lines, files, casts: casts.byFolder, exports };
  if (update) {
    budgets = lower(figures, budgets);
    writeFileSync(file, `${JSON.stringify(budgets, null, 2)}\n`);
  }
  console.log(budgetTable(figures, budgets));
  const findings = [...compare(figures, budgets), ...casts.findings];
  for (const finding of findings) console.error(finding);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
