/** Generated parts of the documents: compared with what they should contain, or written. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBlock, writeBlock } from "./blocks.ts";
import { cliReference } from "./cli.ts";
import { environmentReference } from "./environment.ts";
import { errorTables } from "./errors.ts";
import { llmsText } from "./llms.ts";
import { optionsReference } from "./options.ts";

/** Files that are generated whole. `llms.txt` lists the others, so it comes last. */
const FILES: readonly (readonly [name: string, text: (root: string) => string | Promise<string>])[] = [
  ["docs/cli-reference.md", cliReference],
  ["docs/environment.md", environmentReference],
  ["docs/options.md", optionsReference],
  ["llms.txt", llmsText],
];

/** Writes all generated parts. Returns what changed. */
export async function writeGenerated(root: string): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, table] of Object.entries(await errorTables(root))) {
    if (writeBlock(join(root, "docs/errors.md"), name, table)) changed.push(`docs/errors.md, ${name}`);
  }
  for (const [name, text] of FILES) {
    const content = await text(root);
    if (current(root, name) === content) continue;
    writeFileSync(join(root, name), content);
    changed.push(name);
  }
  return changed;
}

/** Generated parts that are out of date. */
export async function staleGenerated(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, table] of Object.entries(await errorTables(root))) {
    if (readBlock(join(root, "docs/errors.md"), name) !== table)
      stale.push(`docs/errors.md: the block ${name}`);
  }
  for (const [name, text] of FILES) if (current(root, name) !== (await text(root))) stale.push(name);
  return stale;
}

function current(root: string, name: string): string | undefined {
  const file = join(root, name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
