/** What a new user does: the README's code in a project that has the package and nothing of this repository. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { transform } from "esbuild";
import type { Fetched } from "../../scripts/browser.ts";
import { fetchPackage } from "../../scripts/fetch.ts";
import { parseMarkdown } from "../docs/markdown.ts";
import { folder } from "./project.ts";
import type { SmokeResult } from "./smoke/parts.ts";

const run = promisify(execFile);
const RUN_MS = 60_000;

/** Runs every `ts` block of the README that shows its output. */
export async function runReadme(runtime: Fetched): Promise<SmokeResult[]> {
  const program = join(await fetchPackage(runtime.package, runtime.version), runtime.program);
  const { blocks } = parseMarkdown(readFileSync(join(import.meta.dirname, "../../README.md"), "utf8"));
  const results: SmokeResult[] = [];
  for (const { language, code, output, comment, line } of blocks) {
    if (!["ts", "js"].includes(language) || output === undefined) continue;
    const file = join(folder, `readme-${line}.mjs`);
    writeFileSync(file, (await transform(code, { loader: "ts", target: "node20" })).code);
    const options = { cwd: folder, timeout: RUN_MS };
    const { stdout } = await run(program, [file], options).catch((error: Error) => ({
      stdout: String(error),
    }));
    const ok = stdout === output;
    results.push({ part: comment ?? `line ${line}`, ok, detail: ok ? output.trim() : `printed ${stdout}` });
  }
  return results;
}
