/** The parts of documents that scripts write: held against what they would write now, or written. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBlock, writeBlock } from "./blocks.ts";
import { errorTables } from "./errors.ts";
import { llmsText } from "./llms.ts";

/** Writes everything anew. Gives the files that changed. */
export async function writeGenerated(root: string): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, table] of Object.entries(await errorTables(root))) {
    if (writeBlock(join(root, "docs/errors.md"), name, table)) changed.push(`docs/errors.md, ${name}`);
  }
  const file = join(root, "llms.txt");
  const text = llmsText(root);
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
    writeFileSync(file, text);
    changed.push("llms.txt");
  }
  return changed;
}

/** What is not as it would be written now. */
export async function staleGenerated(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, table] of Object.entries(await errorTables(root))) {
    if (readBlock(join(root, "docs/errors.md"), name) !== table)
      stale.push(`docs/errors.md: the block ${name}`);
  }
  const file = join(root, "llms.txt");
  if (!existsSync(file) || readFileSync(file, "utf8") !== llmsText(root)) stale.push("llms.txt");
  return stale;
}
