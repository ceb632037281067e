/** Checks of bodies and queries against the spec, in the words of the gateway's web framework. */
import { type OperationId, operationSchemas, schemaDocument } from "../../../gen/4runr/index.js";
import type { JsonSchema } from "../../core/json-schema.js";
import type { Refusal } from "../http/refusal.js";
import { type SchemaObject, SpecSchemas } from "../http/schemas.js";
import { frameworkError } from "./http.js";

/** The schemas of the gateway's spec. */
export const schemas = new SpecSchemas(schemaDocument);

/** The address of what the body of an operation must be. */
export function requestSchema(operation: OperationId): string {
  return operationSchemas[operation].request!;
}

/**
 * Refuses a body whose outermost level breaks the spec, which is all that the framework looks at: what is inside is left
 * to the operation.
 */
export function checkOuter(operation: OperationId, body: unknown): Promise<void> {
  return check(shallow(schemas.at(requestSchema(operation))), body ?? null);
}

/** Refuses a body that breaks the spec anywhere. */
export function checkWhole(operation: OperationId, body: unknown): Promise<void> {
  return check(requestSchema(operation), body);
}

async function check(schema: string | JsonSchema, body: unknown): Promise<void> {
  const [issue] = await schemas.issues(schema, body);
  if (issue) throw invalid(`body${issue.path} ${issue.message}`);
}

/** A numeric member of a query that must lie in a range, if it is there. */
export function queryNumber(
  query: Readonly<Record<string, string>>,
  name: string,
  [least, most]: readonly [number, number],
): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw invalid(`querystring/${name} must be number`);
  if (value < least) throw invalid(`querystring/${name} must be >= ${least}`);
  if (value > most) throw invalid(`querystring/${name} must be <= ${most}`);
  return value;
}

/** A boolean member of a query, if it is there. */
export function queryBoolean(query: Readonly<Record<string, string>>, name: string): boolean | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  if (text !== "true" && text !== "false") throw invalid(`querystring/${name} must be boolean`);
  return text === "true";
}

function invalid(message: string): Refusal {
  return frameworkError(400, message, "FST_ERR_VALIDATION");
}

/** The same object with members of any kind of object. */
function shallow({ required, properties = {} }: SchemaObject): JsonSchema {
  const members = Object.entries(properties as Readonly<Record<string, SchemaObject>>);
  const outer = members.map(([name, member]) => {
    const nested = member.$ref !== undefined || member.type === "object";
    return [name, nested ? { type: "object" } : member];
  });
  const object = { type: "object", properties: Object.fromEntries(outer) } as const;
  return required === undefined ? object : { ...object, required: required as string[] };
}
