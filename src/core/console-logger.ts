/** The default logger: one line for each call on `console`, from the level of `AGENTWIRE_LOG` upwards. */
import { readEnv } from "./env.js";
import type { LogFields, Logger, LogLevel } from "./log-types.js";
import { mask, maskLine } from "./mask.js";
import { maskText } from "./mask-text.js";

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

type Threshold = (typeof LEVELS)[number];

/** Values of the variable that have been warned about. */
const refused = new Set<string>();

/** The level of `AGENTWIRE_LOG`; `warn` if it is not set. Any other value counts as `warn` and is reported once. */
function threshold(): Threshold {
  const given = readEnv("AGENTWIRE_LOG")?.trim().toLowerCase() ?? "warn";
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
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) words.push(`${name}=${shown(name, value)}`);
  }
  if (level === "error") {
    for (const value of Object.values(fields)) if (value instanceof Error) words.push(...stacks(value));
  }
  // biome-ignore lint/suspicious/noConsole: this is where lines go that nobody else takes
  console[level === "error" ? "error" : "warn"](words.join(" "));
}

function shown(name: string, value: unknown): string {
  const text =
    value instanceof Error ? maskLine(String(value)) : (mask({ [name]: value }) as LogFields)[name];
  if (typeof text === "string") return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
  return JSON.stringify(text) ?? "null";
}

/** The frames of an error and of those that caused it, each on a line of its own. */
function stacks(error: Error): string[] {
  const lines: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const text = maskText(at.stack ?? String(at));
    lines.push(depth === 0 ? `\n${text}` : `\ncaused by ${text}`);
  }
  return lines;
}

function oneLine(text: string): string {
  return text.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}
