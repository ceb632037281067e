/** `agentwire gen`: generates clients and types from specs. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { groupFindings, SpecError } from "../../generate/finding.js";
import { configOf, loadConfig } from "../../generate/load-config.js";
import { generate } from "../../generate/run.js";
import type { CliCommand, JsonOption, Outcome } from "../command.js";
import { EXIT } from "../exit-codes.js";
import type { Io } from "../io.js";
import { GITHUB_OPTION, jsonFinding, printFindings, wantsGithub } from "./report.js";

/** Options of both commands. */
export interface GenerateOptions extends JsonOption {
  readonly config?: string;
  readonly github?: boolean;
}

interface GenOptions extends GenerateOptions {
  readonly check?: boolean;
}

/** `agentwire gen`. */
export const genCommand: CliCommand = {
  configure: (command) =>
    command
      .argument(
        "[names...]",
        "specs of the config, or one OpenAPI document, whose client is written to gen/NAME",
      )
      .option("--config <file>", "the config (default: agentwire.config.ts)")
      .option("--check", "write nothing: list files that are missing, stale or orphaned")
      .option(...GITHUB_OPTION),
  notes: "Exit code 1: with --check, the output differs. Exit code 2: nothing could be generated.",
  examples: [
    ["gen", "everything in agentwire.config.ts"],
    ["gen billing", "one spec"],
    ["gen specs/billing.yaml", "a document, without a config"],
    ["gen --check", "in CI: fails if the generated code is out of date"],
  ],
  run: (options: GenOptions, io, names) => withFailures(options, io, () => run(options, io, names)),
};

/** The config of a command line. */
export async function configFor({ config }: GenerateOptions, names: readonly string[]) {
  const folder = process.cwd();
  const [first = ""] = names;
  const isDocument =
    names.length === 1 && /\.(?:ya?ml|json)$/i.test(first) && existsSync(resolve(folder, first));
  if (isDocument) return { ...configOf(folder, first), names: [] };
  return { ...(await loadConfig(folder, config)), names };
}

/** Prints the findings of a {@link SpecError}, and ends with exit code 2. */
export async function withFailures(
  options: GenerateOptions,
  io: Io,
  run: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const { message, findings } = error;
    if (!options.json) {
      if (findings.length === 0) io.err(`${message}\n`);
      printFindings(io, findings, wantsGithub(options, io));
    }
    const result = { error: message, findings: groupFindings(findings).map(jsonFinding) };
    return { exitCode: EXIT.usage, result };
  }
}

async function run(given: GenOptions, io: Io, names: readonly string[]): Promise<Outcome> {
  const start = performance.now();
  const check = given.check ?? false;
  const { files, drift, warnings } = await generate({ ...(await configFor(given, names)), check });
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const lines = Object.entries(drift).flatMap(([kind, list]) =>
    list.map((file: string) => `${kind}: ${file}`),
  );
  const result = { findings: groupFindings(warnings).map(jsonFinding), files, drift, seconds };
  if (!given.json) printFindings(io, warnings, wantsGithub(given, io));
  if (lines.length === 0) {
    return { text: check ? `up to date (${seconds} s)\n` : `${files} files in ${seconds} s\n`, result };
  }
  const advice = "the generated code differs from the specs: run `agentwire gen`";
  if (!given.json) io.err([...lines, advice, ""].join("\n"));
  return { exitCode: EXIT.no, result };
}
