/** What a command consists of. Commander parses the command line and writes the help. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Io } from "./io.js";

/** The command line is not valid: exit code 2. */
export class UsageError extends Error {}

/** How a command ended. */
export interface Outcome {
  /** Default: 0. */
  readonly exitCode?: number;
  /** Printed on stdout, unless `--json` is given. */
  readonly text?: string;
  /** The `result` that `--json` prints. */
  readonly result?: unknown;
}

/** A command. */
export interface CliCommand {
  /** Adds arguments and options. `--json` and `--help` are added to every command. */
  configure(command: Command): void;
  /** Printed by `--help` after the options. */
  readonly notes?: string;
  /** Command lines without `agentwire`, and what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Ctrl-C and SIGTERM fire `io.signal`. Without this they end the process at once. */
  readonly stops?: boolean;
  /** Runs with the parsed options and arguments. */
  run(options: object, io: Io, args: readonly string[]): Promise<Outcome>;
}

/** What `--json` sets, on every command. */
export interface JsonOption {
  readonly json?: boolean;
}

/** An option with one of several values. */
export function choice(flags: string, about: string, values: readonly string[], otherwise?: string): Option {
  const option = new Option(flags, about).choices(values);
  return otherwise === undefined ? option : option.default(otherwise);
}

/** `--map-order`; the first order is the default. */
export function mapOrder(about: string, orders: readonly string[] = ["spec", "upb"]): Option {
  return choice("--map-order <order>", about, orders, orders[0]);
}

/** Parses a whole number. */
export function wholeNumber(min = 0, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}

/** Parses a TCP port; 0 stands for any free one. */
export const port = wholeNumber(0, 65_535);

/** Parses an HTTP URL. */
export function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("Expected a URL that starts with http:// or https://.");
}

/** Collects the values of an option that may be repeated. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** Collects `name=value` pairs of an option that may be repeated. */
export function pairs(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
