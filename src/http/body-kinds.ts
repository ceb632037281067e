/** Bodies that are not JSON: forms, multipart, text, bytes. Loaded with the first call that sends one. */
import { ValidationError } from "../core/errors.js";
import { stringifyJson } from "../core/json.js";
import type { EncodedBody, RequestBody } from "./body.js";
import type { BodyKind, HttpOperation } from "./operation.js";

const TYPES = {
  form: "application/x-www-form-urlencoded",
  text: "text/plain;charset=UTF-8",
  bytes: "application/octet-stream",
} as const;

/** @throws ValidationError for a value that its kind of body cannot hold */
export async function encodeKind(
  kind: Exclude<BodyKind, "json">,
  value: unknown,
  operation: HttpOperation,
): Promise<EncodedBody> {
  const { contentType } = operation;
  if (kind === "multipart") return written(multipart(value, operation), undefined);
  if (isBlob(value)) return written(value, contentType);
  return { content: encoders[kind](value, operation), contentType: contentType ?? TYPES[kind] };
}

/** The platform reads blobs, and writes multipart bodies with their boundary. */
async function written(value: FormData | Blob, contentType: string | undefined): Promise<EncodedBody> {
  const response = new Response(value);
  const content = new Uint8Array(await response.arrayBuffer());
  return { content, contentType: contentType ?? response.headers.get("content-type") ?? TYPES.bytes };
}

type Encoder = (value: unknown, operation: HttpOperation) => RequestBody;

const encoders: Readonly<Record<keyof typeof TYPES, Encoder>> = {
  form(value, operation) {
    if (value instanceof URLSearchParams) return value.toString();
    const params = new URLSearchParams();
    for (const [name, item] of membersOf(value, operation)) params.append(name, textOf(item));
    return params.toString();
  },
  text(value, operation) {
    if (typeof value === "string") return value;
    throw unfit(operation, "a string", value);
  },
  bytes(value, operation) {
    if (value instanceof Uint8Array || typeof value === "string") return value;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw unfit(operation, "bytes (Uint8Array, ArrayBuffer or Blob)", value);
  },
};

function multipart(value: unknown, operation: HttpOperation): FormData {
  if (value instanceof FormData) return value;
  const form = new FormData();
  for (const [name, item] of membersOf(value, operation)) {
    if (isBlob(item)) form.append(name, item);
    else if (item instanceof Uint8Array) form.append(name, new Blob([new Uint8Array(item)]));
    else form.append(name, textOf(item));
  }
  return form;
}

function membersOf(value: unknown, operation: HttpOperation): [string, unknown][] {
  if (typeof value !== "object" || value === null) throw unfit(operation, "an object", value);
  return Object.entries(value).flatMap(([name, item]): [string, unknown][] =>
    (Array.isArray(item) ? item : [item])
      .filter((one) => one !== undefined && one !== null)
      .map((one): [string, unknown] => [name, one]),
  );
}

function textOf(value: unknown): string {
  return typeof value === "object" ? stringifyJson(value, { what: "a form field" }) : String(value);
}

function unfit({ id }: HttpOperation, wanted: string, value: unknown): ValidationError {
  return new ValidationError(
    `the body of ${id} must be ${wanted}, found ${value === null ? "null" : typeof value}`,
  );
}

/** Some platforms have no Blob. */
function isBlob(value: unknown): value is Blob {
  return typeof Blob === "function" && value instanceof Blob;
}
