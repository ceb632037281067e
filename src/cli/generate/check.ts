/** `agentwire check`: lints specs, compares them with their baselines, and holds recorded traffic against them. */
import { checkSpecs, updateBaselines } from "../../generate/check/check.js";
import { groupFindings } from "../../generate/finding.js";
import type { CliCommand, Outcome } from "../command.js";
import { EXIT } from "../exit-codes.js";
import type { Io } from "../io.js";
import { configFor, type GenerateOptions, withFailures } from "./gen.js";
import { GITHUB_OPTION, jsonFinding, printResults, wantsGithub } from "./report.js";

/** `agentwire check`. */
export const checkCommand: CliCommand = {
  configure: (command) =>
    command
      .argument("[names...]", "specs of the config (default: all)")
      .option("--config <file>", "the config (default: agentwire.config.ts)")
      .option("--update-baseline", "record the current specs as the released ones, and check nothing")
      .option(...GITHUB_OPTION),
  notes: "Exit code 1: a check failed. Exit code 2: a check could not run.",
  examples: [
    ["check", "everything in agentwire.config.ts"],
    ["check billing --update-baseline", "with a release: later checks compare with this state"],
    ["check --json", "the findings for a program"],
  ],
  run: (options: CheckOptions, io, names) => withFailures(options, io, () => run(options, io, names)),
};

interface CheckOptions extends GenerateOptions {
  readonly updateBaseline?: boolean;
}

async function run(given: CheckOptions, io: Io, names: readonly string[]): Promise<Outcome> {
  const start = performance.now();
  const options = await configFor(given, names);
  if (given.updateBaseline) {
    const files = await updateBaselines(options);
    const text = files.map((file) => `${file} is the new baseline\n`).join("");
    return { text, result: { baselines: files } };
  }
  const results = await checkSpecs(options);
  const failed = results.some(({ failure }) => failure !== undefined);
  const bad = results.some(({ findings }) => findings.some(({ severity }) => severity !== "warning"));
  if (!given.json) printResults(io, results, wantsGithub(given, io));
  const findings = results.flatMap(({ name, findings }) =>
    groupFindings(findings).map((group) => ({ spec: name.split(" ").at(-1), ...jsonFinding(group) })),
  );
  const checks = results.map(({ name, summary, failure }) => ({ name, summary, failure }));
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  return { exitCode: failed ? EXIT.usage : bad ? EXIT.no : EXIT.ok, result: { findings, checks, seconds } };
}
