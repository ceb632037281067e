/**
 * `pnpm mutation [area…]`: changes the sources of each area of `scripts/mutation/areas.ts`, one small change at a time,
 * and counts the changes that a test notices. Prints those that no test notices. Fails below the threshold, and on an
 * entry of `scripts/mutation/survivors.md` that is stale. `--only <glob>` mutates only those files, without the threshold.
 * Results are kept in `.cache/mutation` and reused until a source or a test changes.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AREAS } from "./mutation/areas.ts";
import { count, type Mutant, readReasons, readReport, staleKeys } from "./mutation/report.ts";

const THRESHOLD = 88;
const root = join(import.meta.dirname, "..");
const cache = join(root, ".cache/mutation");

/** Runs one area and returns its mutants. */
function mutate(name: string, only: string | undefined): Mutant[] {
  const area = AREAS[name];
  if (!area) throw new Error(`unknown area "${name}": expected one of ${Object.keys(AREAS).join(", ")}`);
  const report = join(cache, `${name}.report.json`);
  const settings = {
    mutate: only ? [only] : area.mutate,
    testFiles: area.tests,
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner", "./scripts/mutation/ignore-messages.mjs"],
    vitest: { configFile: "scripts/mutation/vitest.config.ts", related: false },
    ignorers: ["messages"],
    ignorePatterns: ["/.cache", "/dist", "/docs/images"],
    coverageAnalysis: "perTest",
    ignoreStatic: true, // code that runs only while a module loads: each such mutant would run all tests
    concurrency: 1,
    timeoutMS: 10_000, // longer than a test may take: only code that never yields is ended this way
    incremental: true,
    incrementalFile: join(cache, `${name}.json`),
    reporters: ["progress-append-only", "json"],
    jsonReporter: { fileName: report },
    allowConsoleColors: false,
  };
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `${name}.settings.json`);
  writeFileSync(file, JSON.stringify(settings, null, 2));
  const stryker = join(root, "node_modules/@stryker-mutator/core/bin/stryker.js");
  const { status } = spawnSync(process.execPath, [stryker, "run", file], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error(`the run of "${name}" failed with exit code ${status}`);
  return readReport(readFileSync(report, "utf8"));
}

const args = process.argv.slice(2);
const at = args.indexOf("--only");
const only = at < 0 ? undefined : args.splice(at, 2)[1];
const reasons = readReasons(readFileSync(join(root, "scripts/mutation/survivors.md"), "utf8"));

for (const name of args.length > 0 ? args : Object.keys(AREAS)) {
  const started = performance.now();
  const mutants = mutate(name, only);
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const { files, total, killed, timeout, survivors, score } = count(mutants);
  for (const { key, place, status } of survivors)
    if (!reasons.has(key)) console.log(`${place} ${status}\n  ${key}`);
  console.log(
    `${name}: ${files} files, ${total} mutants, ${killed} killed, ${timeout} timeout, ` +
      `${survivors.length} survived, score ${score.toFixed(1)} %, ${minutes} min`,
  );
  const stale = staleKeys(mutants, reasons);
  for (const key of stale) console.error(`stale entry in survivors.md: ${key}`);
  if (stale.length > 0 || (score < THRESHOLD && !only)) process.exitCode = 1;
}
