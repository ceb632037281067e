/** Where ajv reads a schema differently from its specification: rewritten so that both mean the same. */
import { isObject } from "./json.js";
import type { Dialect, JsonSchema } from "./json-schema.js";
import { holdsValues, schemaCost } from "./schema-cost.js";

/** A keyword of ours that counts evaluations: see {@link schemaCost}. */
export const stepsKeyword = "agentwire:steps";

type Node = Record<string, unknown>;

/** What stands at a place of the schema: a schema, schemas by name, schemas in a list, or nobody knows. */
export type Role = "schema" | "map" | "list" | "unknown";

const roles = new Map<string, Role>();
for (const [role, keywords] of [
  [
    "schema",
    "additionalItems additionalProperties contains contentSchema else if items not propertyNames then",
  ],
  ["schema", "unevaluatedItems unevaluatedProperties"],
  ["list", "allOf anyOf oneOf prefixItems"],
  ["map", "$defs definitions dependencies dependentSchemas patternProperties properties"],
] as const) {
  for (const keyword of keywords.split(" ")) roles.set(keyword, role);
}

/** Keywords whose values are data, never schemas. */
const dataKeywords = new Set(["const", "default", "enum", "example", "examples"]);

/**
 * A copy of `schema` that ajv judges by as the specification says:
 * - `nullable` and `$async` go: they are not keywords of JSON Schema, but ajv obeys them;
 * - an empty `enum` lets nothing through, where ajv refuses to compile it;
 * - a property named `__proto__` is judged, where ajv leaves it out;
 * - up to draft-07 an id or a type beside a `$ref` counts as little as everything else beside it.
 *
 * `schema` must be JSON data. What lies under unknown keywords is treated alike, since a `$ref` may lead there.
 * With `counted`, every subschema also gets the keyword {@link stepsKeyword}.
 */
export function rewriteForAjv(schema: JsonSchema, dialect: Dialect, counted = false): JsonSchema {
  return visit(schema, "schema", { refStandsAlone: dialect.startsWith("draft"), counted }) as JsonSchema;
}

interface Rewrite {
  readonly refStandsAlone: boolean;
  readonly counted: boolean;
}

function visit(value: unknown, role: Role, rewrite: Rewrite): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => visit(item, role === "list" ? "schema" : role, rewrite));
  }
  if (!isObject(value)) return value;
  const copy: Node = {};
  for (const [name, inner] of Object.entries(value)) {
    // A reference may lead into annotations, and what it finds there must be counted too.
    const isData = role !== "map" && (rewrite.counted ? holdsValues(name) : dataKeywords.has(name));
    put(copy, name, isData ? inner : visit(inner, roleOf(name, role), rewrite));
  }
  if (role === "schema" || (role === "unknown" && "type" in copy)) amend(copy, rewrite.refStandsAlone);
  if (rewrite.counted && (role === "schema" || role === "unknown")) copy[stepsKeyword] = schemaCost(value);
  return copy;
}

/** The role of what stands under a keyword or name. */
export function roleOf(name: string, outer: Role): Role {
  if (outer === "list") return "schema";
  if (outer === "map") return "schema";
  return roles.get(name) ?? "unknown";
}

function amend(schema: Node, refStandsAlone: boolean): void {
  delete schema.nullable;
  delete schema.$async;
  if (refStandsAlone && typeof schema.$ref === "string") {
    for (const keyword of ["$id", "id", "type"]) delete schema[keyword];
  }
  const { enum: values, properties, patternProperties, allOf } = schema;
  if (Array.isArray(values) && values.length === 0) {
    delete schema.enum;
    schema.allOf = [...(Array.isArray(allOf) ? allOf : []), false];
  }
  if (isObject(properties) && Object.hasOwn(properties, "__proto__")) {
    const pattern = "^__proto__$";
    const patterns = isObject(patternProperties) ? { ...patternProperties } : {};
    const own = Object.getOwnPropertyDescriptor(properties, "__proto__")?.value;
    patterns[pattern] = pattern in patterns ? { allOf: [patterns[pattern], own] } : own;
    schema.patternProperties = patterns;
  }
}

/** Sets an own property, also one named `__proto__`. */
function put(target: Node, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}
