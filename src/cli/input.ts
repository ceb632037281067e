/** The input of a command: a file, the standard input, or text on the command line, in any of several forms. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { errorText, ValidationError } from "../core/errors.js";
import { choice, UsageError } from "./command.js";
import type { Io } from "./io.js";

const FORMATS = ["auto", "raw", "base64", "hex", "json", "sse"] as const;

/** Options of a command that reads input. */
export interface InputOptions {
  readonly format: (typeof FORMATS)[number];
}

/** Adds the input and its format. */
export function takesInput(command: Command): Command {
  return command
    .argument("[input]", "a file, - for the standard input (default), or the text itself")
    .addOption(choice("--format <format>", "raw bytes, or the text that stands for them", FORMATS, "auto"));
}

/** Input that was read. Bytes may be a packet; JSON and SSE are text. */
export type Input =
  | { readonly kind: "bytes"; readonly format: "raw" | "base64" | "hex"; readonly bytes: Uint8Array }
  | { readonly kind: "json"; readonly format: "json"; readonly values: readonly unknown[] }
  | { readonly kind: "sse"; readonly format: "sse"; readonly bytes: Uint8Array };

/** Shorter text on the command line is taken for the name of a missing file, unless it is JSON. */
const SHORTEST_LITERAL = 24;

/**
 * Reads the input that the first argument names.
 *
 * @param looksGood For text that could be hex as well as base64: whether the bytes make sense.
 * @throws UsageError without input; ValidationError if it does not match `--format`.
 */
export async function readInput(
  { format }: InputOptions,
  io: Io,
  given: string | undefined,
  looksGood: (bytes: Uint8Array) => boolean = () => true,
): Promise<Input> {
  const bytes = await bytesOf(given, io);
  if (bytes.length === 0 && format !== "raw")
    throw new ValidationError("the input is empty", { code: "BAD_INPUT" });
  return interpret(bytes, format, looksGood);
}

async function bytesOf(given: string | undefined, io: Io): Promise<Uint8Array> {
  if (given === undefined || given === "-") {
    if (io.inputIsTerminal && given === undefined) {
      throw new UsageError("no input: name a file, pass base64, hex or JSON, or pipe it in");
    }
    return io.readInput();
  }
  const isText =
    /^\s*[{[]/.test(given) || (given.length >= SHORTEST_LITERAL && (hexOf(given) ?? base64Of(given)));
  return isText && !existsSync(given) ? new TextEncoder().encode(given) : readBytes(given);
}

/** Reads a file. @throws ValidationError `UNREADABLE_FILE` */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const code = (error as { code?: string }).code;
    const why = code === "ENOENT" ? "no such file" : errorText(error);
    throw new ValidationError(`cannot read ${path}: ${why}`, { code: "UNREADABLE_FILE" });
  }
}

/** Detects the form of the input, or reads it as `format`. @throws ValidationError */
export function interpret(
  given: Uint8Array,
  format: (typeof FORMATS)[number],
  looksGood: (bytes: Uint8Array) => boolean = () => true,
): Input {
  if (format === "raw") return { kind: "bytes", format, bytes: given };
  if (format === "sse") return { kind: "sse", format, bytes: given };
  const text = textOf(given)?.trim();
  if (format === "json") return wanted(text && jsonOf(text), "JSON");
  if (format === "hex") return wanted(text && hexOf(text), "hex");
  if (format === "base64") return wanted(text && base64Of(text), "base64");
  if (text === undefined || text === "") return { kind: "bytes", format: "raw", bytes: given };
  const json = /^[[{]/.test(text) ? jsonOf(text) : undefined;
  if (json !== undefined) return json;
  if (/^(?:data|event|id|retry)?:/.test(text)) return { kind: "sse", format: "sse", bytes: given };
  const found = [hexOf(text), base64Of(text)].filter((input) => input !== undefined);
  const good = found.find((input) => input.kind === "bytes" && looksGood(input.bytes)) ?? found[0];
  return good ?? { kind: "bytes", format: "raw", bytes: given };
}

function wanted(input: Input | "" | undefined, what: string): Input {
  if (input) return input;
  throw new ValidationError(`the input is not ${what}`, { code: "BAD_INPUT" });
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** One value, or one on each line. */
function jsonOf(text: string): Input | undefined {
  const parse = (part: string): unknown => JSON.parse(part) as unknown;
  for (const parts of [[text], text.split("\n").filter((line) => line.trim() !== "")]) {
    try {
      return { kind: "json", format: "json", values: parts.map(parse) };
    } catch {}
  }
  return undefined;
}

function hexOf(text: string): Input | undefined {
  const digits = text.replace(/[\s:]+/g, "").replace(/^0x/i, "");
  if (digits.length % 2 === 1 || !/^[0-9a-f]+$/i.test(digits)) return undefined;
  return { kind: "bytes", format: "hex", bytes: new Uint8Array(Buffer.from(digits, "hex")) };
}

/** Also base64url, with or without padding. */
function base64Of(text: string): Input | undefined {
  const signs = text.replace(/\s+/g, "");
  if (!/^[\w+/-]+={0,2}$/.test(signs) || signs.replace(/=+$/, "").length % 4 === 1) return undefined;
  return { kind: "bytes", format: "base64", bytes: new Uint8Array(Buffer.from(signs, "base64")) };
}
