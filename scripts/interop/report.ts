/** Runs tests and reads what they did. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "../..");

/** One test of a run. */
export interface TestRun {
  /** Path of its file, from the root of the repository. */
  readonly file: string;
  readonly groups: readonly string[];
  readonly title: string;
  readonly passed: boolean;
  readonly failure: string;
  /** What the test counted, where it says so with `task.meta.figures`. */
  readonly figures: Readonly<Record<string, number>> | undefined;
}

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
      readonly meta?: { readonly figures?: Readonly<Record<string, number>> };
    }[];
  }[];
}

/**
 * Runs test files, missing peers being failures. A file that cannot be loaded is one failed test.
 *
 * @param args further arguments of vitest
 * @returns the tests that were run, without those that were skipped
 */
export function runTests(
  files: readonly string[],
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): TestRun[] {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-report-"));
  try {
    const output = join(folder, "report.json");
    spawnSync("npx", ["vitest", "run", ...files, ...args, "--reporter=json", `--outputFile=${output}`], {
      cwd: root,
      env: { ...process.env, AGENTWIRE_STRICT: "1", ...env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    return readTests(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The tests in a JSON report of vitest, without those that were skipped. */
export function readTests(path: string): TestRun[] {
  const report = JSON.parse(readFileSync(path, "utf8")) as JsonReport;
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const runs = assertionResults
      .filter((test) => test.status === "passed" || test.status === "failed")
      .map(
        (test): TestRun => ({
          file,
          groups: test.ancestorTitles,
          title: test.title,
          passed: test.status === "passed",
          failure: (test.failureMessages ?? []).join("\n"),
          figures: test.meta?.figures,
        }),
      );
    if (status !== "failed" || runs.some(({ passed }) => !passed)) return runs;
    return [
      ...runs,
      { file, groups: [], title: "could not be run", passed: false, failure: message, figures: undefined },
    ];
  });
}
