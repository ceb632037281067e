/** The default logger: one line for each call on `console`, from the level of `AGENTWIRE_LOG` upwards. */
import { readEnv } from "./env.js";
import type { LogFields, Logger, LogLevel } from "./log-types.js";
import { cutText, entriesOf, mask, maskLine, read, shownText, unreadable } from "./mask.js";
import { maskText } from "./mask-text.js";

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

type Threshold = (typeof LEVELS)[number];

/** Of a stack that is cut, so many characters of its end are shown. */
const framesText = 4_096;

/** Values of the variable that have been warned about. */
const refused = new Set<string>();

/** The level of `AGENTWIRE_LOG`; `warn` if it is not set. Any other value counts as `warn` and is reported once. */
function threshold(): Threshold {
  const given = readEnv("AGENTWIRE_LOG")?.toLowerCase() ?? "warn";
  const level = LEVELS.find((known) => known === given);
  if (level !== undefined) return level;
  if (!refused.has(given)) {
    refused.add(given);
    const wanted = "debug, info, warn, error or silent";
    write("warn", `AGENTWIRE_LOG must be ${wanted}, not ${JSON.stringify(given.slice(0, 100))}`);
  }
  return "warn";
}

/** One logger per threshold, so that what is to be warned of once is warned of once. */
const loggers = new Map<Threshold, Logger>();

/** What a console logger does with a line below its level. */
export function ignore(): void {}

/** The logger for the present value of `AGENTWIRE_LOG`; undefined if that is `silent`. */
export function consoleLogger(): Logger | undefined {
  const least = threshold();
  if (least === "silent") return undefined;
  let logger = loggers.get(least);
  if (logger === undefined) {
    const from = LEVELS.indexOf(least);
    const at = (level: LogLevel): Logger[LogLevel] =>
      LEVELS.indexOf(level) < from ? ignore : (message, fields) => write(level, message, fields);
    logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    loggers.set(least, logger);
  }
  return logger;
}

/** True for a logger made here, which masks what it writes itself. */
export function isConsoleLogger(logger: Logger): boolean {
  for (const known of loggers.values()) if (known === logger) return true;
  return false;
}

/** Both go to stderr on Node, so that the standard output stays the program's own. */
function write(level: LogLevel, message: string, fields: LogFields = {}): void {
  const words = [`agentwire ${level.padEnd(5)}`, oneLine(maskLine(message))];
  const entries = entriesOf(fields);
  for (const [name, value] of entries)
    if (value !== undefined) words.push(`${plainOrQuoted(name)}=${shown(name, value)}`);
  const below = level === "error" ? entries.flatMap(([, value]) => stacks(value)) : [];
  // biome-ignore lint/suspicious/noConsole: this is where lines go that nobody else takes
  console[level === "error" ? "error" : "warn"](printable(words.join(" ") + below.join("")));
}

function plainOrQuoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function shown(name: string, value: unknown): string {
  try {
    const text =
      value instanceof Error ? maskLine(String(value)) : (mask({ [name]: value }) as LogFields)[name];
    if (typeof text === "string") return plainOrQuoted(text);
    return cutText(JSON.stringify(text) ?? "null");
  } catch {
    return unreadable;
  }
}

/** The frames of an error and of those that caused it, each on a line of its own. Nothing for another value. */
function stacks(error: unknown): string[] {
  const lines: string[] = [];
  try {
    for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
      lines.push(`${depth === 0 ? "\n" : "\ncaused by "}${stackOf(at)}`);
  } catch {
    lines.push(`\n${unreadable}`);
  }
  return lines;
}

/** The stack, without the middle of a very long one: the text of the error is at its start, the frames at its end. */
function stackOf(error: Error): string {
  const stack: unknown = read(error, "stack") ?? String(error);
  if (typeof stack !== "string") return unreadable;
  const shownStack = maskLine(stack);
  const frames = stack.slice(shownText).slice(-framesText);
  const from = frames.indexOf("\n    at ");
  return from < 0 ? shownStack : shownStack + maskText(frames.slice(from));
}

/** What a terminal would obey, and what would show a text in another order, as escapes. */
function printable(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function oneLine(text: string): string {
  return text.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}
