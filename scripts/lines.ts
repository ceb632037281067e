/** `pnpm lines`: handwritten lines of code per folder: neither blank nor comment. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const RUNTIME = ["src/core", "src/handler", "src/cap", "src/neuron", "src/aureus", "src/4runr"];
const OTHER = [
  "src/aureus/engine",
  "src/bridge",
  "src/testing",
  "src/cli",
  "scripts",
  "test",
  "bench",
  "examples",
];

/** Lines that hold code. */
export function codeLines(text: string): number {
  let inComment = false;
  let count = 0;
  for (const line of text.split("\n").map((line) => line.trim())) {
    if (inComment) {
      inComment = !line.includes("*/");
    } else if (line.startsWith("/*")) {
      inComment = !line.includes("*/");
    } else if (line !== "" && !line.startsWith("//")) count++;
  }
  return count;
}

/** A folder that has a line of its own does not count into the one above it. */
function countedApart(path: string, folder: string): boolean {
  return OTHER.some(
    (other) => other !== folder && other.startsWith(`${folder}/`) && path.startsWith(`${other}/`),
  );
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter(
      (name) =>
        /\.[cm]?ts$/.test(name) && !name.startsWith("vectors") && !countedApart(`${folder}/${name}`, folder),
    );
  } catch {
    return []; // not there yet
  }
}

function row(folder: string): number {
  const files = filesOf(folder);
  if (files.length === 0) return 0;
  const lines = files.map((name) => codeLines(readFileSync(join(root, folder, name), "utf8")));
  const sum = lines.reduce((total, count) => total + count, 0);
  const largest = Math.max(...lines);
  console.log(
    `${folder.padEnd(14)} ${String(sum).padStart(6)} lines ${String(files.length).padStart(4)} files, largest ${largest}`,
  );
  return sum;
}

if (process.argv[1] === import.meta.filename) {
  const runtime = RUNTIME.reduce((total, folder) => total + row(folder), 0);
  console.log(`${"runtime".padEnd(14)} ${String(runtime).padStart(6)} lines`);
  for (const folder of OTHER) row(folder);
}
