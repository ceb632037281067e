/** Where inputs and outputs of jobs are kept, beside the bus. */

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
