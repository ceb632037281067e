/**
 * Values in a blob store, JSON or bytes as they are, and the keys under which Cordum and the official SDKs keep what
 * belongs to a job.
 */
import { uuid } from "../../core/ids.js";
import { parseJson } from "../../core/json.js";
import { stringifyJson } from "../../core/json-form.js";
import type { BlobStore } from "../blob-store.js";
import { JobNotFoundError } from "../errors.js";
import { keyFromPointer, pointerFor } from "../pointer.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where the input of a job is. */
export function contextKey(jobId: string): string {
  return `ctx:${jobId}`;
}

/** Where the output of a job is. */
export function resultKey(jobId: string): string {
  return `res:${jobId}`;
}

/**
 * The bytes of a value: a Uint8Array as it is, everything else as JSON.
 *
 * @throws ValidationError `NOT_SERIALIZABLE` for a value that JSON does not carry whole, such as `NaN` or a `Map`.
 */
export function valueBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new TextEncoder().encode(stringifyJson(value));
}

/**
 * Keeps a value under a key and gives the pointer to it. A Uint8Array is kept as it is, everything else as JSON.
 *
 * @throws ValidationError `NOT_SERIALIZABLE`; what the store throws.
 */
export async function putValue(store: BlobStore, key: string, value: unknown): Promise<string> {
  await store.set(key, valueBytes(value));
  return pointerFor(key);
}

/**
 * The bytes behind a pointer.
 *
 * @throws InvalidInputError for an invalid pointer, JobNotFoundError when nothing is there, what
 * the store throws.
 */
export async function getBytes(store: BlobStore, pointer: string): Promise<Uint8Array> {
  const key = keyFromPointer(pointer);
  const bytes = await store.get(key);
  if (bytes !== undefined) return bytes;
  throw new JobNotFoundError(`the store has no value for the key ${JSON.stringify(key.slice(0, 256))}`);
}

/**
 * The JSON value behind a pointer.
 *
 * @throws What {@link getBytes} throws; ValidationError `NOT_JSON` for bytes that are not UTF-8 or not JSON.
 */
export async function getJson(store: BlobStore, pointer: string): Promise<unknown> {
  const bytes = await getBytes(store, pointer);
  let text = "\0"; // bytes that are not UTF-8 are not JSON either
  try {
    text = utf8.decode(bytes);
  } catch {}
  return parseJson(text, { what: "the value" });
}

/** Options of {@link putArtifact}. */
export interface ArtifactOptions {
  /** Default: a random UUID. */
  readonly id?: string | undefined;
}

/**
 * Keeps an artifact under `art:<id>` and returns the pointer that goes into `artifact_ptrs`.
 *
 * @throws What {@link putValue} throws.
 */
export function putArtifact(
  store: BlobStore,
  value: unknown,
  options: ArtifactOptions = {},
): Promise<string> {
  return putValue(store, `art:${options.id ?? uuid()}`, value);
}
