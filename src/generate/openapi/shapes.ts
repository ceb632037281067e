import { camelCase } from "../../core/keys.js";
import type { Finding } from "../finding.js";
import type { RuleBook } from "../rules.js";
import { asRecord, type OpenApi, refName, type Schema, type SchemaAt } from "./openapi.js";

/**
 * What a converter has to know of a value: `plain` has no keys to convert, `opaque` must not be looked into,
 * an object is known by name.
 */
export type Node =
  | { readonly kind: "plain" | "opaque" }
  | { readonly kind: "list" | "map"; readonly of: Node }
  | { readonly kind: "object"; readonly name: string };

const plain: Node = { kind: "plain" };
const opaque: Node = { kind: "opaque" };

/** Keywords by which a schema says something about members or items. */
const structural = [
  "$ref",
  "properties",
  "additionalProperties",
  "items",
  "prefixItems",
  "allOf",
  "anyOf",
  "oneOf",
  "x-opaque",
];

/** Two objects that become one once all members of both are known, and the schema that asks for it. */
interface LaterMerge {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly at: SchemaAt;
}

/** True when a value of this schema can be a JSON object or array. */
function holdsKeys({ type, contentMediaType }: Schema): boolean {
  // Binary data need not say a type.
  const types = type === undefined && contentMediaType === undefined ? ["object"] : [type ?? "string"].flat();
  return types.includes("object") || types.includes("array");
}

/**
 * Finds the objects of a snake_case document and the shape of each of their members. An object that has no
 * name of its own is called `Parent.member`; variants of a union become one object with the members of all.
 */
export class ShapeReader {
  /** The members of each object, by protocol key. */
  readonly objects = new Map<string, Map<string, Node>>();
  readonly findings: Finding[] = [];
  readonly #components = new Map<string, Node>();
  readonly #open = new Set<string>();
  readonly #assumed = new Set<string>();
  readonly #merged = new Map<string, Node>();
  readonly #reading = new Set<string>();
  readonly #later: LaterMerge[] = [];

  constructor(
    readonly api: OpenApi,
    readonly rules: RuleBook,
  ) {}

  /** A schema whose shape cannot be determined: it becomes opaque, so that its model keeps the keys of the protocol too. */
  #unclear({ schema, path }: SchemaAt, message: string): Node {
    const mark = this.rules.mark("explicit-shapes");
    if (mark) this.findings.push(this.api.source.finding(path, message, mark));
    else (schema as Record<string, unknown>)["x-opaque"] = true;
    return opaque;
  }

  /** The node of a component schema. */
  component(name: string): Node {
    const known = this.#components.get(name);
    if (known !== undefined) return known;
    if (this.#open.has(name)) {
      this.#assumed.add(name);
      return { kind: "object", name };
    }
    this.#open.add(name);
    const path = ["components", "schemas", name];
    const at = { schema: asRecord(this.api.schemas[name]) as Schema, path };
    let node = this.node(at, name);
    this.#open.delete(name);
    if (node.kind === "object") {
      this.objects.set(name, this.objects.get(node.name) ?? new Map());
      if (node.name !== name && this.#isOpen(node.name))
        this.#later.push({ name, a: node.name, b: node.name, at });
      node = { kind: "object", name };
    } else if (this.#assumed.has(name)) {
      node = this.#unclear(at, `${name} is recursive and not an object: say x-opaque: true`);
    }
    this.#components.set(name, node);
    return node;
  }

  /** The node of any schema; `name` is for objects written inside it. */
  node({ schema, path }: SchemaAt, name: string): Node {
    if (schema["x-opaque"] === true) return opaque;
    if (schema.$ref !== undefined) return this.component(refName(schema.$ref));
    const parts: Node[] = [];
    if (schema.properties !== undefined) parts.push(this.#object({ schema, path }, name));
    for (const key of ["allOf", "anyOf", "oneOf"] as const) {
      for (const [index, item] of (schema[key] ?? []).entries()) {
        // A part of `allOf` that names no members leaves the others as they are.
        if (key === "allOf" && !structural.some((keyword) => item[keyword] !== undefined)) continue;
        parts.push(this.node({ schema: item, path: [...path, key, index] }, `${name}|${key}${index}`));
      }
    }
    if (parts.length > 0) return this.#mergeAll({ schema, path }, parts, name);
    if (schema.enum !== undefined || schema.const !== undefined || !holdsKeys(schema)) return plain;
    const items = (schema.prefixItems ?? []).map((item, index) =>
      this.node({ schema: asRecord(item), path: [...path, "prefixItems", index] }, `${name}|${index}`),
    );
    if (typeof schema.items === "object" || schema.items === true)
      items.push(this.node({ schema: asRecord(schema.items), path: [...path, "items"] }, name));
    if (items.length > 0) {
      const of = this.#mergeAll({ schema, path }, items, name);
      return of.kind === "plain" || of.kind === "opaque" ? of : { kind: "list", of };
    }
    return this.#map({ schema, path }, name);
  }

  /** What a value is that can be each of `nodes`. */
  #mergeAll(at: SchemaAt, nodes: readonly Node[], name: string): Node {
    let problem: string | undefined;
    const merged = nodes.reduce((a, b) => {
      const node = this.#merge(a, b, name, at);
      if (typeof node !== "string") return node;
      problem ??= node;
      return opaque;
    });
    return problem === undefined ? merged : this.#unclear(at, problem);
  }

  #object({ schema, path }: SchemaAt, name: string): Node {
    const members = new Map<string, Node>();
    this.objects.set(name, members);
    this.#reading.add(name);
    const taken = new Map<string, string>();
    let clash: string | undefined;
    for (const [key, member] of Object.entries(schema.properties ?? {})) {
      const at = [...path, "properties", key];
      members.set(key, this.node({ schema: asRecord(member), path: at }, `${name}.${key}`));
      const other = taken.get(camelCase(key));
      if (other !== undefined) clash ??= `${key} and ${other} are both ${camelCase(key)} in camelCase`;
      taken.set(camelCase(key), key);
    }
    this.#reading.delete(name);
    if (clash !== undefined) return this.#unclear({ schema, path }, clash);
    if (typeof schema.additionalProperties === "object") {
      const at = [...path, "additionalProperties"];
      const rest = this.node({ schema: asRecord(schema.additionalProperties), path: at }, `${name}.*`);
      if (rest.kind !== "plain" && rest.kind !== "opaque") {
        const message = `${name} has members of its own and further ones that need conversion`;
        this.#unclear({ schema: schema.additionalProperties, path: at }, message);
      }
    }
    return { kind: "object", name };
  }

  #map({ schema, path }: SchemaAt, name: string): Node {
    const { additionalProperties: values, type } = schema;
    if ([type].flat().includes("array"))
      return this.#unclear({ schema, path }, `${name} is a list of anything: say x-opaque: true`);
    if (values === false) return plain;
    const isMap = schema["x-data-keys"] === true || this.rules.of("explicit-shapes") === "off";
    if (isMap && typeof values === "object") {
      const of = this.node({ schema: asRecord(values), path: [...path, "additionalProperties"] }, name);
      return of.kind === "plain" || of.kind === "opaque" ? opaque : { kind: "map", of };
    }
    if (typeof values === "object")
      return this.#unclear({ schema, path }, `${name} is a map: say x-data-keys: true (or x-opaque: true)`);
    return this.#unclear({ schema, path }, `${name} is free-form: say x-opaque: true`);
  }

  /** What both can be, or why that cannot be determined. */
  #merge(a: Node, b: Node, name: string, at: SchemaAt): Node | string {
    if (a.kind === "plain") return b;
    if (b.kind === "plain" || (a.kind === "opaque" && b.kind === "opaque")) return a;
    if (a.kind === "object" && b.kind === "object")
      return this.#mergeObjects({ name, a: a.name, b: b.name, at });
    if ((a.kind === "list" || a.kind === "map") && b.kind === a.kind) {
      const of = this.#merge(a.of, b.of, name, at);
      return typeof of === "string" ? of : { kind: a.kind, of };
    }
    return `the variants of ${name} conflict: ${a.kind} and ${b.kind}`;
  }

  #mergeObjects(merge: LaterMerge): Node | string {
    const { name, a, b } = merge;
    if (a === b) return { kind: "object", name: a };
    const pair = [a, b].sort().join("&");
    const known = this.#merged.get(pair);
    if (known !== undefined) return known;
    const node: Node = { kind: "object", name };
    this.#merged.set(pair, node);
    if (!this.#isOpen(a) && !this.#isOpen(b)) return this.#mergeMembers(merge) ?? node;
    this.#later.push(merge);
    return node;
  }

  /** True while members of an object may still be added. */
  #isOpen(name: string): boolean {
    return (
      this.#open.has(name) || this.#reading.has(name) || this.#later.some((merge) => merge.name === name)
    );
  }

  /** Gives an object the members of two. @returns why that cannot be done */
  #mergeMembers({ name, a, b, at }: LaterMerge): string | undefined {
    const [left, right] = [this.objects.get(a), this.objects.get(b)];
    if (left === undefined || right === undefined)
      return `the variants of ${name} refer back to it in a way that cannot be merged`;
    const members = new Map(left);
    for (const [key, member] of right) {
      const other = members.get(key);
      const merged = other === undefined ? member : this.#merge(other, member, `${name}.${key}`, at);
      if (typeof merged === "string") return merged;
      members.set(key, merged);
    }
    this.objects.set(name, members);
    return undefined;
  }

  /** Merges what had to wait for members of other objects. To be called when everything is read. */
  settle(): void {
    const later = this.#later;
    while (later.length > 0) {
      // A chain of merges into one object goes in its order.
      const isReady = ({ name, a, b }: LaterMerge, index: number) =>
        !later.some((other, at) => [a, b].includes(other.name) && (other.name !== name || at < index));
      const found = later.findIndex(isReady);
      const [merge] = later.splice(Math.max(found, 0), 1);
      const problem = this.#mergeMembers(merge!);
      if (problem === undefined) continue;
      this.objects.delete(merge!.name);
      this.#unclear(merge!.at, problem);
    }
  }
}
