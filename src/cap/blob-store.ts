/** Where inputs and outputs of jobs are kept, beside the bus. */
import { withDeadline } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { checkOptions } from "../core/options.js";
import { ResourceExhaustedError } from "./errors.js";

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
