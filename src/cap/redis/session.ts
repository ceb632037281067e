/** A client of either Redis library, the caller's or one of our own, with the errors of this package. */
import { Buffer } from "node:buffer";
import { withDeadline } from "../../core/abort.js";
import {
  AgentwireError,
  ClosedError,
  ConnectionError,
  errorText,
  UnsupportedError,
  UpstreamError,
} from "../../core/errors.js";
import { connectRedis, type OwnRedis, type RedisConnectOptions } from "./connect.js";

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

const REPLIES = new Set(["ReplyError", "ErrorReply", "SimpleError", "BlobError"]);
/** Replies of a server that is not ready to serve the command now. */
const TEMPORARY = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "NOREPLICAS",
]);
const ADVICE: Readonly<Record<string, string>> = {
  MOVED: "this server is a node of a Redis Cluster: set `cluster: true`, or use redis+cluster://",
  ASK: "this server is a node of a Redis Cluster: set `cluster: true`, or use redis+cluster://",
  READONLY: "this server is a replica: use redis+sentinel://, which follows the master",
};

/** The first word of an error reply is its code, as the protocol of Redis defines it. Undefined for other errors. */
export function replyCode(error: unknown): string | undefined {
  const { name, constructor: type } = (error ?? {}) as Partial<Error>;
  if (!REPLIES.has(String(name)) && !REPLIES.has(String(type?.name))) return undefined;
  return errorText(error).split(" ", 1)[0];
}

/**
 * The client's error without the error itself: that one holds the command with its arguments, which may include a
 * password. An UpstreamError `REDIS_REPLY` for what Redis refuses, retryable if it is not ready; else a ConnectionError,
 * with `lastFailure` as its text if there is one.
 */
export function redisError(error: unknown, lastFailure?: string): Error {
  if (error instanceof AgentwireError) return error;
  const code = replyCode(error);
  const text = `redis: ${errorText(error)}`;
  if (code === undefined) return new ConnectionError(lastFailure ? `redis: ${lastFailure}` : text);
  const advice = ADVICE[code];
  return new UpstreamError(advice === undefined ? text : `${text}; ${advice}`, {
    code: "REDIS_REPLY",
    retryable: TEMPORARY.has(code),
    details: { reply: code },
  });
}
