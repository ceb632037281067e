/**
 * `pnpm mutation [area…]`: changes the sources of each area of `scripts/mutation/areas.ts`, one small change at a time,
 * and counts the changes that a test notices. Prints those that no test notices. Fails below the threshold, and on an
 * entry of `scripts/mutation/survivors.md` that is stale. `--only <glob>` mutates only those files, and
 * `--sample <percent>:<seed>` makes only a part of the changes, chosen at random; both without the threshold. Results are
 * kept in `.cache/mutation` and reused until a source or a test changes.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { AREAS } from "./mutation/areas.ts";
import { count, type Mutant, readReasons, readReport, staleKeys } from "./mutation/report.ts";

const THRESHOLD = 88;
const root = join(import.meta.dirname, "..");
const cache = join(root, ".cache/mutation");

/** Runs one area and returns its mutants. */
function mutate(name: string, only: string | undefined, sample: string | undefined): Mutant[] {
  const area = AREAS[name];
  if (!area) throw new Error(`unknown area "${name}": expected one of ${Object.keys(AREAS).join(", ")}`);
  const run = sample === undefined ? name : `${name}.sample-${sample.replace(":", "-")}`;
  const report = join(cache, `${run}.report.json`);
  const settings = {
    mutate: only ? [only] : area.mutate,
    testFiles: area.tests,
    testRunner: "vitest",
    plugins: [
      "@stryker-mutator/vitest-runner",
      "./scripts/mutation/ignore-messages.mjs",
      "./scripts/mutation/sample.mjs",
    ],
    checkers: sample === undefined ? [] : ["sample"],
    vitest: { configFile: "scripts/mutation/vitest.config.ts", related: false },
    ignorers: ["messages"],
    ignorePatterns: ["/.cache", "/dist", "/docs/images"],
    coverageAnalysis: "perTest",
    ignoreStatic: true, // code that runs only while a module loads: each such mutant would run all tests
    concurrency: availableParallelism(),
    timeoutMS: 10_000, // longer than a test may take: only code that never yields is ended this way
    incremental: true,
    incrementalFile: join(cache, `${run}.json`),
    reporters: ["progress-append-only", "json"],
    jsonReporter: { fileName: report },
    allowConsoleColors: false,
  };
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `${run}.settings.json`);
  writeFileSync(file, JSON.stringify(settings, null, 2));
  const stryker = join(root, "node_modules/@stryker-mutator/core/bin/stryker.js");
  const env = { ...process.env, AGENTWIRE_MUTATION_SAMPLE: sample };
  const { status } = spawnSync(process.execPath, [stryker, "run", file], {
    cwd: root,
    stdio: "inherit",
    env,
  });
  if (status !== 0) throw new Error(`the run of "${name}" failed with exit code ${status}`);
  return readReport(readFileSync(report, "utf8"));
}

const args = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
};
const only = option("--only");
const sample = option("--sample");
const reasons = readReasons(readFileSync(join(root, "scripts/mutation/survivors.md"), "utf8"));

for (const name of args.length > 0 ? args : Object.keys(AREAS)) {
  const started = performance.now();
  const mutants = mutate(name, only, sample);
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const { files, total, killed, timeout, survivors, score } = count(mutants);
  for (const { key, place, status } of survivors)
    if (!reasons.has(key)) console.log(`${place} ${status}\n  ${key}`);
  console.log(
    `${name}: ${files} files, ${total} mutants, ${killed} killed, ${timeout} timeout, ` +
      `${survivors.length} survived, score ${score.toFixed(1)} %, ${minutes} min`,
  );
  const stale = sample === undefined ? staleKeys(mutants, reasons) : [];
  for (const key of stale) console.error(`stale entry in survivors.md: ${key}`);
  if (stale.length > 0 || (score < THRESHOLD && only === undefined && sample === undefined))
    process.exitCode = 1;
}
