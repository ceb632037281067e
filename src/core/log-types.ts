/** The form of a logger, and its levels. */

/** Facts that belong to a log line, by name. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go. `console`, a pino logger and a winston logger are accepted as they are. */
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
