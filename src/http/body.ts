/** Request bodies: from the value a caller gives to what the transport sends. */
import { ValidationError } from "../core/errors.js";
import { stringifyJson } from "../core/json.js";
import type { HttpOperation } from "./operation.js";
import { scalarText } from "./url.js";

/** What a transport sends; whole, so that it can be sent again. */
export type RequestBody = string | Uint8Array;

/** A body with the content type that goes with it. */
export interface EncodedBody {
  readonly content: RequestBody;
  readonly contentType: string;
}

const TYPES = {
  json: "application/json",
  form: "application/x-www-form-urlencoded",
  text: "text/plain;charset=UTF-8",
  bytes: "application/octet-stream",
} as const;

/**
 * Encodes the body of an operation; a promise only for those that the platform reads asynchronously (multipart and
 * Blob). Undefined sends no body.
 *
 * @throws ValidationError for a value that its kind of body cannot hold
 */
export function encodeBody(
  operation: HttpOperation,
  value: unknown,
): EncodedBody | undefined | Promise<EncodedBody> {
  if (value === undefined) return undefined;
  const { body: kind = "json", contentType } = operation;
  if (kind === "multipart") return read(multipart(value, operation), contentType);
  if (kind === "bytes" && isBlob(value)) return read(value, contentType);
  return { content: encoders[kind](value, operation), contentType: contentType ?? TYPES[kind] };
}

/** Some platforms have no Blob. */
function isBlob(value: unknown): value is Blob {
  return typeof Blob === "function" && value instanceof Blob;
}

/** The platform writes multipart bodies and their boundary. */
async function read(value: FormData | Blob, contentType: string | undefined): Promise<EncodedBody> {
  const written = new Response(value);
  const content = new Uint8Array(await written.arrayBuffer());
  const type = written.headers.get("content-type");
  return { content, contentType: (isBlob(value) ? (contentType ?? type) : type) ?? TYPES.bytes };
}

type Encoder = (value: unknown, operation: HttpOperation) => RequestBody;

const encoders: Readonly<Record<keyof typeof TYPES, Encoder>> = {
  json(value, operation) {
    if (hasNoMembers(value) && !("toJSON" in value)) throw unfit(operation, "a JSON value", value);
    return stringifyJson(value, { what: "the request body" });
  },
  form(value, operation) {
    if (value instanceof URLSearchParams) return value.toString();
    const params = new URLSearchParams();
    for (const [name, item] of membersOf(value, operation))
      params.append(name, textOf(name, item, operation));
    return params.toString();
  },
  text(value, operation) {
    if (typeof value === "string") return value;
    throw unfit(operation, "a string", value);
  },
  bytes(value, operation) {
    const bytes = typeof value === "string" ? value : bytesOf(value);
    if (bytes !== undefined) return bytes;
    throw unfit(operation, "bytes (Uint8Array, ArrayBuffer or Blob)", value);
  },
};

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

/** True for objects whose content is not in members of their own: as JSON it would be `{}`. */
function hasNoMembers(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return isBlob(value) || bytesOf(value) !== undefined || Symbol.iterator in value;
}

function multipart(value: unknown, operation: HttpOperation): FormData {
  if (value instanceof FormData) return value;
  const form = new FormData();
  for (const [name, item] of membersOf(value, operation)) {
    const bytes = bytesOf(item);
    if (isBlob(item)) form.append(name, item);
    else if (bytes !== undefined) form.append(name, new Blob([new Uint8Array(bytes)]));
    else form.append(name, textOf(name, item, operation));
  }
  return form;
}

function membersOf(value: unknown, operation: HttpOperation): [string, unknown][] {
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) ||
    value instanceof Date ||
    hasNoMembers(value)
  )
    throw unfit(operation, "a plain object", value);
  return Object.entries(value).flatMap(([name, item]): [string, unknown][] =>
    (Array.isArray(item) ? item : [item])
      .filter((one) => one !== undefined && one !== null)
      .map((one): [string, unknown] => [name, one]),
  );
}

function textOf(name: string, value: unknown, operation: HttpOperation): string {
  if (hasNoMembers(value) || typeof value === "function" || typeof value === "symbol")
    throw unfit(operation, `text, a number or JSON in ${name}`, value);
  if (typeof value !== "object" || value instanceof Date) return scalarText(value, name);
  return stringifyJson(value, { what: `the form field ${name}` });
}

function unfit({ id }: HttpOperation, wanted: string, value: unknown): ValidationError {
  const found = typeof value === "object" ? (value?.constructor?.name ?? String(value)) : typeof value;
  return new ValidationError(`the body of ${id} must be ${wanted}, found ${found}`);
}
