/** Bodies that are not JSON: forms, multipart, text, bytes. Loaded with the first call that sends one. */
import { hasMembersOnly } from "../core/json.js";
import { stringifyJson } from "../core/json-form.js";
import { type EncodedBody, type RequestBody, unfit } from "./body.js";
import type { BodyKind, HttpOperation } from "./operation.js";
import { scalarText } from "./url.js";

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
  if (kind === "bytes" && isBlob(value)) return written(value, contentType);
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
  if (!hasMembersOnly(value)) throw unfit(operation, "a plain object", value);
  return Object.entries(value).flatMap(([name, item]): [string, unknown][] =>
    (Array.isArray(item) ? item : [item])
      .filter((one) => one !== undefined && one !== null)
      .map((one): [string, unknown] => [name, one]),
  );
}

function textOf(name: string, value: unknown, operation: HttpOperation): string {
  if (typeof value === "function" || typeof value === "symbol")
    throw unfit(operation, `text, a number or JSON in ${name}`, value);
  if (typeof value !== "object" || value instanceof Date) return scalarText(value, name);
  return stringifyJson(value, { what: `the form field ${name}` });
}

/** Some platforms have no Blob. */
function isBlob(value: unknown): value is Blob {
  return typeof Blob === "function" && value instanceof Blob;
}
