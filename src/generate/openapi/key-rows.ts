import { camelCase } from "../../core/keys.js";
import type { Node, ShapeReader } from "./shapes.js";

/** A shape as it is written out: the name of an object, or a list or map of shapes. */
export type Shape = string | { list: Shape } | { map: Shape };

/** Names of the objects that need conversion, by their own keys or by those of an object inside. */
function needed(objects: ShapeReader["objects"]): Set<string> {
  const names = new Set<string>();
  const needs = (node: Node): boolean => {
    if (node.kind === "list" || node.kind === "map") return needs(node.of);
    return node.kind === "object" && names.has(node.name);
  };
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const [name, members] of objects) {
      if ([...members].some(([key, node]) => camelCase(key) !== key || needs(node))) names.add(name);
    }
  }
  return names;
}

/** The rows of the key map: those of the components, and of every object that a shape refers to. */
export class KeyRows {
  readonly #reader: ShapeReader;
  readonly #needed: Set<string>;
  readonly #rows = new Map<string, Record<string, Shape | null>>();
  readonly #shown = new Map<string, string>();

  constructor(reader: ShapeReader, all: boolean) {
    this.#reader = reader;
    this.#needed = all ? new Set(reader.objects.keys()) : needed(reader.objects);
    for (const name of Object.keys(reader.api.schemas)) if (reader.objects.has(name)) this.#use(name);
  }

  /** The shape of a node; undefined when nothing in it needs conversion. */
  shapeOf(node: Node | undefined): Shape | undefined {
    if (node?.kind === "list" || node?.kind === "map") {
      const of = this.shapeOf(node.of);
      if (of === undefined) return undefined;
      return node.kind === "list" ? { list: of } : { map: of };
    }
    return node?.kind === "object" && this.#needed.has(node.name) ? this.#use(node.name) : undefined;
  }

  /** All rows, by name. */
  sorted(): Record<string, unknown> {
    return Object.fromEntries([...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Writes the row of an object if it is not written yet. @returns the name it has in the key map */
  #use(name: string): string {
    const known = this.#shown.get(name);
    if (known !== undefined) return known;
    // A member of a variant is called as if the union were one object, unless that name is taken.
    const short = name.replace(/\|\w+/g, "");
    const taken = short !== name && (this.#rows.has(short) || this.#reader.api.schemas[short] !== undefined);
    const shown = taken ? name : short;
    this.#shown.set(name, shown);
    // Without a prototype, a member called __proto__ is one like any other.
    const row: Record<string, Shape | null> = Object.create(null);
    this.#rows.set(shown, row);
    for (const [key, node] of this.#reader.objects.get(name) ?? []) {
      const shape = this.shapeOf(node);
      if (shape !== undefined || camelCase(key) !== key) row[key] = shape ?? null;
    }
    return shown;
  }
}
