/** `agentwire check`: lints specs, compares them with their baselines, and holds recorded traffic against them. */
import { checkSpecs, updateBaselines } from "../../generate/check/check.js";
import { groupFindings } from "../../generate/finding.js";
import type { Args, Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type Io, printJson } from "../io.js";
import { configFor, withFailures } from "./gen.js";
import { GITHUB_OPTION, jsonFinding, printResults, wantsGithub } from "./report.js";

/** Options, help and run of `agentwire check`. */
export const checkCommand: Command = {
  options: [
    { name: "config", value: "FILE", about: "the config (default: agentwire.config.ts)" },
    { name: "update-baseline", about: "take the specs as they are as the released ones, and check nothing" },
    GITHUB_OPTION,
  ],
  maxArguments: 100,
  notes: "Exit code 1: a check failed. Exit code 2: a check could not be done.",
  examples: [
    ["check", "everything in agentwire.config.ts"],
    ["check billing --update-baseline", "with a release: later breaks are found against this state"],
    ["check --json", "the findings for a program"],
  ],
  run: (args, io) => withFailures(args, io, () => run(args, io)),
};

async function run(args: Args, io: Io): Promise<number> {
  const start = performance.now();
  const options = await configFor(args);
  if (args.flag("update-baseline")) {
    const files = await updateBaselines(options);
    if (args.flag("json")) printJson(io, { ok: true, baselines: files });
    else for (const file of files) io.out(`${file} is the new baseline\n`);
    return EXIT.ok;
  }
  const results = await checkSpecs(options);
  const failed = results.some(({ failure }) => failure !== undefined);
  const bad = results.some(({ findings }) => findings.some(({ severity }) => severity !== "warning"));
  if (args.flag("json")) {
    const findings = results.flatMap(({ name, findings }) =>
      groupFindings(findings).map((group) => ({ spec: name.split(" ").at(-1), ...jsonFinding(group) })),
    );
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    const checks = results.map(({ name, summary, failure }) => ({ name, summary, failure }));
    printJson(io, { ok: !bad && !failed, findings, checks, seconds });
  } else printResults(io, results, wantsGithub(args.flag("github"), io));
  return failed ? EXIT.usage : bad ? EXIT.no : EXIT.ok;
}
