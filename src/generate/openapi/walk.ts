import type { YamlPath } from "../source.js";
import { asRecord, type OpenApi, refName, type Schema, type SchemaAt } from "./openapi.js";

const listKeywords = ["allOf", "anyOf", "oneOf", "prefixItems"];
const mapKeywords = ["properties", "patternProperties", "$defs", "dependentSchemas"];
const schemaKeywords = [
  "items",
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "contains",
  "not",
  "if",
  "then",
  "else",
];

/** Members that hold named things: their keys are names, not keywords. */
const nameMaps = new Set(
  (
    "properties patternProperties $defs dependentSchemas headers schemas responses mapping variables requestBodies " +
    "securitySchemes links callbacks pathItems scopes content encoding paths webhooks x-tool-actions"
  ).split(" "),
);
/** Members that hold plain data. */
const dataMembers = new Set(["example", "examples", "default", "enum", "const", "value"]);

/** Extensions that hold no schemas. */
const foreign = /^x-(?!(?:event-data|tool-actions)$)/;

/**
 * Visits every object of a document that is neither plain data nor a map of names, from the outside in. What `visit`
 * changes below the object is visited as it is then.
 */
export function walkDocument(
  value: unknown,
  visit: (value: Record<string, unknown>, path: YamlPath) => void,
  path: YamlPath = [],
  isNameMap = false,
): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) walkDocument(item, visit, [...path, index]);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (!isNameMap) visit(value as Record<string, unknown>, path);
  for (const [key, member] of Object.entries(value)) {
    if (!isNameMap && (dataMembers.has(key) || foreign.test(key))) continue;
    walkDocument(member, visit, [...path, key], !isNameMap && nameMaps.has(key));
  }
}

/** The schemas written directly inside a schema. */
export function subSchemas({ schema, path }: SchemaAt): SchemaAt[] {
  const found: SchemaAt[] = [];
  const add = (value: unknown, ...steps: YamlPath) => {
    if (typeof value === "object" && value !== null) {
      found.push({ schema: value as Schema, path: [...path, ...steps] });
    }
  };
  for (const key of schemaKeywords) add(schema[key], key);
  for (const key of listKeywords) {
    for (const [index, item] of ((schema[key] as unknown[] | undefined) ?? []).entries())
      add(item, key, index);
  }
  for (const key of mapKeywords) {
    for (const [name, item] of Object.entries(asRecord(schema[key]))) add(item, key, name);
  }
  return found;
}

/** A schema and all schemas inside it, references not followed. */
export function walkSchema(root: SchemaAt): SchemaAt[] {
  return [root, ...subSchemas(root).flatMap(walkSchema)];
}

/** What a caller writes (request body, tool parameters) or reads (answers, events, tool results). */
function bodiesOf(operation: OpenApi["operations"][number], direction: "read" | "write"): SchemaAt[] {
  const { body, responses, events, actions } = operation;
  const bodies =
    direction === "write"
      ? [body?.schema, ...actions.map(({ params }) => params)]
      : [...Object.values(responses), events, ...actions.map(({ result }) => result)];
  return bodies.filter((body) => body !== undefined);
}

/** Names of the component schemas that a caller can write, or read. */
export function reachable(api: OpenApi, direction: "read" | "write"): Set<string> {
  const names = new Set<string>();
  const visit = (root: SchemaAt) => {
    for (const { schema } of walkSchema(root)) {
      if (schema.$ref === undefined || names.has(refName(schema.$ref))) continue;
      const name = refName(schema.$ref);
      names.add(name);
      if (api.schemas[name] !== undefined)
        visit({ schema: api.schemas[name], path: ["components", "schemas", name] });
    }
  };
  for (const operation of api.operations) for (const body of bodiesOf(operation, direction)) visit(body);
  return names;
}
