/** A command: its options once, from which the command line is read and the help is made. */
import { parseArgs } from "node:util";
import { EXIT_TABLE } from "./exit-codes.js";
import { columns, type Io } from "./io.js";
import { didYouMean } from "./suggest.js";

/** The command line cannot be understood: exit code 2. */
export class UsageError extends Error {}

/** One option of a command. */
export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  /** What stands for the value in the help. Without it the option is a switch. */
  readonly value?: string;
  readonly multiple?: boolean;
  readonly about: string;
}

/** What the list of commands knows of a command without loading it. */
export interface CommandEntry {
  readonly name: string;
  /** What follows the name, for the help. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** A command. */
export interface Command {
  readonly options: readonly OptionSpec[];
  /** How many arguments besides the options it takes at most. */
  readonly maxArguments: number;
  /** More for `--help`, after the options. */
  readonly notes?: string;
  /** Command lines without `agentwire`, with what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Ctrl-C and SIGTERM fire `io.signal`; without this they end the process at once. */
  readonly stops?: boolean;
  /** Resolves with the exit code. */
  run(args: Args, io: Io): Promise<number>;
}

/** Options of every command. */
export const COMMON: readonly OptionSpec[] = [
  { name: "json", about: "print the result as JSON, for programs" },
  { name: "help", about: "this text (also -h)" },
];

/** A command line that was read. */
export class Args {
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;
  /** What is no option. */
  readonly rest: readonly string[];

  constructor(values: ReadonlyMap<string, readonly (string | true)[]>, rest: readonly string[]) {
    this.#values = values;
    this.rest = rest;
  }

  /** The last value of an option. */
  text(name: string): string | undefined {
    return this.texts(name).at(-1);
  }

  /** All values of an option. */
  texts(name: string): readonly string[] {
    return (this.#values.get(name) ?? []).filter((value) => value !== true);
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** One of some words. @throws UsageError */
  choice<const Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const given = this.text(name);
    if (given === undefined) return otherwise;
    const word = words.find((known) => known === given);
    if (word === undefined) {
      throw new UsageError(`--${name} must be one of ${words.join(", ")}${didYouMean(given, words)}`);
    }
    return word;
  }

  /** A whole number from `min` on. @throws UsageError */
  whole(name: string, min = 0): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const value = Number(given);
    if (!/^\d{1,15}$/.test(given) || value < min) {
      throw new UsageError(`--${name} must be a whole number from ${min} on, not ${given}`);
    }
    return value;
  }

  /** Values of the form `name=value`. @throws UsageError */
  pairs(name: string): (readonly [string, string])[] {
    return this.texts(name).map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError(`--${name} must be name=value, not ${text}`);
      return [text.slice(0, at), text.slice(at + 1)] as const;
    });
  }
}

/** Reads a command line. @throws UsageError */
export function readArgs(given: readonly string[], specs: readonly OptionSpec[], maxArguments: number): Args {
  const known = [...specs, ...COMMON];
  const options = Object.fromEntries(
    known.map(({ name, value }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: true },
    ]),
  );
  const { tokens, positionals } = parseArgs({
    args: [...given],
    options: { ...options, help: { type: "boolean", multiple: true, short: "h" } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const spec = known.find((option) => option.name === name);
    if (spec === undefined) {
      const hint = didYouMean(
        `--${name}`,
        known.map((option) => `--${option.name}`),
      );
      throw new UsageError(`unknown option ${rawName}${hint}`);
    }
    if (spec.value === undefined && value !== undefined) throw new UsageError(`--${name} takes no value`);
    // A value that looks like an option is most likely a forgotten value.
    if (spec.value !== undefined && (value === undefined || (!inlineValue && /^-./.test(value)))) {
      throw new UsageError(`--${name} needs a value: --${name}=${spec.value}`);
    }
    const before = values.get(name) ?? [];
    if (before.length > 0 && spec.value !== undefined && !spec.multiple) {
      throw new UsageError(`--${name} is given twice`);
    }
    values.set(name, [...before, value ?? true]);
  }
  if (positionals.length > maxArguments && !values.has("help")) {
    throw new UsageError(`unexpected argument: ${positionals[maxArguments]}`);
  }
  return new Args(values, positionals);
}

/** The help of a command. */
export function helpOf({ name, usage, summary }: CommandEntry, command: Command): string {
  const options = [...command.options, ...COMMON].map((option) => [
    `--${option.name}${option.value === undefined ? "" : ` ${option.value}`}`,
    option.about + (option.multiple ? " (several are possible)" : ""),
  ]);
  const examples = command.examples.map(([line, what]) => `  # ${what}\n  agentwire ${line}\n`).join("\n");
  return `agentwire ${name}: ${summary}

usage: agentwire ${name}${usage === "" ? "" : ` ${usage}`}

options
${columns(options, "  ")}${command.notes === undefined ? "" : `\n${command.notes}\n`}
examples
${examples}
${exitCodes()}`;
}

/** The table of exit codes. */
export function exitCodes(): string {
  return `exit codes\n${columns(
    EXIT_TABLE.map(([code, meaning]) => [String(code).padStart(3), meaning]),
    "  ",
  )}`;
}
