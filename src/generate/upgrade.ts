import { setMember } from "./editable.js";

type Members = Record<string, unknown>;

/** What the members of each kind of object are: `*` stands for each value of a map or a list. */
const layout: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  document: { components: "components", paths: "*pathItem", webhooks: "*pathItem" },
  components: {
    callbacks: "**pathItem",
    headers: "*parameter",
    parameters: "*parameter",
    pathItems: "*pathItem",
    requestBodies: "*body",
    responses: "*body",
    schemas: "*schema",
  },
  pathItem: {
    parameters: "*parameter",
    ...Object.fromEntries(
      "get put post delete options head patch trace".split(" ").map((method) => [method, "operation"]),
    ),
  },
  operation: {
    callbacks: "**pathItem",
    parameters: "*parameter",
    requestBody: "body",
    responses: "*body",
  },
  parameter: { content: "*media", schema: "schema" },
  body: { content: "*media", headers: "*parameter" },
  media: { encoding: "*encoding", schema: "schema", "x-event-data": "schema" },
  encoding: { headers: "*parameter" },
  schema: {
    ...Object.fromEntries(["allOf", "anyOf", "oneOf", "prefixItems"].map((key) => [key, "*schema"])),
    ...Object.fromEntries(
      ["properties", "patternProperties", "dependentSchemas", "$defs"].map((key) => [key, "*schema"]),
    ),
    ...Object.fromEntries(
      "items additionalProperties unevaluatedItems unevaluatedProperties propertyNames contains not if then else"
        .split(" ")
        .map((key) => [key, "schema"]),
    ),
  },
};

/** Keywords that may stand beside a `$ref` of OpenAPI 3.0, which ignores all others. */
const besideRef = /^(?:\$ref|nullable|description|summary|title|deprecated|default|examples?|x-.*)$/;

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function upgrade(parent: Members | unknown[], key: string | number, kind: string, is30: boolean): void {
  const value = (parent as Members)[key];
  if (kind.startsWith("*")) {
    if (typeof value !== "object" || value === null) return;
    for (const name of Object.keys(value)) upgrade(value as Members, name, kind.slice(1), is30);
    return;
  }
  if (value === null && kind === "schema") setMember(parent, String(key), {});
  if (!isMembers(value)) return;
  for (const [name, member] of Object.entries(layout[kind]!)) {
    if (Object.hasOwn(value, name)) upgrade(value, name, member, is30);
  }
  if (kind === "media" && is30) dropBinarySchema(value, String(key));
  if (kind === "schema") setMember(parent, String(key), upgradeSchema(value, is30));
}

/** A body that is bytes has no schema in 3.1; its media type says all. */
function dropBinarySchema(media: Members, type: string): void {
  const { schema } = media;
  if (!isMembers(schema) || schema.type !== "string" || /json|^text\//.test(type)) return;
  if (schema.format === "binary") delete media.schema;
}

function upgradeSchema(schema: Members, is30: boolean): Members {
  if (is30 && typeof schema.$ref === "string") {
    for (const key of Object.keys(schema)) if (!besideRef.test(key)) delete schema[key];
  }
  for (const [exclusive, limit] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    if (typeof schema[exclusive] !== "boolean") continue;
    if (schema[exclusive] && schema[limit] !== undefined) {
      schema[exclusive] = schema[limit];
      delete schema[limit];
    } else {
      delete schema[exclusive];
    }
  }
  if (is30) {
    if (schema.example !== undefined) {
      schema.examples = [schema.example];
      delete schema.example;
    }
    if (schema.type === "string" && (schema.format === "byte" || schema.format === "base64")) {
      delete schema.format;
      schema.contentEncoding = "base64";
    }
  }
  const { nullable } = schema;
  delete schema.nullable;
  return nullable === true ? withNull(schema) : schema;
}

/** The types that a schema without `type` means by its other keywords. */
function impliedTypes(schema: Members): unknown[] {
  if (schema.type !== undefined) return [schema.type].flat();
  if (schema.properties !== undefined || schema.additionalProperties !== undefined) return ["object"];
  return schema.items === undefined ? [] : ["array"];
}

function withNull(schema: Members): Members {
  // Nothing added beside `$ref` or `allOf` would let null through them.
  if (schema.$ref !== undefined || schema.allOf !== undefined) {
    return { anyOf: [schema, { type: "null" }] };
  }
  const types = impliedTypes(schema);
  if (types.length > 0) schema.type = [...new Set([...types, "null"])];
  for (const key of ["anyOf", "oneOf"]) {
    const variants = schema[key];
    if (!Array.isArray(variants)) continue;
    const hasNull = variants.some((item) => isMembers(item) && [item.type].flat().includes("null"));
    if (!hasNull) variants.push({ type: "null" });
  }
  if (Array.isArray(schema.enum) && !schema.enum.includes(null)) schema.enum.push(null);
  if (schema.const !== undefined && schema.const !== null) {
    schema.enum = [schema.const, null];
    delete schema.const;
  }
  return schema;
}

/**
 * Turns an OpenAPI 3.0 document into 3.1 in place, and in one of 3.1 what many still write as in 3.0: `nullable`,
 * boolean exclusive limits, a schema that is null. Objects keep their places, but for a schema that is nullable
 * beside a `$ref` or `allOf`: it moves below an `anyOf`. Documents of other versions stay as they are.
 */
export function upgradeDocument(document: unknown): void {
  if (!isMembers(document)) return;
  const version = /^3\.([01])\b/.exec(String(document.openapi))?.[1];
  if (version === undefined) return;
  upgrade([document], 0, "document", version === "0");
  if (version === "0") document.openapi = "3.1.0";
}
