/** Runs a command line: prints what it results in, and turns its end into an exit code. */
import { CommanderError } from "commander";
import { AbortError, AgentwireError, AuthError, ConnectionError, errorText } from "../core/errors.js";
import { maskText } from "../core/mask-text.js";
import { type JsonOption, UsageError } from "./command.js";
import { COMMANDS } from "./commands.js";
import { EXIT } from "./exit-codes.js";
import type { Io } from "./io.js";
import { createProgram } from "./program.js";

/** What the process does before a command that stops by itself: turn signals into `io.signal`. */
export interface RunOptions {
  readonly onStops?: () => void;
}

/** Runs a command line. Resolves with the exit code; never rejects. */
export async function runCli(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<number> {
  const called = argv[0] === "help" ? argv[1] : argv[0];
  const name = COMMANDS.find((entry) => entry.name === called)?.name;
  let exitCode: number = EXIT.ok;
  try {
    const program = await createProgram(
      name === undefined ? [] : [name],
      io,
      async (command, given, args) => {
        if (command.stops) options.onStops?.();
        const outcome = await command.run(given, io, args);
        exitCode = outcome.exitCode ?? EXIT.ok;
        if (!(given as JsonOption).json) io.out(outcome.text ?? "");
        else if (outcome.result !== undefined) {
          printJson(io.out, { ok: exitCode === EXIT.ok, command: name, result: outcome.result });
        }
      },
    );
    await program.parseAsync(commandLine(argv, name), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok; // help or version
    exitCode = exitCodeOf(error, io);
    const message = maskText(messageOf(error, io));
    if (argv.includes("--json")) {
      printJson(io.err, { ok: false, command: name, error: { code: codeOf(error), message, exitCode } });
      return exitCode;
    }
    const who = name === undefined ? "agentwire" : `agentwire ${name}`;
    const code = error instanceof AgentwireError ? `[${error.code}] ` : "";
    io.err(`${who}: ${code}${message}\n${exitCode === EXIT.usage ? `Run '${who} --help' for help.\n` : ""}`);
    return exitCode;
  }
}

/** `help NAME` as `NAME --help`, so that an unknown name is reported. Without arguments: help. */
function commandLine(argv: readonly string[], name: string | undefined): string[] {
  const [first, second] = argv;
  if (first === undefined) return ["--help"];
  if (first !== "help" || second === undefined) return [...argv];
  return name === undefined ? [second] : [name, "--help"];
}

/** Prints one JSON document. */
function printJson(print: (text: string) => void, value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

function exitCodeOf(error: unknown, io: Io): number {
  if (error instanceof UsageError || error instanceof CommanderError) return EXIT.usage;
  if (error instanceof AbortError && io.signal.aborted) return EXIT.interrupted;
  if (error instanceof ConnectionError || error instanceof AuthError) return EXIT.unreachable;
  return EXIT.no;
}

function messageOf(error: unknown, io: Io): string {
  if (error instanceof CommanderError) return error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return error instanceof AbortError && io.signal.aborted ? "interrupted" : errorText(error);
}

function codeOf(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommanderError) return "USAGE";
  return error instanceof AgentwireError ? error.code : "FAILED";
}
