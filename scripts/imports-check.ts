/** `pnpm imports:check`: the direction of imports, and that the entries for browsers bundle for one. */
import { join } from "node:path";
import { BROWSER_ENTRIES, bundleForBrowser } from "./imports/bundle.ts";
import { checkImports } from "./imports/rules.ts";

const root = join(import.meta.dirname, "..");

let failed = 0;
for (const { file, imports, rule } of checkImports(join(root, "src"))) {
  failed++;
  console.error(`${file}: imports ${imports}: ${rule}`);
}
for (const entry of BROWSER_ENTRIES) {
  try {
    const { minified, gzipped, gzippedInAll } = await bundleForBrowser(join(root, entry));
    const later = gzippedInAll > gzipped ? `, ${kilobytes(gzippedInAll)} with what is loaded late` : "";
    console.log(
      `${entry.padEnd(22)} ${kilobytes(minified)} min, ${kilobytes(gzipped)} min+gzip${later}, no node: import`,
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
