/**
 * Where inputs and outputs of jobs are kept, beside the bus: values as JSON or bytes as they are, under the keys that Cordum
 * and the official SDKs use.
 */
import { withDeadline } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { uuid } from "../core/ids.js";
import { parseJson } from "../core/json.js";
import { stringifyJson } from "../core/json-form.js";
import { checkOptions } from "../core/options.js";
import { InvalidInputError, JobNotFoundError, ResourceExhaustedError } from "./errors.js";

/** A store of bytes by key. */
export interface BlobStore {
  /** The bytes of a key; undefined when there are none. */
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array): Promise<void>;
  /** Lets go of what the store holds. Repeated calls are fine. */
  close(): Promise<void>;
}

/** A store inside the process, for tests and for several peers of one process. */
export class InMemoryBlobStore implements BlobStore {
  readonly #values = new Map<string, Uint8Array>();

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key)?.slice();
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    this.#values.set(key, value.slice());
  }

  async close(): Promise<void> {
    this.#values.clear();
  }
}

/** Options of {@link limitedStore}. 0 or less means no limit. The defaults are those of the official SDKs. */
export interface StoreLimits {
  /** Longest value that is read, in bytes. Default: 2 MiB. */
  readonly maxReadBytes?: number | undefined;
  /** Longest value that is written, in bytes. Default: 2 MiB. */
  readonly maxWriteBytes?: number | undefined;
  /** How long one read or write may take. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** Cuts every call short when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

const TWO_MIB = 2 * 1024 * 1024;

/**
 * Puts limits on a store. A value that is too long to write never reaches it; closing closes it.
 *
 * @returns A store whose calls reject with ResourceExhaustedError, TimeoutError or AbortError.
 */
export function limitedStore(store: BlobStore, limits: StoreLimits = {}): BlobStore {
  checkOptions(limits, { maxReadBytes: {}, maxWriteBytes: {}, timeoutMs: {} });
  const { maxReadBytes = TWO_MIB, maxWriteBytes = TWO_MIB, timeoutMs = 5_000, signal, clock } = limits;
  const limit = timeoutMs > 0 ? timeoutMs : Infinity;
  const inTime = <T>(what: string, call: () => Promise<T>): Promise<T> =>
    withDeadline({ what, timeoutMs: limit, signal, clock }, async () => call());
  const check = (bytes: number, max: number): void => {
    if (max <= 0 || bytes <= max) return;
    throw new ResourceExhaustedError(`a value of ${bytes} bytes exceeds the limit of ${max}`, {
      details: { bytes, max },
    });
  };
  return {
    async get(key) {
      const value = await inTime("reading from the store", () => store.get(key));
      if (value !== undefined) check(value.length, maxReadBytes);
      return value;
    },
    async set(key, value) {
      check(value.length, maxWriteBytes);
      await inTime("writing to the store", () => store.set(key, value));
    },
    close: () => store.close(),
  };
}

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

const SCHEME = "redis://";

/** The pointer to a key of the blob store. */
export function pointerFor(key: string): string {
  return SCHEME + key;
}

/**
 * The key behind a pointer: all that follows `redis://`, unchanged.
 *
 * @throws InvalidInputError "empty pointer", "unsupported pointer scheme" or "missing pointer key", in the
 * words a worker puts into its FAILED result.
 */
export function keyFromPointer(pointer: string): string {
  if (pointer === "") throw new InvalidInputError("empty pointer");
  if (!pointer.startsWith(SCHEME)) throw new InvalidInputError("unsupported pointer scheme");
  const key = pointer.slice(SCHEME.length);
  if (key === "") throw new InvalidInputError("missing pointer key");
  return key;
}
