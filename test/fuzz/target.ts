/** What a fuzz target is, and what its inputs are made with. */
import type { IRawProperty } from "fast-check";
import fc from "fast-check";
import { AgentwireError } from "../../src/core/errors.js";

/** One reader of foreign input. Its property throws where an input does what none may. */
export interface Target {
  readonly name: string;
  /** What must hold, for the table. */
  readonly promise: string;
  /** Inputs of the short run. */
  readonly short: number;
  /** A new property; `count.refused` goes up with every input that was refused. */
  property(count: Count): IRawProperty<unknown, boolean>;
}

export interface Count {
  refused: number;
}

/** Runs what may refuse an input: by an error of this package, and by no other. */
export async function refusable<T>(count: Count, run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AgentwireError)) throw error;
    count.refused++;
    return undefined;
  }
}

/** Says why a property does not hold. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Bytes that are almost one of the samples: some replaced, cut, doubled or put in. */
export function almostBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("replace", "cut", "insert", "repeat", "flip"),
    length: fc.integer({ min: 1, max: 12 }),
    value: fc.nat(255),
  });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([sample, edits]) => {
      let bytes = [...sample];
      for (const { at, how, length, value } of edits) {
        const start = at % (bytes.length + 1);
        const piece = bytes.slice(start, start + length);
        if (how === "replace") bytes[start] = value;
        else if (how === "flip") bytes[start] = (bytes[start] ?? 0) ^ (1 << (value & 7));
        else if (how === "cut") bytes.splice(start, length);
        else if (how === "repeat") bytes.splice(start, 0, ...piece);
        else bytes = [...bytes.slice(0, start), ...Array<number>(length).fill(value), ...bytes.slice(start)];
      }
      return Uint8Array.from(bytes);
    });
}

/** Text that is almost one of the samples. */
export function almostText(samples: readonly string[]): fc.Arbitrary<string> {
  return almostBytes(samples.map((text) => Buffer.from(text))).map((bytes) => Buffer.from(bytes).toString());
}

/** Values that a reader of JSON may not expect in some place. */
const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    "",
    " ",
    [],
    {},
    [[]],
    "__proto__",
    "\ud800",
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const oddName = fc.constantFrom("__proto__", "constructor", "then", "toString", "", "a", "$ref", "type", "0");

/** JSON that is almost one of the samples: members replaced, removed, renamed, put elsewhere. */
export function almostJson(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  const edit = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("replace", "remove", "rename", "add", "move"),
    value: oddValue,
    name: oddName,
    other: fc.nat(),
  });
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([sample, edits]) => {
      const root = { value: structuredClone(sample) };
      for (const { at, how, value, name, other } of edits) {
        const places = placesOf(root);
        if (places.length === 0) break; // the whole of it was removed
        const [holder, key] = places[at % places.length]!;
        if (how === "replace") setMember(holder, key, structuredClone(value));
        else if (how === "remove") delete holder[key];
        else if (how === "rename") setMember(holder, name, structuredClone(holder[key]));
        else if (how === "add" && isContainer(holder[key]))
          setMember(holder[key], name, structuredClone(value));
        else if (how === "move") {
          const [from, member] = places[other % places.length]!;
          setMember(holder, key, structuredClone(from[member]));
        }
      }
      return root.value;
    });
}

type Container = Record<string, unknown>;

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Sets a member as JSON.parse does, also one that is called `__proto__`. */
function setMember(holder: Container, key: string, value: unknown): void {
  const writable = { value, enumerable: true, configurable: true, writable: true };
  if (Array.isArray(holder) && key === "length") return;
  Object.defineProperty(holder, key, writable);
}

/** Every member at any depth, with what holds it. */
function placesOf(root: Container): [holder: Container, key: string][] {
  const places: [Container, string][] = [];
  const open: Container[] = [root];
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      const member = holder[key];
      if (isContainer(member)) open.push(member);
    }
  }
  return places;
}
