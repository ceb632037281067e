/** `agentwire gen`: generates clients and types from specs. */
import { existsSync } from "node:fs";
import { groupFindings, SpecError } from "../../generate/finding.js";
import { configOf, loadConfig } from "../../generate/load-config.js";
import { generate } from "../../generate/run.js";
import type { Args, Command } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type Io, printJson } from "../io.js";
import { GITHUB_OPTION, jsonFinding, printFindings, wantsGithub } from "./report.js";

/** Options, help and run of `agentwire gen`. */
export const genCommand: Command = {
  options: [
    { name: "config", value: "FILE", about: "the config (default: agentwire.config.ts)" },
    { name: "check", about: "write nothing: name files that are missing, stale or orphaned" },
    GITHUB_OPTION,
  ],
  maxArguments: 100,
  notes:
    "Arguments are names of specs in the config, or one OpenAPI document, whose client goes to gen/NAME.\n" +
    "Exit code 1: with --check, the output differs. Exit code 2: nothing could be generated.",
  examples: [
    ["gen", "everything in agentwire.config.ts"],
    ["gen billing", "one spec"],
    ["gen specs/billing.yaml", "a document, without a config"],
    ["gen --check", "in CI: is the generated code up to date"],
  ],
  run: (args, io) => withFailures(args, io, () => run(args, io)),
};

/** The config of a command line. */
export async function configFor(args: Args) {
  const [first] = args.rest;
  const isDocument =
    args.rest.length === 1 && /\.(?:ya?ml|json)$/i.test(first ?? "") && existsSync(first ?? "");
  if (isDocument && first !== undefined) return { ...configOf(process.cwd(), first), names: [] };
  return { ...(await loadConfig(process.cwd(), args.text("config"))), names: args.rest };
}

/** Prints what a {@link SpecError} says, and ends with exit code 2. */
export async function withFailures(args: Args, io: Io, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const { message, findings } = error;
    if (args.flag("json")) {
      printJson(io, { ok: false, error: message, findings: groupFindings(findings).map(jsonFinding) });
    } else {
      if (findings.length === 0) io.err(`${message}\n`);
      printFindings(io, findings, wantsGithub(args.flag("github"), io));
    }
    return EXIT.usage;
  }
}

async function run(args: Args, io: Io): Promise<number> {
  const start = performance.now();
  const check = args.flag("check");
  const options = await configFor(args);
  const { files, drift, warnings } = await generate({ ...options, check });
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const lines = Object.entries(drift).flatMap(([kind, list]) =>
    list.map((file: string) => `${kind}: ${file}`),
  );
  if (args.flag("json")) {
    printJson(io, {
      ok: lines.length === 0,
      findings: groupFindings(warnings).map(jsonFinding),
      files,
      drift,
      seconds,
    });
  } else {
    printFindings(io, warnings, wantsGithub(args.flag("github"), io));
    for (const line of lines) io.err(`${line}\n`);
    if (lines.length > 0) io.err("the generated code differs from the specs: run `agentwire gen`\n");
    else io.out(check ? `up to date (${seconds} s)\n` : `${files} files in ${seconds} s\n`);
  }
  return lines.length > 0 ? EXIT.no : EXIT.ok;
}
