/**
 * `pnpm interop [--write]`: runs every test that starts a peer's own program or repeats what was recorded from one, and
 * prints peer, operation, direction and outcome. `--write` puts the table into docs/interop.md. A peer that is missing, a
 * test that no row names, and a row without a test are failures.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findNatsReleases, findVersions } from "./interop/peers.ts";
import { runTests, type TestRun } from "./interop/report.ts";
import { ROWS, type Row } from "./interop/rows.ts";

/** What each release of nats-server is tried with. */
const NATS_FILES = ["test/cap/nats/bus.test.ts", "test/cap-delivery/jetstream.test.ts"];

const versions = await findVersions();
const lines: string[] = [];
const problems: string[] = [];

function line(peer: string, operation: string, direction: string, tests: readonly TestRun[]): void {
  const passed = tests.filter((test) => test.passed);
  for (const { file, title, failure } of tests.filter((test) => !test.passed))
    problems.push(`${file} > ${title}\n${failure.slice(0, 1000)}`);
  if (tests.length === 0) problems.push(`no test for: ${operation}`);
  const outcome = passed.length === tests.length && tests.length > 0 ? "pass" : "FAIL";
  const counts = figuresOf(tests);
  lines.push(
    `| ${peer} | ${operation}${counts} | ${direction} | ${outcome}, ${passed.length} of ${tests.length} |`,
  );
}

/** What the tests counted, in words. */
function figuresOf(tests: readonly TestRun[]): string {
  const found = tests.flatMap(({ figures }) => Object.entries(figures ?? {}));
  return found.length === 0
    ? ""
    : ` (${found.map(([name, value]) => `${name} ${value.toLocaleString("en")}`).join(", ")})`;
}

const isOf = ({ file, tests }: Row, run: TestRun) =>
  run.file === file && [...run.groups, run.title].join(" ").includes(tests ?? "");

const started = performance.now();
const files = [...new Set(ROWS.map(({ file }) => file))];
const runs = new Set(runTests(files, ["--maxWorkers=1"], { AGENTWIRE_INTEROP: "full" }));
for (const row of ROWS) {
  const own = [...runs].filter((run) => isOf(row, run));
  for (const run of own) runs.delete(run);
  line(row.peers.map((name) => versions[name]).join("; "), row.operation, row.direction, own);
}
for (const { file, title, failure } of runs) problems.push(`no row for ${file} > ${title}\n${failure}`);

for (const { name, path, howTo } of await findNatsReleases()) {
  const operation = "The bus and JetStream, as above";
  if (path === undefined)
    lines.push(`| ${name} | ${operation} | agentwire → peer | not run here: ${howTo} |`);
  else
    line(
      name,
      operation,
      "agentwire → peer",
      runTests(NATS_FILES, ["--maxWorkers=1"], { NATS_SERVER: path }),
    );
}

const failed = lines.filter((text) => text.includes("| FAIL")).length;
const notRun = lines.filter((text) => text.includes("| not run")).length;
const text = `# Interoperability

\`pnpm interop --write\` wrote this page on ${new Date().toISOString().slice(0, 10)} on Node ${process.versions.node}, from one live run. Each row
counts the tests that passed. "Recorded" means that the test repeats what was recorded from the peer
(see [test/vectors](../test/vectors/README.md)); every other peer ran during the test, and reported its version itself.

**${lines.length - failed - notRun} of ${lines.length - notRun} rows that can be run here pass.**${notRun > 0 ? ` ${notRun} cannot be run here.` : ""}

| peer | operation | direction | outcome, tests |
| --- | --- | --- | --- |
${lines.join("\n")}
`;
if (process.argv.includes("--write")) writeFileSync(join(import.meta.dirname, "../docs/interop.md"), text);
else console.log(text);
for (const problem of problems) console.error(`\n${problem}`);
console.error(
  `\n${lines.length} rows, ${failed} failed, ${Math.round((performance.now() - started) / 1000)} s`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
