/** Handwritten lines of code: neither blank nor comment. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Areas that have a budget, with their folders. A folder that does not exist yet counts 0. */
export const AREAS: Readonly<Record<string, readonly string[]>> = {
  runtime: [
    "src/core",
    "src/http",
    "src/worker",
    "src/handler",
    "src/cap",
    "src/neuron",
    "src/aureus",
    "src/4runr",
  ],
  testing: ["src/testing"],
  cli: ["src/cli"],
  "scripts and generate": ["scripts", "src/generate"],
};

/** Folders that are counted and have no budget. */
export const UNBUDGETED = [
  "src/cli/inspector/page",
  "src/aureus/engine",
  "src/bridge",
  "src/otel",
  "test",
  "bench",
  "examples",
];

/** What a folder holds. */
export interface FolderCount {
  readonly folder: string;
  readonly lines: number;
  readonly files: number;
  /** Lines of its largest file. */
  readonly largest: number;
}

/** Lines that hold code. A line on which a comment ends and code follows counts. */
export function codeLines(text: string): number {
  let inComment = false;
  let count = 0;
  for (const line of text.split("\n")) {
    let rest = line.trim();
    while (inComment || rest.startsWith("/*")) {
      const end = rest.indexOf("*/", inComment ? 0 : 2);
      inComment = end < 0;
      rest = inComment ? "" : rest.slice(end + 2).trim();
      if (inComment) break;
    }
    if (rest !== "" && !rest.startsWith("//")) count++;
  }
  return count;
}

/** TypeScript files below a folder, relative to the root. */
export function typescriptFiles(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[cm]?tsx?$/.test(name))
      .map((name) => `${folder}/${name}`)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Counts one folder, without the folders below it that have a row of their own and without test vectors. */
export function countFolder(root: string, folder: string): FolderCount {
  const apart = UNBUDGETED.filter((other) => other.startsWith(`${folder}/`));
  const files = typescriptFiles(root, folder).filter(
    (name) => !name.startsWith(`${folder}/vectors`) && !apart.some((other) => name.startsWith(`${other}/`)),
  );
  const lines = files.map((name) => codeLines(readFileSync(join(root, name), "utf8")));
  return {
    folder,
    lines: lines.reduce((sum, count) => sum + count, 0),
    files: files.length,
    largest: Math.max(0, ...lines),
  };
}
