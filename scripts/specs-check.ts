/**
 * `pnpm specs:check`: lints every spec, compares it with its baseline, and holds recorded traffic against it.
 * `--update-baseline [name]`: takes the specs (or one of them) as they are as the new baseline.
 */
import { join } from "node:path";
import config from "../openapi.config.ts";
import { checkSpecs, updateBaselines } from "../src/generate/check/check.ts";
import { SpecError } from "../src/generate/finding.ts";
import { runScript } from "./script.ts";

const options = { root: join(import.meta.dirname, ".."), config };

async function main([flag, name, ...rest]: readonly string[]): Promise<number> {
  if (flag === "--update-baseline" && rest.length === 0) {
    for (const file of await updateBaselines(options, name)) console.log(`${file} is the new baseline`);
    return 0;
  }
  if (flag !== undefined) throw new SpecError(`unknown argument ${flag}; known: --update-baseline [name]`);
  const results = await checkSpecs(options);
  for (const { name: check, summary, findings } of results) {
    console.log(`${findings.length === 0 ? "ok  " : "FAIL"} ${check}: ${summary}`);
    for (const finding of findings) console.log(`  ${finding.replaceAll("\n", "\n  ")}`);
  }
  return results.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

await runScript(main);
