/** A client of either Redis library, the caller's or one of our own, with the errors of this package. */
import { Buffer } from "node:buffer";
import { withDeadline } from "../../core/abort.js";
import { ClosedError, UnsupportedError } from "../../core/errors.js";
import type { OwnRedis, RedisConnectOptions } from "./connect.js";
import { connectRedis } from "./connect.js";
import { redisError } from "./errors.js";

/** What is needed of a client of ioredis. */
export interface IoredisLike {
  getBuffer(key: string): Promise<Uint8Array | null>;
  /** Called with a key, a Buffer, and perhaps "PX" and milliseconds. */
  readonly set: (...args: never[]) => unknown;
}

/** What is needed of a client of node-redis (`redis` 5 and later, connected). */
export interface NodeRedisLike {
  withTypeMapping(mapping: Record<number, unknown>): { get(key: string): Promise<unknown> };
  /** Called with a key, a Buffer, and perhaps `{PX: milliseconds}`. */
  readonly set: (...args: never[]) => unknown;
}

/** A client of either library. */
export type RedisClientLike = IoredisLike | NodeRedisLike;

/** The two libraries behind one face. */
export interface RedisCommands {
  get(key: string): Promise<Uint8Array | null>;
  set(key: string, value: Buffer, ttlMs: number | undefined): Promise<unknown>;
  /** Sets a key that is not there yet, for so long; one that is there stays as it is. */
  setNew(key: string, value: Buffer, ttlMs: number): Promise<unknown>;
}

/** RESP's type of a string that may hold any bytes; node-redis would decode it as UTF-8. */
const BLOB_STRING = "$".charCodeAt(0);

/**
 * Takes a client of ioredis or node-redis for what it is.
 *
 * @throws UnsupportedError `UNKNOWN_REDIS_CLIENT` for anything else.
 */
export function redisCommands(client: RedisClientLike): RedisCommands {
  const set = async (...args: unknown[]): Promise<unknown> => Reflect.apply(client.set, client, args);
  if ("getBuffer" in client && typeof client.getBuffer === "function") {
    return {
      get: (key) => client.getBuffer(key),
      set: (key, value, ttlMs) => set(key, value, ...(ttlMs === undefined ? [] : ["PX", ttlMs])),
      setNew: (key, value, ttlMs) => set(key, value, "PX", ttlMs, "NX"),
    };
  }
  if ("withTypeMapping" in client && typeof client.withTypeMapping === "function") {
    const binary = client.withTypeMapping({ [BLOB_STRING]: Buffer });
    return {
      get: async (key) => (await binary.get(key)) as Uint8Array | null,
      set: (key, value, ttlMs) => set(key, value, ...(ttlMs === undefined ? [] : [{ PX: ttlMs }])),
      setNew: (key, value, ttlMs) => set(key, value, { PX: ttlMs, NX: true }),
    };
  }
  throw new UnsupportedError("the client is neither one of ioredis nor one of redis 5 or later", {
    code: "UNKNOWN_REDIS_CLIENT",
  });
}

const QUIT_MS = 1_000;

/** Options of what works with Redis. */
export interface RedisSessionOptions extends RedisConnectOptions {
  /**
   * A connected client of ioredis (`Redis` or `Cluster`) or of node-redis 5 and later. It stays the caller's: closing
   * the store does not close it, and the options of the connection are not used.
   *
   * Default: a client of ioredis of the store's own, connected at the first call.
   */
  readonly client?: RedisClientLike | undefined;
  /** How long one call may take, reconnections and failovers included. Default: 10000. */
  readonly timeoutMs?: number | undefined;
}

/** What every store in Redis is. @throws UnsupportedError for an unknown kind of client, from the constructor. */
export class RedisSession {
  readonly #options: RedisSessionOptions;
  #own: Promise<OwnRedis> | undefined;
  #commands: Promise<RedisCommands> | undefined;
  #closed = false;

  constructor(options: RedisSessionOptions) {
    this.#options = options;
    if (options.client !== undefined) this.#commands = Promise.resolve(redisCommands(options.client));
  }

  /** @throws ClosedError, TimeoutError, ConnectionError, UpstreamError `REDIS_REPLY`; what connecting throws. */
  protected async run<T>(call: (commands: RedisCommands) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError("the store is closed");
    if (this.#commands === undefined) {
      this.#own = connectRedis(this.#options);
      this.#commands = this.#own.then(redisCommands);
    }
    const commands = await this.#commands;
    const { timeoutMs = 10_000 } = this.#options;
    try {
      return await withDeadline({ timeoutMs, what: "a call of the Redis store" }, () => call(commands));
    } catch (error) {
      throw redisError(error, (await this.#own)?.lastFailure);
    }
  }

  /** Ends the store's own client, if it has one. Repeated calls are allowed. */
  async close(): Promise<void> {
    this.#closed = true;
    const own = this.#own;
    this.#own = undefined;
    await own?.then(endClient).catch(() => {}); // one that was never created needs no end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Ends a client of our own: gracefully if it is connected and the server responds, otherwise at once. */
export async function endClient(client: OwnRedis): Promise<void> {
  if (client.status === "ready") {
    const deadline = { timeoutMs: QUIT_MS, what: "closing the connection to Redis" };
    await withDeadline(deadline, () => client.quit()).catch(() => {});
  }
  client.disconnect();
}
