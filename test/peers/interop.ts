/**
 * `pnpm interop [--write]`: runs every test with a real peer or a recording of one, and prints a table of what each
 * did. `--write` puts it into docs/interop.md. A peer that is missing is a failure.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "../..");

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: "passed" | "failed" | "skipped" | "pending" | "todo";
    }[];
  }[];
}

/** Tests that run a peer's own program, and those that repeat what was recorded from one. */
function filesWithPeers(): string[] {
  const marks = /await describeWithPeers\(|test\/vectors|\.\.\/vectors|recordings\//;
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((file) => join("test", file))
    .filter((file) => file.endsWith(".test.ts") && !file.startsWith("test/fuzz/"))
    .filter((file) => marks.test(readFileSync(join(root, file), "utf8")))
    .sort();
}

function runTests(files: readonly string[]): Report {
  const output = join(mkdtempSync(join(tmpdir(), "agentwire-interop-")), "report.json");
  const args = ["vitest", "run", ...files, "--reporter=dot", "--reporter=json", `--outputFile=${output}`];
  const env = { ...process.env, AGENTWIRE_STRICT: "1" };
  spawnSync("npx", args, { cwd: root, env, stdio: ["ignore", "ignore", "inherit"] });
  return JSON.parse(readFileSync(output, "utf8")) as Report;
}

const cell = (text: string) => text.replace(/\|/g, "\\|").replace(/\s+/g, " ");

const report = runTests(filesWithPeers());
/** The outcomes of each test, by what it was run with. */
const groups = new Map<string, { title: string; status: string }[]>();
for (const { name, message, assertionResults } of report.testResults) {
  const failed = {
    title: `could not run: ${message}`,
    status: "failed",
    ancestorTitles: [relative(root, name)],
  };
  for (const { ancestorTitles, title, status } of assertionResults.length > 0 ? assertionResults : [failed]) {
    const group = ancestorTitles.join(", ");
    groups.set(group, [...(groups.get(group) ?? []), { title, status }]);
  }
}
const passedOf = (tests: readonly { status: string }[]) =>
  tests.filter(({ status }) => status === "passed").length;
/** Groups of many cases are one row, unless something is wrong. */
const MANY = 12;
const rows = [...groups].flatMap(([group, tests]) =>
  tests.length > MANY && passedOf(tests) === tests.length
    ? [`| ${cell(group)} | ${tests.length} cases | passed |`]
    : tests.map(({ title, status }) => `| ${cell(group)} | ${cell(title)} | ${status} |`),
);
const all = [...groups.values()].flat();
const [passed, total] = [passedOf(all), all.length];
const day = new Date().toISOString().slice(0, 10);
const text = `# What was run against real peers

\`pnpm interop --write\` made this page on ${day}, on Node ${process.versions.node}, from one run of every test that starts a
peer's own program or repeats what was recorded from one. Versions of the peers: [compatibility](compatibility.md#peers).

**${passed} of ${total} passed.**

| with | what was done | outcome |
| --- | --- | --- |
${rows.join("\n")}
`;
if (process.argv.includes("--write")) writeFileSync(join(root, "docs/interop.md"), text);
else process.stdout.write(text);
process.exitCode = passed === total ? 0 : 1;
