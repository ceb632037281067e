/** What the package tells its user while it runs, and where it goes. */
import { consoleLogger, ignore, isConsoleLogger } from "./console-logger.js";
import { errorText, ValidationError } from "./errors.js";
import type { LogFields, Logger, LogLevel } from "./log-types.js";
import { entriesOf, mask, maskLine, read } from "./mask.js";

export { type LogFields, type Logger, type LogLevel, logLevels } from "./log-types.js";

/** What a `logger` option may be. */
export type LoggerOption = Logger | false | undefined;

/** A logger that writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Writes one line to the logger that the user gave. */
type Write = (level: LogLevel, message: string, fields: LogFields | undefined) => void;

/** A logger that masks, never throws, and adds its own fields to every line. */
class SafeLogger implements Logger {
  constructor(
    /** What the lines end up in. */
    readonly target: Logger,
    readonly write: Write,
    readonly fields?: LogFields,
  ) {}

  debug(message: string, fields?: LogFields): void {
    this.#line("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#line("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#line("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#line("error", message, fields);
  }

  #line(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!logsAt(this, level)) return;
    const own = this.fields;
    const all = own === undefined ? fields : fields && Object.fromEntries([own, fields].flatMap(entriesOf));
    try {
      this.write(level, typeof message === "string" ? message : errorText(message), all ?? own);
    } catch {
      // A logger must not be able to break what it reports on.
    }
  }
}

/** Calls the user's logger, in the order of its arguments. */
function writeTo(logger: Logger): Write {
  if (isConsoleLogger(logger)) return (level, message, fields) => logger[level](message, fields);
  const fieldsFirst = isPino(logger);
  return (level, message, fields) => {
    const text = maskLine(message);
    const facts = fields === undefined ? undefined : (mask(fields) as LogFields);
    let result: unknown;
    if (fieldsFirst) result = logger[level](facts ?? {}, text);
    else result = facts === undefined ? logger[level](text) : logger[level](text, facts);
    if (result instanceof Promise) result.catch(ignore);
  };
}

interface FieldsFirst {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** True for pino: its children have `bindings()`, its levels are listed both ways. Winston has neither. */
function isPino(logger: Logger | FieldsFirst): logger is FieldsFirst {
  const [child, bindings, levels] = ["child", "bindings", "levels"].map((name) => read(logger, name));
  if (typeof child !== "function") return false;
  const { labels, values } = (levels ?? {}) as Partial<Record<"labels" | "values", unknown>>;
  return typeof bindings === "function" || (typeof labels === "object" && typeof values === "object");
}

/**
 * The `logger` option made harmless: message and fields are masked before the user's logger sees them, and what it
 * throws is dropped. `undefined` is the console at the level of `AGENTWIRE_LOG`, which is read now; `false` is
 * {@link silentLogger}. A logger that is safe already is returned as it is.
 *
 * @throws ValidationError for what cannot be a logger, such as a number
 */
export function safeLogger(logger: LoggerOption): Logger {
  const given = logger ?? consoleLogger();
  if (given === undefined || given === false || given === silentLogger) return silentLogger;
  if (typeof given !== "object" && typeof given !== "function")
    throw new ValidationError(`logger must be a logger, false or undefined, found ${String(given)}`);
  return given instanceof SafeLogger ? given : new SafeLogger(given, writeTo(given));
}

/** False if lines of that level are written nowhere, so that their fields need not be made. */
export function logsAt(logger: Logger, level: LogLevel): boolean {
  return logger !== silentLogger && !(logger instanceof SafeLogger && read(logger.target, level) === ignore);
}

/** A safe logger that adds `fields` to every line; fields of the line win over them. */
export function scoped(logger: LoggerOption, fields: LogFields): Logger {
  const safe = safeLogger(logger);
  if (!(safe instanceof SafeLogger)) return silentLogger;
  return new SafeLogger(safe.target, safe.write, { ...safe.fields, ...fields });
}

const warned = new WeakMap<Logger, Set<string>>();
const rememberedWarnings = 1_000;

/**
 * Warns once per `key` and logger: a second call with the same key says nothing, also through another
 * {@link safeLogger} or {@link scoped} of the same logger. Returns true when it warned.
 * The first 1,000 keys are remembered; a further one replaces the oldest.
 */
export function warnOnce(logger: LoggerOption, key: string, message: string, fields?: LogFields): boolean {
  const safe = safeLogger(logger);
  if (!(safe instanceof SafeLogger)) return false;
  const { target } = safe;
  const keys = warned.get(target) ?? new Set<string>();
  warned.set(target, keys);
  if (keys.has(key)) return false;
  keys.add(key);
  if (keys.size > rememberedWarnings) keys.delete(keys.values().next().value as string);
  safe.warn(message, fields);
  return true;
}
