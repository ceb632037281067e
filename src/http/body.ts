/** Request bodies: from the value a caller passes to what the transport sends. */
import { ValidationError } from "../core/errors.js";
import { stringifyJson } from "../core/json-form.js";
import type { HttpOperation } from "./operation.js";

/** What a transport sends; whole, so that it can be sent again. */
export type RequestBody = string | Uint8Array;

/** A body with the content type that goes with it. */
export interface EncodedBody {
  readonly content: RequestBody;
  readonly contentType: string;
}

/**
 * Encodes the body of an operation; a promise for everything but JSON. Undefined sends no body.
 *
 * @throws ValidationError for a value that its kind of body cannot hold
 */
export function encodeBody(
  operation: HttpOperation,
  value: unknown,
): EncodedBody | undefined | Promise<EncodedBody | undefined> {
  if (value === undefined) return undefined;
  const { body: kind = "json", contentType = "application/json" } = operation;
  if (kind === "json") {
    return { content: stringifyJson(value, { what: `the body of ${operation.id}` }), contentType };
  }
  return import("./body-kinds.js").then(({ encodeKind }) => encodeKind(kind, value, operation));
}

/** The error for a body that its kind cannot hold. */
export function unfit({ id }: HttpOperation, wanted: string, value: unknown): ValidationError {
  return new ValidationError(`the body of ${id} must be ${wanted}, found ${nameOf(value)}`);
}

function nameOf(value: unknown): string {
  if (typeof value !== "object") return typeof value;
  return value === null ? "null" : (value.constructor?.name ?? "an object without a class");
}
