/** Finds the command that is asked for, runs it, and makes an exit code of how it ends. */
import { AbortError, AgentwireError, AuthError, ConnectionError, errorText } from "../core/errors.js";
import { maskText } from "../core/mask-text.js";
import { VERSION } from "../index.js";
import { type CommandEntry, exitCodes, helpOf, readArgs, UsageError } from "./command.js";
import { COMMANDS } from "./commands.js";
import { EXIT } from "./exit-codes.js";
import { columns, type Io } from "./io.js";
import { didYouMean } from "./suggest.js";

/** What the process has to do before a command that stops by itself: turn signals into `io.signal`. */
export interface RunOptions {
  readonly onStops?: () => void;
}

/** The help of everything. */
export function overview(): string {
  const rows = COMMANDS.map(
    ({ name, usage, summary }) => `  ${name}${usage === "" ? "" : ` ${usage}`}\n        ${summary}\n`,
  );
  return `agentwire ${VERSION}: one package for the four wires of AI agents

usage: agentwire <command> [options]

commands
${rows.join("")}
${columns(
  [
    ["--help, -h", "this text; after a command, its options and examples"],
    ["--version, -v", "the version"],
    ["--json", "with every command: the result as JSON"],
  ],
  "  ",
)}
${exitCodes()}`;
}

/** Runs one command line. Resolves with the exit code; never rejects. */
export async function runCli(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<number> {
  const json = argv.includes("--json");
  try {
    return await dispatch(argv, io, options);
  } catch (error) {
    const code = exitCodeOf(error, io);
    const text = maskText(errorText(error));
    const entry = COMMANDS.find(({ name }) => name === argv[0]);
    const who = entry === undefined ? "agentwire" : `agentwire ${entry.name}`;
    if (json)
      io.err(`${JSON.stringify({ error: { code: codeOf(error), message: text, exitCode: code } })}\n`);
    else io.err(`${who}: ${shownCode(error)}${text}\n${code === EXIT.usage ? `see: ${who} --help\n` : ""}`);
    return code;
  }
}

async function dispatch(argv: readonly string[], io: Io, options: RunOptions): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    io.err(overview());
    return EXIT.no;
  }
  if (first === "--version" || first === "-v") return print(io, `${VERSION}\n`);
  if (first === "--help" || first === "-h") return print(io, overview());
  if (first === "help") return rest[0] === undefined ? print(io, overview()) : help(find(rest[0]), io);
  const entry = find(first);
  const command = await entry.load();
  const args = readArgs(rest, command.options, command.maxArguments);
  if (args.flag("help")) return help(entry, io);
  if (command.stops) options.onStops?.();
  return command.run(args, io);
}

function find(name: string): CommandEntry {
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry !== undefined) return entry;
  const names = COMMANDS.map((command) => command.name);
  if (name.startsWith("-")) throw new UsageError(`unknown option ${name}: a command comes first`);
  throw new UsageError(`unknown command: ${name}${didYouMean(name, names)}`);
}

async function help(entry: CommandEntry, io: Io): Promise<number> {
  return print(io, helpOf(entry, await entry.load()));
}

function print(io: Io, text: string): number {
  io.out(text);
  return EXIT.ok;
}

function exitCodeOf(error: unknown, io: Io): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof AbortError && io.signal.aborted) return EXIT.interrupted;
  if (error instanceof ConnectionError || error instanceof AuthError) return EXIT.unreachable;
  return EXIT.no;
}

function shownCode(error: unknown): string {
  return error instanceof AgentwireError ? `[${error.code}] ` : "";
}

function codeOf(error: unknown): string {
  if (error instanceof UsageError) return "USAGE";
  return error instanceof AgentwireError ? error.code : "FAILED";
}
