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

/** The roots of all schemas of a document: the components, then what operations hold inline. */
export function schemaRoots(api: OpenApi): SchemaAt[] {
  const components = Object.entries(api.schemas).map(([name, schema]) => ({
    schema,
    path: ["components", "schemas", name],
  }));
  const inline = api.operations.flatMap((operation) => [
    ...operation.parameters.map((parameter) => parameter.schema),
    ...bodiesOf(operation, "write"),
    ...bodiesOf(operation, "read"),
  ]);
  return [...components, ...inline];
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
