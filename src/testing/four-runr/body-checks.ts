/** Checks of bodies and queries against the spec, in the words of the gateway's web framework. */
import {
  type OperationId,
  operationSchemas,
  type SchemaDocument,
  schemaDocument,
} from "../../../gen/4runr/index.js";
import { ajvValidator } from "../../core/ajv-validator.js";
import type { JsonSchema } from "../../core/json-schema.js";
import type { CompiledSchema } from "../../core/validate.js";
import { frameworkError, type GatewayAnswer } from "./answer.js";

interface ObjectSchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Judges bodies by the request schemas of the spec. Schemas are compiled once. */
export class BodyChecks {
  readonly #validator = ajvValidator();
  readonly #compiled = new Map<string, Promise<CompiledSchema>>();

  /**
   * The outermost level only, which is all that the framework looks at: what is inside is left to the
   * operation. Returns the refusal, or undefined.
   */
  async outer(operation: OperationId, body: unknown): Promise<GatewayAnswer | undefined> {
    return this.#judge(`${operation} outer`, () => shallow(requestSchema(operation)), body ?? null);
  }

  /** Everything that the spec says of the body. Returns the refusal, or undefined. */
  async whole(operation: OperationId, body: unknown): Promise<GatewayAnswer | undefined> {
    return this.#judge(`${operation} whole`, () => rooted(operationSchemas[operation].request!), body);
  }

  async #judge(key: string, schema: () => JsonSchema, body: unknown): Promise<GatewayAnswer | undefined> {
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      compiled = this.#validator.compile(schema());
      this.#compiled.set(key, compiled);
    }
    const result = (await compiled).validate(body);
    if (result.ok) return undefined;
    const { path, message } = result.issues[0]!;
    return invalid(`body${path} ${message}`);
  }
}

/** Where a schema of the document stands, as an object. */
export function schemaAt(ref: string): ObjectSchema {
  const steps = ref.slice(ref.indexOf("#/") + 2).split("/");
  let at: unknown = schemaDocument satisfies SchemaDocument;
  for (const step of steps) at = (at as Readonly<Record<string, unknown>>)[step];
  return at as ObjectSchema;
}

/** A numeric member of a query that must lie in a range. */
export function queryNumber(
  query: Readonly<Record<string, string>>,
  name: string,
  [least, most]: readonly [number, number],
): number | GatewayAnswer | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) return invalid(`querystring/${name} must be number`);
  if (value < least) return invalid(`querystring/${name} must be >= ${least}`);
  return value > most ? invalid(`querystring/${name} must be <= ${most}`) : value;
}

/** A boolean member of a query. */
export function queryBoolean(
  query: Readonly<Record<string, string>>,
  name: string,
): boolean | GatewayAnswer | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  if (text !== "true" && text !== "false") return invalid(`querystring/${name} must be boolean`);
  return text === "true";
}

function invalid(message: string): GatewayAnswer {
  return frameworkError(400, message, "FST_ERR_VALIDATION");
}

function requestSchema(operation: OperationId): ObjectSchema {
  return schemaAt(operationSchemas[operation].request!);
}

/** A schema that stands for one place of the document. */
function rooted(ref: string): JsonSchema {
  return { ...schemaDocument, $ref: ref.slice(ref.indexOf("#")) };
}

/** The same object with members of any kind of object. */
function shallow({ required, properties = {} }: ObjectSchema): JsonSchema {
  const members = Object.entries(properties).map(([name, member]) => {
    const nested = member.$ref !== undefined || member.type === "object";
    return [name, nested ? { type: "object" } : member];
  });
  return { type: "object", ...(required && { required }), properties: Object.fromEntries(members) };
}
