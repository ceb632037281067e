/** Bodies as the Python SDK writes them: every optional member that is not given is an explicit null. */
import { operationSchemas, schemaDocument } from "../../gen/aureus/v1/schemas.js";
import { hasMembersOnly } from "../core/json.js";
import type { HttpOperation } from "../http/index.js";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

const components = schemaDocument.components.schemas as Readonly<Record<string, Schema>>;

function fill(value: unknown, schema: Schema): unknown {
  if (value === null || value === undefined || typeof value !== "object") return value;
  if (schema.$ref !== undefined) return fill(value, components[schema.$ref.split("/").at(-1)!] ?? {});
  if (schema.anyOf !== undefined) return fill(value, schema.anyOf[0]!);
  if (Array.isArray(value)) return value.map((item) => fill(item, schema.items ?? {}));
  // A copy of a Map would be an empty object.
  if (!hasMembersOnly(value) || "toJSON" in value) return value;
  const members = Object.entries(value);
  if (schema.properties === undefined) {
    const values = schema.additionalProperties;
    if (typeof values !== "object") return value;
    return Object.fromEntries(members.map(([key, item]) => [key, fill(item, values)]));
  }
  const filled = Object.fromEntries(
    members.map(([key, item]) => [key, fill(item, schema.properties![key] ?? {})]),
  );
  for (const key of Object.keys(schema.properties)) {
    if (filled[key] === undefined && schema.required?.includes(key) !== true) filled[key] = null;
  }
  return filled;
}

/**
 * The body of a V1 request with a null for every optional member that is missing, nested ones included: the
 * members that aureus-sdk 0.1.0 (Python) sends.
 */
export function explicitNulls(body: unknown, { id }: HttpOperation): unknown {
  const address = (operationSchemas as Readonly<Record<string, { readonly request?: string }>>)[id]?.request;
  return address === undefined ? body : fill(body, { $ref: address });
}
