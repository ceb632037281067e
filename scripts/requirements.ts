/**
 * `pnpm requirements [--write] [--report FILE]`: runs every test that cites a requirement, and prints each requirement
 * with the tests that passed and with what they catch: a change of the sources that one of them noticed (from the last
 * `pnpm mutation`), or else the inputs in their titles. `--write` puts the table into docs/requirements.md, and `--report`
 * reads a run of `AGENTWIRE_TEST_REPORT=FILE pnpm test` instead of running tests. A requirement without a passing test
 * is a failure.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requirements } from "../test/requirements/index.ts";
import { noticedMutants } from "./interop/mutants.ts";
import { readTests, runTests } from "./interop/report.ts";

const root = join(import.meta.dirname, "..");
/** How `req` writes an id into a title. */
const ID = /\[([a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)\]/;
const MAX_TITLE = 140;

const started = performance.now();
const { values } = parseArgs({ options: { write: { type: "boolean" }, report: { type: "string" } } });
const tests = (
  values.report === undefined ? runTests(["test"], ["-t", ID.source]) : readTests(values.report)
).filter(({ title }) => ID.test(title));
const mutants = noticedMutants(join(root, ".cache/mutation"), ID);
const cell = (text: string) => text.replaceAll("|", "\\|").replace(/\s+/g, " ");
const shortened = (text: string) => (text.length > MAX_TITLE ? `${text.slice(0, MAX_TITLE)}…` : text);

let shown = 0;
let withMutant = 0;
const problems: string[] = [];
const lines = Object.entries(requirements).map(([id, { statement, source }]) => {
  const own = tests.filter(({ title }) => title.includes(`[${id}]`));
  const failed = own.filter(({ passed }) => !passed);
  for (const { file, title, failure } of failed)
    problems.push(`${file} > ${title}\n${failure.slice(0, 1000)}`);
  const passed = own.length - failed.length;
  if (passed > 0 && failed.length === 0) shown++;
  else problems.push(`${id}: ${passed} of ${own.length} tests passed`);
  const files = [...new Set(own.map(({ file }) => file))];
  const mutant = mutants.get(id);
  if (mutant !== undefined) withMutant++;
  const input = own[0]?.title.replace(ID, "").trim() ?? "";
  const caught = mutant ?? `input: ${shortened(input)}`;
  const names = files.map((file) => file.slice("test/".length, -".test.ts".length)).join(", ");
  const counted = failed.length === 0 ? `${passed}` : `${passed} of ${own.length}`;
  return `| \`${id}\` | ${cell(statement)} (${cell(source)}) | ${counted}: ${names} | ${cell(caught)} |`;
});

const total = lines.length;
const text = `# Requirements

\`pnpm requirements --write\` wrote this page on ${new Date().toISOString().slice(0, 10)} on Node ${process.versions.node}, from one run of every test that cites
a requirement. The last column names what the tests catch: a change of the sources that one of them noticed in
\`pnpm mutation\`, or else the input in the title of the first test.

**${shown} of ${total} requirements have only passing tests** (${tests.length} tests, ${withMutant} requirements with a mutant).

| requirement | statement and source | passing tests | catches |
| --- | --- | --- | --- |
${lines.join("\n")}
`;
if (values.write) writeFileSync(join(root, "docs/requirements.md"), text);
else console.log(text);
for (const problem of problems) console.error(`\n${problem}`);
const seconds = Math.round((performance.now() - started) / 1000);
console.error(
  `\n${shown} of ${total} requirements shown by ${tests.length} tests, ${withMutant} with a mutant, ${seconds} s`,
);
process.exitCode = shown === total ? 0 : 1;
