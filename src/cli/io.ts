/** The world around a command: streams, environment, terminal, interruption. A test puts its own in place. */
import type { Env } from "../core/env.js";

/** What a command reads and writes. */
export interface Io {
  out(text: string): void;
  /** Messages for a person, and errors. Never results. */
  err(text: string): void;
  /** All of the standard input. */
  readInput(): Promise<Uint8Array>;
  /** Nobody pipes anything in. */
  readonly inputIsTerminal: boolean;
  /** The output goes to a terminal that shows colours. */
  readonly color: boolean;
  readonly env: Env;
  /** Fires on Ctrl-C and on SIGTERM. */
  readonly signal: AbortSignal;
}

/** Colours a terminal has. */
export type Color = "red" | "green" | "yellow" | "dim" | "bold";

const CODES: Readonly<Record<Color, readonly [on: number, off: number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Colours a text where the output shows colours, else returns it. */
export function paint({ color }: Pick<Io, "color">, how: Color, text: string): string {
  if (!color) return text;
  const [on, off] = CODES[how];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** The streams of this process. `NO_COLOR`, or a `TERM` of `dumb`, turns colours off. */
export function processIo(signal: AbortSignal): Io {
  const { env, stdin, stdout, stderr } = process;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    readInput: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(chunk as Buffer);
      return new Uint8Array(Buffer.concat(chunks));
    },
    inputIsTerminal: stdin.isTTY === true,
    color: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb",
    env,
    signal,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are to be found
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text of somebody else's in one line: what could move the cursor or reverse the text is shown as `\uXXXX`. */
export function oneLine(text: string): string {
  return text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how a colour begins
const COLORS = /\u001b\[\d+m/g;

/** Rows as columns of equal width; colours do not count. */
export function columns(rows: readonly (readonly string[])[], indent = ""): string {
  const width = (cell: string): number => cell.replace(COLORS, "").length;
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => width(row[at] ?? ""))));
  return rows
    .map((row) => {
      const cells = row.map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - width(cell)));
      return `${indent}${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}
