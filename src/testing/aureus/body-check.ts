/** Holds bodies against the generated schemas. */
import * as v1 from "../../../gen/aureus/v1/index.js";
import { ajvValidator } from "../../core/ajv-validator.js";
import type { JsonSchema } from "../../core/json-schema.js";
import type { CompiledSchema } from "../../core/validate.js";

const validator = ajvValidator({ allErrors: true, maxSchemaBytes: 1_048_576 });
const compiled = new Map<string, Promise<CompiledSchema>>();

function schemaAt(address: string): Promise<CompiledSchema> {
  let found = compiled.get(address);
  if (found === undefined) {
    // One reference into the whole document; its own `$id` would clash between the copies.
    const { components, inline } = v1.schemaDocument;
    const $ref = address.slice(address.indexOf("#"));
    const document = JSON.stringify({ components, inline, $ref }).replaceAll(`"${v1.schemaId}#`, '"#');
    found = validator.compile(JSON.parse(document) as JsonSchema);
    compiled.set(address, found);
  }
  return found;
}

/** What is wrong with the body of a V1 request, as `path: text`; empty when it is as the spec says. */
export async function requestProblems(operation: v1.OperationId, body: unknown): Promise<string[]> {
  const address = v1.operationSchemas[operation].request;
  return address === undefined ? [] : problems(address, body);
}

/** The same for an answer. */
export async function answerProblems(
  operation: v1.OperationId,
  status: number,
  body: unknown,
): Promise<string[]> {
  const { responses } = v1.operationSchemas[operation];
  const address = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  return address === undefined ? [] : problems(address, body);
}

async function problems(address: string, body: unknown): Promise<string[]> {
  const result = (await schemaAt(address)).validate(body);
  if (result.ok) return [];
  return result.issues.map(({ path, message }) => {
    const where = path.slice(1).replaceAll("/", ".");
    return where === "" ? message : `${where}: ${message}`;
  });
}
