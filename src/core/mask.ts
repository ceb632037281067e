/** A copy of any value that is safe to log. */
import { masked, maskText } from "./mask-text.js";
import { isSecretField, isSecretName } from "./secret-names.js";

/** Bounds of {@link mask}. */
export interface MaskOptions {
  /** Levels of nesting that are shown; what lies deeper reads `[deep]`. Default: 8. */
  readonly depth?: number;
  /** Entries of objects and lists that are shown in all; the rest reads `[more]`. Default: 1,000. */
  readonly entries?: number;
  /** Characters of one string that are shown. Default: 8,192. */
  readonly text?: number;
}

/** The default of `MaskOptions.text`. */
export const shownText = 8_192;

/** What stands for a value that cannot be read: its getter throws, or it is a revoked proxy. */
export const unreadable = "[unreadable]";

/** A secret that begins before the cut of a long string is found in so many characters after it. */
const lookAhead = 16_384;

/**
 * `value` as plain JSON data in which no secret is left.
 *
 * A field whose name is a secret's (see `isSecretName`) reads `[secret]`, at any depth, also in a `Map`, in
 * `Headers`, in a list of `[name, value]` pairs and in `{name, value}` objects; strings go through `maskText`.
 * Errors show name, message, stack, cause and own fields; bytes show only their length; dates, URLs and
 * bigints become text; an object that points back to itself reads `[circular]`. Never throws.
 */
export function mask(value: unknown, options: MaskOptions = {}): unknown {
  return new Masker(options).any(value, 0);
}

/** A string as {@link mask} shows it: masked, and cut after `limit` characters. Default: 8,192. */
export function maskLine(text: string, limit = shownText): string {
  return cutText(maskText(text.slice(0, limit + lookAhead)), limit, text.length);
}

/** A text without what is beyond `limit`; it then says how long the whole is. */
export function cutText(text: string, limit = shownText, length = text.length): string {
  return length <= limit ? text : `${text.slice(0, limit)}… (${length} characters)`;
}

class Masker {
  readonly #depth: number;
  readonly #text: number;
  #left: number;
  readonly #above = new Set<object>();

  constructor(options: MaskOptions) {
    this.#depth = options.depth ?? 8;
    this.#left = options.entries ?? 1_000;
    this.#text = options.text ?? shownText;
  }

  any(value: unknown, depth: number): unknown {
    if (typeof value === "string") return maskLine(value, this.#text);
    if (typeof value === "bigint") return String(value);
    if (typeof value === "function") return `[function ${value.name}]`;
    if (typeof value === "symbol") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (this.#above.has(value)) return "[circular]";
    if (depth >= this.#depth) return "[deep]";
    this.#above.add(value);
    try {
      return this.#object(value, depth + 1);
    } catch {
      return unreadable;
    } finally {
      this.#above.delete(value);
    }
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Error) return this.#error(value, depth);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) return this.#list(value, depth);
    if (value instanceof Map) return this.#fields(value, depth);
    if (value instanceof Set) return this.#list([...value], depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
    if (value instanceof URL || value instanceof RegExp) return maskLine(String(value), this.#text);
    if (typeof Headers === "function" && value instanceof Headers) return this.#fields(value, depth);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return this.any(toJSON.call(value), depth);
    return this.#fields(entriesOf(value), depth);
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const out: unknown[] = [];
    for (const value of values) {
      if (this.#left-- <= 0) {
        out.push("[more]");
        break;
      }
      const isPair = Array.isArray(value) && value.length === 2 && typeof value[0] === "string";
      if (isPair && isSecretField(value[0], value[1])) out.push([maskLine(value[0], this.#text), masked]);
      else out.push(this.any(value, depth));
    }
    return out;
  }

  #fields(entries: Iterable<readonly [unknown, unknown]>, depth: number): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    let named: unknown;
    for (const [key, value] of entries) {
      if (this.#left-- <= 0) {
        put(out, "…", "[more]");
        break;
      }
      const name = typeof key === "string" ? key : String(this.any(key, depth));
      put(out, maskLine(name, this.#text), isSecretField(name, value) ? masked : this.any(value, depth));
      if ((name === "name" || name === "key") && typeof value === "string") named = value;
    }
    if (typeof named === "string" && "value" in out && isSecretName(named)) out.value = masked;
    return out;
  }

  #error(error: Error, depth: number): Record<string, unknown> {
    const known: [string, unknown][] = ["name", "message", "stack", "cause"].map((key) => [
      key,
      read(error, key),
    ]);
    if (error instanceof AggregateError) known.push(["errors", error.errors]);
    const given = known.filter(([, value]) => value !== undefined);
    return this.#fields([...given, ...entriesOf(error)], depth);
  }
}

/** Own enumerable fields; one whose getter throws is shown as such, and none of an object that cannot be read at all. */
export function entriesOf(value: object): [string, unknown][] {
  try {
    return Object.keys(value).map((key) => [key, read(value, key)]);
  } catch {
    return [["fields", unreadable]];
  }
}

/** A member, or {@link unreadable} if its getter throws. */
export function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return unreadable;
  }
}

/** Sets an own field, also one named `__proto__`. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
