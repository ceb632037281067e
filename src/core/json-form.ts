/** The JSON that a value becomes when it is sent, and what of the value JSON would lose silently. */
import { ValidationError } from "./errors.js";
import { exceeds, hasMembersOnly, type JsonOptions, kindOf, tooLarge } from "./json.js";

/** The JSON of a value. */
export interface JsonForm {
  /** What a peer reads; undefined for undefined. */
  readonly value: unknown;
  /** Where JSON does not carry the content: numbers that are not finite, maps, sets, typed arrays and the like. */
  readonly losses: readonly { readonly path: string; readonly message: string }[];
  /** True if an object other than a `Date` chose its own JSON with `toJSON`. */
  readonly rewritten: boolean;
}

/**
 * The JSON form of a value, as `JSON.stringify` defines it: `toJSON` is applied, undefined members are dropped.
 * A number that is not finite, an invalid date, a list item that a list holds as null (undefined, a function or symbol),
 * or an object whose content is not in its members, is reported as a loss.
 *
 * @throws ValidationError `NOT_SERIALIZABLE` for a value without a JSON form: a function or symbol, a bigint or a
 * cycle anywhere in it, a `toJSON` that throws.
 */
export function jsonForm(value: unknown): JsonForm {
  if (value === undefined) return { value, losses: [], rewritten: false };
  const { text, ...rest } = written(value, "the value");
  return { value: JSON.parse(text), ...rest };
}

/** What a loss leaves in the text: null, `{}`, or the items of a typed array as members. */
const TRACES = ["null", "{}", '{"0":'];

/**
 * The JSON text of a value that JSON carries whole. Members that are undefined or functions are left out.
 *
 * @throws ValidationError `NOT_SERIALIZABLE`, with the place in the value, for what {@link jsonForm} refuses or reports as
 * a loss; `TOO_LARGE` beyond the limit
 */
export function stringifyJson(value: unknown, options: JsonOptions = {}): string {
  const { what = "the value", maxBytes = Infinity } = options;
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch {
    // Made again below, to name the place.
  }
  // Looking at each member costs several times as much as the text.
  if (text === undefined || TRACES.some((trace) => text!.includes(trace))) text = exactJson(value, what);
  if (exceeds(text, maxBytes)) throw tooLarge(what, maxBytes);
  return text;
}

/** A copy of a value as its JSON; undefined stays. @throws as {@link stringifyJson} */
export function jsonCopy<T>(value: T, what: string): T {
  return value === undefined ? value : (JSON.parse(stringifyJson(value, { what })) as T);
}

function exactJson(value: unknown, what: string): string {
  const { text, losses } = written(value, what);
  const [loss] = losses;
  if (loss === undefined) return text;
  const message = `${what} cannot be written as JSON: ${`${loss.path} ${loss.message}`.trim()}`;
  throw new ValidationError(message, { code: "NOT_SERIALIZABLE", details: { losses } });
}

function written(value: unknown, what: string): Omit<JsonForm, "value"> & { readonly text: string } {
  const losses: { path: string; message: string }[] = [];
  const parents = new Map<unknown, readonly [parent: unknown, key: string]>();
  let rewritten = false;
  const pointer = (holder: unknown, key: string): string => {
    const above = parents.get(holder);
    if (above === undefined) return "";
    return `${pointer(...above)}/${escapePointer(key)}`;
  };
  let text: string | undefined;
  let bigint = "";
  try {
    text = JSON.stringify(value, function (this: Record<string, unknown>, key, member: unknown) {
      const loss = lossOf(member, this, key);
      if (loss !== undefined) losses.push({ path: pointer(this, key), message: loss });
      if (typeof member === "bigint")
        bigint = `: ${`${pointer(this, key)} must be JSON data, found a bigint`.trim()}`;
      if (typeof member === "object" && member !== null) parents.set(member, [this, key]);
      rewritten ||= !Object.is(member, this[key]) && !(this[key] instanceof Date);
      return member;
    });
  } catch (cause) {
    const message = `${what} cannot be written as JSON${bigint}`;
    throw new ValidationError(message, { code: "NOT_SERIALIZABLE", cause });
  }
  if (text === undefined) {
    const message = `${what} cannot be written as JSON: its type is ${typeof value}`;
    throw new ValidationError(message, { code: "NOT_SERIALIZABLE" });
  }
  return { text, losses, rewritten };
}

function lossOf(member: unknown, holder: Record<string, unknown>, key: string): string | undefined {
  if (member === null && holder[key] instanceof Date) return "must be a valid date, found an invalid one";
  if (Array.isArray(holder) && ["undefined", "function", "symbol"].includes(typeof member))
    return `must be JSON data, found ${member === undefined ? "" : "a "}${typeof member}, which a list would hold as null`;
  if (typeof member === "number" || member instanceof Number) {
    return Number.isFinite(Number(member)) ? undefined : `must be a finite number, found ${member}`;
  }
  if (typeof member !== "object" || member === null || Array.isArray(member)) return undefined;
  if (hasMembersOnly(member) || member instanceof String || member instanceof Boolean) return undefined;
  return `must be JSON data, found ${kindOf(member)}, whose content JSON leaves out`;
}

/** Where a JSON value holds a number that is not finite (text such as `1e400` is read as one), as a JSON Pointer. */
export function nonFinitePath(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : "";
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  for (const key of Object.keys(value)) {
    const below = nonFinitePath((value as Record<string, unknown>)[key]);
    if (below !== undefined) return `/${escapePointer(key)}${below}`;
  }
  return undefined;
}

function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
