/** JSON as it comes in, with bounds and with errors of this package. */
import { errorText, ValidationError } from "./errors.js";

/** Bounds and words for `parseJson` and `stringifyJson`. */
export interface JsonOptions {
  /** What the text or value is, for messages. Default: "the value". */
  readonly what?: string | undefined;
  /** The longest text that is read or written, in bytes of UTF-8. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

const encoder = new TextEncoder();

/** The length of a text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/** True when `text` takes more than `maxBytes`. Encodes it only where its length leaves a doubt. */
export function exceeds(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}

/** The error for what {@link exceeds} its bound. */
export function tooLarge(what: string, maxBytes: number): ValidationError {
  return new ValidationError(`${what} takes more than ${maxBytes} bytes as JSON`, { code: "TOO_LARGE" });
}

/**
 * Reads JSON text. Throws a `ValidationError`: code `TOO_LARGE` beyond the limit, `NOT_JSON` otherwise.
 *
 * A key `__proto__` becomes an own property like any other; no prototype changes. Copying such an object
 * with plain assignment (`copy[key] = …`) would change the copy's, so copy with spread or `Object.entries`.
 */
export function parseJson(text: string, options: JsonOptions = {}): unknown {
  const { what = "the value", maxBytes = Infinity } = options;
  if (exceeds(text, maxBytes)) throw tooLarge(what, maxBytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The platform's message quotes the text, which may hold a secret.
    throw new ValidationError(`${what} is not JSON`, {
      code: "NOT_JSON",
      cause: new SyntaxError(positionOf(cause)),
    });
  }
}

function positionOf(error: unknown): string {
  const position = /position \d+/.exec(errorText(error))?.[0];
  return position === undefined ? "unexpected end or token" : `unexpected token at ${position}`;
}

/** True for a JSON object: neither null nor a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for an object that JSON writes as its members, and that has no content beside them, as a `Map` has. */
export function hasMembersOnly(value: unknown): value is Record<string, unknown> {
  if (!isObject(value) || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.keys(value).length > 0 || (kindOf(value) === "Object" && !(Symbol.iterator in value));
}

/** What an object calls itself: "Map", "Object". */
export function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
