/** Blocks of documents that scripts write: `<!-- NAME:start -->` … `<!-- NAME:end -->`. */
import { readFileSync, writeFileSync } from "node:fs";

/** The text of a block, without the blank lines around it; undefined when the document has none. */
export function readBlock(file: string, name: string): string | undefined {
  const text = readFileSync(file, "utf8");
  const [from, to] = bounds(text, name);
  return to < 0 ? undefined : text.slice(from, to).trim();
}

/** Replaces the text of a block. True when that changed the file. Throws where the document has no such block. */
export function writeBlock(file: string, name: string, content: string): boolean {
  const text = readFileSync(file, "utf8");
  const [from, to] = bounds(text, name);
  if (to < 0) throw new Error(`${file} has no block ${name}`);
  const changed = `${text.slice(0, from)}\n${content.trim()}\n${text.slice(to)}`;
  if (changed === text) return false;
  writeFileSync(file, changed);
  return true;
}

function bounds(text: string, name: string): readonly [number, number] {
  const start = `<!-- ${name}:start -->`;
  const from = text.indexOf(start);
  return from < 0 ? [0, -1] : [from + start.length, text.indexOf(`<!-- ${name}:end -->`, from)];
}
