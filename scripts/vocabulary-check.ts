/** `pnpm vocabulary:check [path…]`: words that readers of English take for a translation, in prose, comments and messages. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { proseOf } from "./vocabulary/prose.ts";
import { WORDS } from "./vocabulary/words.ts";

const root = join(import.meta.dirname, "..");
const given = process.argv.slice(2).map((path) => relative(root, path));
/** Generated files, specs in their vendors' words, tests and the table of their titles, and this check itself. */
const EXCLUDED = /^(?:(?:gen|test|specs|scripts\/vocabulary)\/|docs\/requirements\.md)/;

const files = execFileSync("git", ["ls-files", "-z", "*.md", "*.ts", "*.mjs"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((file) => file !== "" && !EXCLUDED.test(file))
  .filter((file) => given.length === 0 || given.some((path) => file.startsWith(path)));
let findings = 0;
for (const file of files) {
  const text = readFileSync(join(root, file), "utf8");
  for (const { start, content } of proseOf(file, text)) {
    for (const { not, but, allowed } of WORDS) {
      for (const found of content.matchAll(new RegExp(not, "gi"))) {
        const around = content.slice(Math.max(0, found.index - 30), found.index + found[0].length + 30);
        if (allowed?.test(around)) continue;
        const line = text.slice(0, start + found.index).split("\n").length;
        console.log(`${file}:${line}: "${found[0].replace(/\s+/g, " ")}": write ${but}`);
        findings++;
      }
    }
  }
}
console.log(`vocabulary: ${files.length} files, ${WORDS.length} rules, findings ${findings}`);
process.exitCode = findings === 0 ? 0 : 1;
