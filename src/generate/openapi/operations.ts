import { camelCase } from "../../core/keys.js";
import type { HttpOperation, Paging } from "../../http/operation.js";
import { printDoc, printKey, printValue, type RuntimePath } from "../emit.js";
import { SpecError } from "../finding.js";
import type { Keys } from "./keys.js";
import { USUAL_TYPES } from "./media.js";
import { type OpenApi, type Operation, refName, type Schema } from "./openapi.js";
import { errorStatuses, resultKind, successStatuses } from "./results.js";
import { flatten } from "./type-text.js";

/** Names of tables of some operations, with the ids of these. */
export type OperationGroups = Readonly<Record<string, readonly string[]>>;

/** Methods that RFC 9110 calls idempotent. */
const IDEMPOTENT = new Set(["get", "head", "options", "trace", "put", "delete"]);

/** The name of the constant of an operation. */
export function operationName(id: string): string {
  return `${id}Op`;
}

function inCamelCase({ items, parameter, next, ...rest }: Paging): Paging {
  return {
    ...(items !== undefined && { items: camelCase(items) }),
    parameter: camelCase(parameter),
    ...(next !== undefined && { next: camelCase(next) }),
    ...rest,
  };
}

/** What the JSON of every success is on the outside, if it is the same for all. */
function outermost(api: OpenApi, operation: Operation): "object" | "array" | undefined {
  const forms = successStatuses(operation).map((status) => {
    const schema = operation.responses[status]?.schema;
    return schema && formOf(api, schema);
  });
  return new Set(forms).size === 1 ? forms[0] : undefined;
}

function formOf(api: OpenApi, schema: Schema): "object" | "array" | undefined {
  if (schema.$ref !== undefined) return formOf(api, api.schemas[refName(schema.$ref)] ?? {});
  if (schema.type === "array") return "array";
  return schema.type === "object" || flatten(api, schema) !== undefined ? "object" : undefined;
}

/** The members named by `x-needs`, as the data has them. */
function needsOf({ raw }: Operation, keys: Keys | undefined): string[] | undefined {
  const names = raw["x-needs"] as readonly string[] | undefined;
  return names?.map((name) => (keys === undefined ? name : camelCase(name)));
}

/** What the runtime has to know of an operation. Members that say nothing are undefined. */
function entryOf(
  api: OpenApi,
  operation: Operation,
  keys: Keys | undefined,
): Record<keyof HttpOperation, unknown> {
  const { id, method, url, raw, body, paging, isPublic, parameters } = operation;
  const inJson = parameters.filter((item) => item.in === "query" && item.isJson).map(({ name }) => name);
  const result = resultKind(operation);
  const errors = errorStatuses(operation);
  return {
    id,
    method: method.toUpperCase(),
    path: url,
    idempotent: raw["x-idempotent"] ?? IDEMPOTENT.has(method),
    retry: raw["x-retry"],
    body: body?.kind,
    contentType: body && body.type !== USUAL_TYPES[body.kind] ? body.type : undefined,
    result: result === "json" ? undefined : result,
    expects: result === "json" ? outermost(api, operation) : undefined,
    needs: needsOf(operation, keys),
    public: isPublic || undefined,
    errors: errors.length > 0 ? errors : undefined,
    shapes: keys?.shapes.get(id),
    paging: keys && paging ? inCamelCase(paging) : paging,
    jsonQuery: inJson.length > 0 ? inJson : undefined,
  };
}

/**
 * `operations.ts`: a constant for each operation, a table of all by operation id, and one for each of `groups`.
 *
 * @throws SpecError for a group with an operation that the document does not have
 */
export function emitOperations(
  api: OpenApi,
  keys: Keys | undefined,
  runtime: RuntimePath,
  groups: OperationGroups = {},
): string {
  const ids = api.operations.map(({ id }) => id);
  const unknown = Object.values(groups)
    .flat()
    .filter((id) => !ids.includes(id));
  if (unknown.length > 0) throw new SpecError(`${api.source.file} has no operation ${unknown.join(", ")}`);
  const constants = api.operations.map((operation) => {
    const lead = `export const ${operationName(operation.id)}: HttpOperation = `;
    const text = printValue(entryOf(api, operation, keys), 0, lead.length + 1);
    return `\n${printDoc(operation.summary)}${lead}${text};\n`;
  });
  const table = (some: readonly string[]) =>
    some.length === 0
      ? "{}"
      : `{\n${some.map((id) => `  ${printKey(id)}: ${operationName(id)},\n`).join("")}}`;
  const tables = Object.entries(groups).map(
    ([name, some]) => `
/** Some of {@link operationTable}, for clients that make no other calls. */
export const ${name} = ${table(some)} as const;
`,
  );
  const used = ids.length === 0 ? "" : `\nimport type { HttpOperation } from "${runtime("http/index")}";\n`;
  return `${used}${constants.join("")}
/** Every operation of ${api.title}, by operation id. */
export const operationTable = ${table(ids)} as const;

/** The id of an operation. */
export type OperationId = keyof typeof operationTable;
${tables.join("")}`;
}
