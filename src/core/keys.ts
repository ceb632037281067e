/**
 * Converts between the keys of a protocol (snake_case) and camelCase, after the key map that is generated from a
 * spec. Only members the spec names are renamed; user data and unknown members pass through as they are.
 */

import { hasMembersOnly } from "./json.js";

/** How a value converts: as the object of that name, as a list of such, or as a map whose keys are data. */
export type Shape = string | { readonly list: Shape } | { readonly map: Shape };

/** The members of an object that change, by protocol key: the shape of the value, null where it has none. */
export type ObjectKeys = Readonly<Record<string, Shape | null>>;

/** The members of every object, by name: the generated `keyMap`. */
export type KeyMap = Readonly<Record<string, ObjectKeys>>;

/** `max_retries` → `maxRetries`; leading underscores stay. */
export function camelCase(wireKey: string): string {
  return wireKey.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

type Rename = readonly [key: string, shape: Shape | null];
type Renames = ReadonlyMap<string, Rename>;

interface Directions {
  readonly toWire: ReadonlyMap<string, Renames>;
  readonly fromWire: ReadonlyMap<string, Renames>;
}

/** Each key map is turned into lookups once. */
const prepared = new WeakMap<KeyMap, Directions>();

function prepare(keys: KeyMap): Directions {
  let found = prepared.get(keys);
  if (found === undefined) {
    const toWire = new Map<string, Renames>();
    const fromWire = new Map<string, Renames>();
    for (const [name, members] of Object.entries(keys)) {
      const entries = Object.entries(members).map(([key, shape]) => [key, camelCase(key), shape] as const);
      toWire.set(name, new Map(entries.map(([wireKey, key, shape]) => [key, [wireKey, shape]])));
      fromWire.set(name, new Map(entries.map(([wireKey, key, shape]) => [wireKey, [key, shape]])));
    }
    found = { toWire, fromWire };
    prepared.set(keys, found);
  }
  return found;
}

/** Sets a member as data: a plain assignment to `__proto__` would change the prototype. */
function setMember(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** True for what JSON writes as an object with the members that it has; a copy of anything else would lose its content. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return hasMembersOnly(value) && !("toJSON" in value);
}

function convert(
  value: unknown,
  shape: Shape | null | undefined,
  objects: ReadonlyMap<string, Renames>,
): unknown {
  if (shape === undefined || shape === null) return value;
  if (typeof shape === "object" && "list" in shape) {
    return Array.isArray(value) ? value.map((item) => convert(item, shape.list, objects)) : value;
  }
  if (!isPlain(value)) return value;
  const result: Record<string, unknown> = {};
  if (typeof shape === "object") {
    for (const [key, item] of Object.entries(value))
      setMember(result, key, convert(item, shape.map, objects));
    return result;
  }
  const renames = objects.get(shape);
  if (renames === undefined) return value;
  // Object.keys, and the value read by key: on a hot path entries cost twice as much.
  for (const key of Object.keys(value)) {
    const item = value[key];
    const rename = renames.get(key);
    if (rename === undefined) {
      if (!(key in result) || !Object.hasOwn(result, key)) setMember(result, key, item);
    } else {
      const inner = rename[1];
      const isLeaf = inner === null || typeof item !== "object" || item === null;
      setMember(result, rename[0], isLeaf ? item : convert(item, inner, objects));
    }
  }
  return result;
}

/**
 * A camelCase value as the protocol has it. Members the key map does not name stay as they are, so a member that
 * already has its protocol key is sent; where both are given, the camelCase one counts. The value itself is not
 * changed; parts without a shape are shared with the result.
 */
export function toWire(value: unknown, shape: Shape | undefined, keys: KeyMap): unknown {
  return convert(value, shape, prepare(keys).toWire);
}

/**
 * A value of the protocol with camelCase keys. Members the key map does not name stay as they are; one whose key is
 * the camelCase name of a member that is there too gives way to it. A value that does not have its shape (a
 * text where an object was expected) is returned unchanged.
 */
export function fromWire(value: unknown, shape: Shape | undefined, keys: KeyMap): unknown {
  return convert(value, shape, prepare(keys).fromWire);
}
