/**
 * `pnpm gen`: regenerates `gen/` from `specs/`. `--check`: says how `gen/` differs instead, and exits with 1
 * if it does.
 */
import { join } from "node:path";
import config from "../openapi.config.ts";
import { formatFinding, SpecError } from "../src/generate/finding.ts";
import { checkGen, type Drift, writeGen } from "../src/generate/run.ts";
import { runScript } from "./script.ts";

const options = { root: join(import.meta.dirname, ".."), config };

function listDrift(drift: Drift): string[] {
  return (["missing", "stale", "orphaned"] as const).flatMap((kind) =>
    drift[kind].map((file) => `${kind}: ${file}`),
  );
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) throw new SpecError(`unknown argument ${unknown}; known: --check`);
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  if (!args.includes("--check")) {
    const { files, warnings } = await writeGen(options);
    for (const warning of warnings) console.warn(`warning: ${formatFinding(warning)}`);
    console.log(`gen: ${files} files in ${seconds()}`);
    return 0;
  }
  const drift = listDrift(await checkGen(options));
  if (drift.length === 0) {
    console.log(`gen/ is what the specs give (${seconds()})`);
    return 0;
  }
  console.error(`${drift.join("\n")}\ngen/ differs from the specs: run \`pnpm gen\``);
  return 1;
}

await runScript(main);
