import { asRecord, type OpenApi, refName, type Schema, type SchemaAt } from "../openapi/openapi.js";
import type { YamlPath } from "../source.js";
import type { Break } from "./breaks.js";

/** Who meets a value of the schema: the caller sends it, reads it, or both. */
export interface Direction {
  readonly sent: boolean;
  readonly read: boolean;
}

/** Keywords whose higher (or lower) number allows less. */
const lowerLimits = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const upperLimits = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/** Keywords of which any other value may allow less. */
const opaqueRules = [
  "pattern",
  "multipleOf",
  "uniqueItems",
  "contains",
  "propertyNames",
  "not",
  "dependentRequired",
];
const closers = ["additionalProperties", "unevaluatedProperties"];

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The JSON types a schema allows; undefined for any. A number includes the integers. */
function typesOf({ type }: Schema): Set<string> | undefined {
  if (type === undefined) return undefined;
  const types = new Set([type].flat());
  if (types.has("number")) types.add("integer");
  return types;
}

function within(inner: Set<string> | undefined, outer: Set<string> | undefined): boolean {
  return outer === undefined || (inner !== undefined && [...inner].every((type) => outer.has(type)));
}

/** What tells the variants of a union apart: a reference, else the constants, else the position. */
function variantKey(variant: Schema, index: number): string {
  if (variant.$ref !== undefined) return variant.$ref;
  const constants = Object.entries(variant.properties ?? {}).flatMap(([name, { const: value }]) =>
    value === undefined ? [] : [`${name}=${JSON.stringify(value)}`],
  );
  if (variant.const !== undefined) return JSON.stringify(variant.const);
  return constants.length > 0 ? constants.join() : `#${index}`;
}

/** Compares one schema of two documents. Components are compared on their own, so references are only matched. */
export class SchemaComparison {
  readonly breaks: Break[] = [];

  constructor(
    readonly before: OpenApi,
    readonly after: OpenApi,
  ) {}

  #add(action: Break["action"], path: YamlPath, message: string): void {
    this.breaks.push({ path, action, message });
  }

  compare(before: Schema, after: Schema, path: YamlPath, direction: Direction, depth = 0): void {
    if (before.$ref !== undefined && before.$ref === after.$ref) return;
    // A reference that was put in or taken out changes nothing by itself; recursive ones are followed for a while.
    if (before.$ref !== undefined || after.$ref !== undefined) {
      const old = before.$ref === undefined ? before : this.before.schemas[refName(before.$ref)];
      const now = after.$ref === undefined ? after : this.after.schemas[refName(after.$ref)];
      if (depth < 8) this.compare(old ?? {}, now ?? {}, path, direction, depth + 1);
      return;
    }
    this.#types(before, after, path, direction);
    this.#members(before, after, path, direction, depth);
    if (direction.sent) this.#limits(before, after, path);
    if (before.items !== undefined && after.items !== undefined) {
      this.compare(asRecord(before.items), asRecord(after.items), [...path, "items"], direction, depth + 1);
    }
    for (const key of ["allOf", "anyOf", "oneOf"] as const)
      this.#variants(key, before, after, path, direction, depth);
  }

  #types(before: Schema, after: Schema, path: YamlPath, { sent, read }: Direction): void {
    const [old, now] = [typesOf(before), typesOf(after)];
    if (sent && !within(old, now)) this.#add("replace", [...path, "type"], "type allows less than before");
    else if (read && !within(now, old))
      this.#add("replace", [...path, "type"], "type allows more than before");
    if (before.const !== undefined && !same(before.const, after.const)) {
      this.#add("replace", [...path, "const"], "constant changed");
    }
    for (const value of before.enum ?? []) {
      if (after.enum !== undefined && !after.enum.includes(value)) {
        this.#add("remove", [...path, "enum", String(value)], "removed enum value");
      }
    }
    if (sent && before.enum === undefined && after.enum !== undefined) {
      this.#add("add", [...path, "enum"], "new enum allows less than before");
    }
  }

  #members(before: Schema, after: Schema, path: YamlPath, direction: Direction, depth: number): void {
    const { sent, read } = direction;
    for (const [name, member] of Object.entries(before.properties ?? {})) {
      const at = [...path, "properties", name];
      const now = asRecord(after.properties)[name];
      if (now === undefined)
        this.#add("remove", at, `removed ${read ? "response" : "request"} field ${name}`);
      else this.compare(asRecord(member), asRecord(now), at, direction, depth + 1);
    }
    for (const name of before.required ?? []) {
      const gone =
        asRecord(before.properties)[name] !== undefined && asRecord(after.properties)[name] === undefined;
      if (read && !gone && !after.required?.includes(name)) {
        this.#add("remove", [...path, "required", name], `response field ${name} is no longer required`);
      }
    }
    for (const name of after.required ?? []) {
      if (sent && !before.required?.includes(name)) {
        this.#add("add", [...path, "required", name], `request field ${name} is now required`);
      }
    }
    for (const key of closers) {
      const [old, now] = [before[key], after[key]];
      if (typeof old === "object" && typeof now === "object") {
        this.compare(asRecord(old), asRecord(now), [...path, key], direction, depth + 1);
      } else if (sent && !same(old ?? true, now ?? true) && (now ?? true) !== true) {
        this.#add("replace", [...path, key], `${key} allows less than before`);
      }
    }
  }

  #limits(before: Schema, after: Schema, path: YamlPath): void {
    const narrowed = [
      ...lowerLimits.filter((key) => Number(after[key] ?? -Infinity) > Number(before[key] ?? -Infinity)),
      ...upperLimits.filter((key) => Number(after[key] ?? Infinity) < Number(before[key] ?? Infinity)),
      ...opaqueRules.filter((key) => after[key] !== undefined && !same(before[key], after[key])),
    ];
    for (const key of narrowed) {
      this.#add(
        before[key] === undefined ? "add" : "replace",
        [...path, key],
        `${key} allows less than before`,
      );
    }
  }

  #variants(
    key: "allOf" | "anyOf" | "oneOf",
    before: Schema,
    after: Schema,
    path: YamlPath,
    direction: Direction,
    depth: number,
  ): void {
    const keyed = (schema: Schema) =>
      new Map(
        (schema[key] ?? []).map((item, index) => [
          variantKey(asRecord(item), index),
          { item: asRecord(item), index },
        ]),
      );
    const [old, now] = [keyed(before), keyed(after)];
    for (const [name, { item, index }] of old) {
      const match = now.get(name);
      if (match !== undefined)
        this.compare(item, match.item, [...path, key, match.index], direction, depth + 1);
      else this.#add("remove", [...path, key, index], `removed variant ${name}`);
    }
    if (key !== "allOf" || !direction.sent) return;
    for (const [name, { index }] of now) {
      if (!old.has(name)) this.#add("add", [...path, key, index], `new part ${name} allows less than before`);
    }
  }

  /** Compares two schemas that stand at the same place, when both are there. */
  compareAt(before: SchemaAt | undefined, after: SchemaAt | undefined, direction: Direction): void {
    if (before !== undefined && after !== undefined)
      this.compare(before.schema, after.schema, after.path, direction);
  }
}
