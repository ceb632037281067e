/** The two client libraries of Redis, as far as the stores need them. */
import { Buffer } from "node:buffer";
import { UnsupportedError } from "../../core/errors.js";

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
