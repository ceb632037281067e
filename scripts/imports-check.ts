/** `pnpm imports:check`: the direction of imports, and that the entries for browsers bundle for one. */
import { join } from "node:path";
import { bundleForBrowser } from "./imports/bundle.ts";
import { checkImports } from "./imports/rules.ts";

const root = join(import.meta.dirname, "..");
const BROWSER_ENTRIES = [
  "src/index.ts",
  "src/cap/index.ts",
  "src/cap/safety/index.ts",
  "src/testing/index.ts",
  "gen/cap/index.ts",
  "gen/neuron/index.ts",
];

let failed = 0;
for (const { file, imports, rule } of checkImports(join(root, "src"))) {
  failed++;
  console.error(`${file}: imports ${imports}: ${rule}`);
}
for (const entry of BROWSER_ENTRIES) {
  try {
    const { minified, gzipped } = await bundleForBrowser(join(root, entry));
    console.log(
      `${entry.padEnd(22)} ${kilobytes(minified)} min, ${kilobytes(gzipped)} min+gzip, no node: import`,
    );
  } catch (error) {
    failed++;
    console.error(`${entry}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(8);
}
