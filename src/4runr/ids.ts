/** Correlation ids and idempotency keys, in the forms of the vendor's helpers. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { uuid } from "../core/ids.js";
import { isObject } from "../core/json.js";
import { stringifyJson } from "../core/json-form.js";
import { checked } from "./error-table.js";

/** A fresh id for one call: `req_<milliseconds>_<random>`. It stays the same over the tries of the call. */
export function generateCorrelationId(now: number = Date.now()): string {
  const random = () => Math.random().toString(36).slice(2, 8).padStart(6, "0");
  return `req_${now}_${random()}${random()}`;
}

/** A fresh key: `idemp_<milliseconds>_<uuid>`. */
export function generateIdempotencyKey(now: number = Date.now()): string {
  return `idemp_${now}_${uuid()}`;
}

/**
 * How the data of a key is written down: `canonical` (keys sorted, compact), `python` (as the vendor's Python
 * helper: keys sorted, blanks after `,` and `:`, ASCII only) or `javascript` (as its JavaScript helper: keys in
 * their own order, compact).
 */
export type IdempotencyKeyMode = "canonical" | "python" | "javascript";

/**
 * The key that stands for one call: `idemp_` and the first 16 hex digits of a SHA-256. The same data returns the
 * same key; the modes give different ones. Default mode: `canonical`.
 */
export function generateIdempotencyKeyFromData(
  tool: string,
  action: string,
  params: unknown,
  mode: IdempotencyKeyMode = "canonical",
): string {
  const data = { tool, action, params };
  const text = mode === "javascript" ? jsonText(data) : sortedJson(data, mode === "python");
  return `idemp_${bytesToHex(sha256(utf8ToBytes(text))).slice(0, 16)}`;
}

/**
 * JSON text with the keys of every object in the order of their code points; `python` writes it as Python does.
 *
 * @throws GatewayValidationError `NOT_SERIALIZABLE` for a value without a JSON form
 */
export function sortedJson(value: unknown, python = false): string {
  const [comma, colon] = python ? [", ", ": "] : [",", ":"];
  const write = (item: unknown): string => {
    if (Array.isArray(item)) return `[${item.map(write).join(comma)}]`;
    if (!isObject(item)) return scalar(item, python);
    const members = Object.entries(item).sort(([a], [b]) => byCodePoint(a, b));
    return `{${members.map(([key, member]) => scalar(key, python) + colon + write(member)).join(comma)}}`;
  };
  return write(JSON.parse(jsonText(value)));
}

function jsonText(value: unknown): string {
  return checked(() => stringifyJson(value, { what: "the data of an idempotency key" }));
}

function scalar(value: unknown, python: boolean): string {
  const text = JSON.stringify(value);
  if (!python) return text;
  return text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Python sorts by code point; JavaScript's own order, by UTF-16 unit, differs beyond the first plane. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
