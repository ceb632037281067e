import { printValue } from "../emit.js";
import { asRecord, type OpenApi, type Operation, type SchemaAt } from "./openapi.js";
import { walkSchema } from "./walk.js";

/** Keywords that say nothing about validity. `discriminator` repeats what `oneOf` with constants says. */
const dropped = new Set([
  "description",
  "title",
  "example",
  "examples",
  "deprecated",
  "discriminator",
  "externalDocs",
  "xml",
  "readOnly",
  "writeOnly",
]);
const schemaMaps = new Set(["properties", "patternProperties", "$defs", "dependentSchemas"]);
const dataKeywords = new Set(["default", "enum", "const"]);

/** A schema without annotations and extensions. */
export function stripSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(stripSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => !dropped.has(key) && !key.startsWith("x-"));
  return Object.fromEntries(
    kept.map(([key, value]) => {
      if (dataKeywords.has(key)) return [key, value];
      if (!schemaMaps.has(key)) return [key, stripSchema(value)];
      return [
        key,
        Object.fromEntries(Object.entries(asRecord(value)).map(([name, item]) => [name, stripSchema(item)])),
      ];
    }),
  );
}

/** Collects schemas that stand inside operations, so that each has an address in the document. */
export class SchemaAddresses {
  readonly inline: Record<string, Record<string, unknown>> = {};

  constructor(readonly id: string) {}

  /** The address of a schema: that of the component it refers to, else a place of its own. */
  of({ schema }: SchemaAt, owner: string, part: string): string {
    const stripped = asRecord(stripSchema(schema));
    if (schema.$ref !== undefined && Object.keys(stripped).length === 1) return this.id + schema.$ref;
    this.inline[owner] ??= {};
    this.inline[owner][part] = stripped;
    const steps = [owner, part].map((step) =>
      encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1")),
    );
    return `${this.id}#/inline/${steps.join("/")}`;
  }
}

function operationEntry(addresses: SchemaAddresses, operation: Operation): unknown {
  const { id, request, responses, events } = operation;
  return {
    request: request && addresses.of(request, id, "request"),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, schema]) => [status, addresses.of(schema, id, status)]),
    ),
    events: events && addresses.of(events, id, "events"),
  };
}

/** Members that came with a later protocol version (`x-since`), by schema and member. */
function membersSince(api: OpenApi): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const [name, schema] of Object.entries(api.schemas)) {
    for (const { schema: member, path } of walkSchema({ schema, path: [] })) {
      if (typeof member["x-since"] !== "string") continue;
      found[name] ??= {};
      found[name][path.filter((step) => step !== "properties").join(".")] = member["x-since"];
    }
  }
  return found;
}

/** `schemas.ts`: all component schemas as one JSON Schema document, and the address of each body in it. */
export function emitSchemas(api: OpenApi, addresses: SchemaAddresses): string {
  const { id } = addresses;
  const names = Object.keys(api.schemas);
  const operations = Object.fromEntries(
    api.operations.map((item) => [item.id, operationEntry(addresses, item)]),
  );
  const schemas = Object.fromEntries(
    Object.entries(api.schemas).map(([name, item]) => [name, stripSchema(item)]),
  );
  const actions = new Set(
    api.operations.flatMap((item) => item.actions.map((at) => `${at.tool}.${at.action}`)),
  );
  const part = (ofTools: boolean) =>
    Object.fromEntries(Object.entries(addresses.inline).filter(([owner]) => actions.has(owner) === ofTools));
  const document = printValue({ $id: id, components: { schemas }, inline: part(false) });
  // Those of tools stand in a file of their own, so that a bundle can hold them alone.
  const ofTools = [...actions]
    .map((owner) => [owner, Object.keys(addresses.inline[owner] ?? {})] as const)
    .filter(([, parts]) => parts.length > 0)
    .map(([owner, parts]) => {
      const key = JSON.stringify(owner);
      const lists: Record<string, string> = { params: "toolParams", result: "toolResults" };
      return `    ${key}: { ${parts.map((name) => `${name}: ${lists[name]}[${key}]!`).join(", ")} },\n`;
    })
    .join("");
  const documentText =
    actions.size === 0
      ? document
      : document.replace(/\binline: \{(\}?)(?!.*\binline: \{)/s, `inline: {\n${ofTools.trimEnd()}$1`);
  const kind =
    Object.values(schemas).includes(true) || Object.values(schemas).includes(false)
      ? "object | boolean"
      : "object";
  const since = membersSince(api);
  const sinceText = `
/** Members that came with a later protocol version, by schema: \`{ schema: { member: version } }\`. */
export const membersSince = ${printValue(since, 0, 28)} as const;
`;
  return `import type { OperationId } from "./operations.js";
${actions.size > 0 ? 'import { toolParams, toolResults } from "./tools.js";\n' : ""}
/** The \`$id\` of {@link schemaDocument}. */
export const schemaId = ${JSON.stringify(id)};

/** The name of a component schema. */
export type SchemaName =${names.length > 0 ? names.map((name) => `\n  | ${JSON.stringify(name)}`).join("") : " never"};

/** All schemas as one JSON Schema 2020-12 document: add it to a validator once, then compile {@link schemaRef}. */
export interface SchemaDocument {
  readonly $id: string;
  readonly components: { readonly schemas: Readonly<Record<SchemaName, ${kind}>> };
  readonly inline: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

/** Where the schemas of one operation stand: addresses in {@link schemaDocument}. JSON bodies only. */
export interface OperationSchemas {
  readonly request?: string;
  /** By status: \`"200"\`, \`"5XX"\`, \`"default"\`. */
  readonly responses: Readonly<Record<string, string>>;
  /** The JSON in each event of a stream. */
  readonly events?: string;
}

/** The address of a component schema in {@link schemaDocument}. */
export function schemaRef(name: SchemaName): string {
  return \`\${schemaId}#/components/schemas/\${name}\`;
}

/** Addresses of the bodies of every operation. */
export const operationSchemas: Readonly<Record<OperationId, OperationSchemas>> = ${printValue(operations)};
${Object.keys(since).length > 0 ? sinceText : ""}
/** The schemas of ${api.title}, without descriptions. */
export const schemaDocument: SchemaDocument = ${documentText};
`;
}
