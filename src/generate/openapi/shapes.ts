import { camelCase } from "../../core/keys.js";
import type { Finding } from "../finding.js";
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
  /** The members of each object, by wire key. */
  readonly objects = new Map<string, Map<string, Node>>();
  readonly findings: Finding[] = [];
  readonly #components = new Map<string, Node>();
  readonly #open = new Set<string>();
  readonly #assumed = new Set<string>();
  readonly #merged = new Map<string, Node>();

  constructor(readonly api: OpenApi) {}

  #fail(path: SchemaAt["path"], message: string): Node {
    this.findings.push(this.api.source.finding(path, message));
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
    let node = this.node({ schema: this.api.schemas[name] ?? {}, path }, name);
    this.#open.delete(name);
    if (node.kind === "object") {
      this.objects.set(name, this.objects.get(node.name) ?? new Map());
      node = { kind: "object", name };
    } else if (this.#assumed.has(name)) {
      node = this.#fail(path, `${name} is recursive and not an object: say x-opaque: true`);
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
        parts.push(this.node({ schema: item, path: [...path, key, index] }, `${name}|${key}${index}`));
      }
    }
    if (parts.length > 0) return parts.reduce((a, b) => this.#merge(a, b, name, path));
    if (schema.enum !== undefined || schema.const !== undefined || !holdsKeys(schema)) return plain;
    if (schema.items !== undefined) {
      const of = this.node({ schema: asRecord(schema.items), path: [...path, "items"] }, name);
      return of.kind === "plain" || of.kind === "opaque" ? of : { kind: "list", of };
    }
    return this.#map({ schema, path }, name);
  }

  #object({ schema, path }: SchemaAt, name: string): Node {
    const members = new Map<string, Node>();
    this.objects.set(name, members);
    const taken = new Map<string, string>();
    for (const [key, member] of Object.entries(schema.properties ?? {})) {
      const at = [...path, "properties", key];
      members.set(key, this.node({ schema: asRecord(member), path: at }, `${name}.${key}`));
      const other = taken.get(camelCase(key));
      if (other !== undefined) this.#fail(at, `${key} and ${other} are both ${camelCase(key)} in camelCase`);
      taken.set(camelCase(key), key);
    }
    if (typeof schema.additionalProperties === "object") {
      const at = [...path, "additionalProperties"];
      const rest = this.node({ schema: asRecord(schema.additionalProperties), path: at }, `${name}.*`);
      if (rest.kind !== "plain" && rest.kind !== "opaque") {
        this.#fail(at, `${name} has members of its own and further ones that need conversion`);
      }
    }
    return { kind: "object", name };
  }

  #map({ schema, path }: SchemaAt, name: string): Node {
    const { additionalProperties: values, type } = schema;
    if ([type].flat().includes("array"))
      return this.#fail(path, `${name} is a list of anything: say x-opaque: true`);
    if (values === false) return plain;
    if (schema["x-data-keys"] === true && typeof values === "object") {
      const of = this.node({ schema: asRecord(values), path: [...path, "additionalProperties"] }, name);
      return of.kind === "plain" || of.kind === "opaque" ? opaque : { kind: "map", of };
    }
    if (typeof values === "object")
      return this.#fail(path, `${name} is a map: say x-data-keys: true (or x-opaque: true)`);
    return this.#fail(path, `${name} is free-form: say x-opaque: true`);
  }

  #merge(a: Node, b: Node, name: string, path: SchemaAt["path"]): Node {
    if (a.kind === "plain") return b;
    if (b.kind === "plain" || (a.kind === "opaque" && b.kind === "opaque")) return a;
    if (a.kind === "object" && b.kind === "object") return this.#mergeObjects(a.name, b.name, name, path);
    if ((a.kind === "list" || a.kind === "map") && b.kind === a.kind) {
      return { kind: a.kind, of: this.#merge(a.of, b.of, name, path) };
    }
    return this.#fail(path, `the variants of ${name} conflict: ${a.kind} and ${b.kind}`);
  }

  #mergeObjects(a: string, b: string, name: string, path: SchemaAt["path"]): Node {
    if (a === b) return { kind: "object", name: a };
    const pair = [a, b].sort().join("&");
    const known = this.#merged.get(pair);
    if (known !== undefined) return known;
    const node: Node = { kind: "object", name };
    this.#merged.set(pair, node);
    const [left, right] = [this.objects.get(a), this.objects.get(b)];
    if (left === undefined || right === undefined) {
      return this.#fail(path, `the variants of ${name} refer back to it in a way that cannot be merged`);
    }
    const members = new Map(left);
    for (const [key, member] of right) {
      const other = members.get(key);
      members.set(key, other === undefined ? member : this.#merge(other, member, `${name}.${key}`, path));
    }
    this.objects.set(name, members);
    return node;
  }
}
