/** What the package tells its user while it runs: nothing, unless a logger is given. */
import { mask, maskLine } from "./mask.js";

/** Facts that belong to a log line, by name. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where log lines go. `console` is one, and any logger of the `(message, fields)` order; for pino see
 * {@link fromPino}.
 */
export interface Logger {
  /** Details for finding a fault. */
  debug(message: string, fields?: LogFields): void;
  /** Something worth knowing: connected, started, stopped. */
  info(message: string, fields?: LogFields): void;
  /** Something odd that was dealt with. */
  warn(message: string, fields?: LogFields): void;
  /** Something that did not work. */
  error(message: string, fields?: LogFields): void;
}

/** The four levels, in rising order. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

/** The name of a method of {@link Logger}. */
export type LogLevel = (typeof logLevels)[number];

/** A logger that says nothing. The default everywhere. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Loggers made here, with the one that the user gave. */
const targets = new WeakMap<Logger, Logger>();

function build(
  target: Logger,
  write: (level: LogLevel, message: string, fields?: LogFields) => void,
): Logger {
  const logger: Logger = {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
  targets.set(logger, target);
  return logger;
}

function ignore(): void {}

/** Calls the user's logger so that neither a throw nor a rejected promise gets out. */
function tell(logger: Logger, level: LogLevel, message: string, fields: LogFields | undefined): void {
  try {
    const result: unknown = fields === undefined ? logger[level](message) : logger[level](message, fields);
    if (result instanceof Promise) result.catch(ignore);
  } catch {
    // A logger must not be able to break what it reports on.
  }
}

/**
 * `logger` made harmless: message and fields are masked before it sees them, and what it throws is dropped.
 * Without a logger the result is {@link silentLogger}. A logger that is safe already is returned as it is.
 */
export function safeLogger(logger: Logger | undefined): Logger {
  if (logger === undefined || logger === silentLogger) return silentLogger;
  if (targets.has(logger)) return logger;
  return build(logger, (level, message, fields) =>
    tell(logger, level, maskLine(message), fields === undefined ? undefined : (mask(fields) as LogFields)),
  );
}

/** A safe logger that adds `fields` to every line; fields of the line win over them. */
export function scoped(logger: Logger | undefined, fields: LogFields): Logger {
  const safe = safeLogger(logger);
  if (safe === silentLogger) return silentLogger;
  return build(targets.get(safe) ?? safe, (level, message, more) =>
    safe[level](message, more === undefined ? fields : { ...fields, ...more }),
  );
}

/** What {@link fromPino} needs of a pino logger. */
export interface PinoLike {
  debug(fields: object, message?: string): void;
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
  error(fields: object, message?: string): void;
}

/** A {@link Logger} over pino, whose methods take the fields first. */
export function fromPino(pino: PinoLike): Logger {
  return {
    debug: (message, fields = {}) => pino.debug(fields, message),
    info: (message, fields = {}) => pino.info(fields, message),
    warn: (message, fields = {}) => pino.warn(fields, message),
    error: (message, fields = {}) => pino.error(fields, message),
  };
}

const warned = new WeakMap<Logger, Set<string>>();
const rememberedWarnings = 1_000;

/**
 * Warns once per `key` and logger: a second call with the same key says nothing, also through another
 * {@link safeLogger} or {@link scoped} of the same logger. Returns true when it warned.
 * The first 1,000 keys are remembered; a further one replaces the oldest.
 */
export function warnOnce(
  logger: Logger | undefined,
  key: string,
  message: string,
  fields?: LogFields,
): boolean {
  const safe = safeLogger(logger);
  if (safe === silentLogger) return false;
  const target = targets.get(safe) ?? safe;
  const keys = warned.get(target) ?? new Set<string>();
  warned.set(target, keys);
  if (keys.has(key)) return false;
  keys.add(key);
  if (keys.size > rememberedWarnings) keys.delete(keys.values().next().value as string);
  safe.warn(message, fields);
  return true;
}
