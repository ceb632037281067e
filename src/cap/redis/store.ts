/** Inputs and outputs of jobs in Redis, under the keys of the official stores. */
import { Buffer } from "node:buffer";
import {
  ClosedError,
  ConnectionError,
  errorText,
  UpstreamError,
  ValidationError,
} from "../../core/errors.js";
import type { BlobStore } from "../blob-store.js";
import type { RedisClientLike, RedisCommands } from "./clients.js";
import { redisCommands } from "./clients.js";
import type { OwnRedis, RedisConnectOptions } from "./connect.js";
import { connectRedis } from "./connect.js";

/** Options of {@link RedisBlobStore}. */
export interface RedisBlobStoreOptions extends RedisConnectOptions {
  /**
   * A connected client of ioredis or of node-redis 5 and later. It stays the caller's: closing the store does not
   * close it, and the options of the connection are not used.
   *
   * Default: a client of ioredis of the store's own, connected at the first call.
   */
  readonly client?: RedisClientLike | undefined;
  /** How long a value is kept. Default: for ever, as the official stores do. */
  readonly ttlMs?: number | undefined;
}

/**
 * A {@link BlobStore} in Redis. Keys are used as they are, values are any bytes.
 *
 * @throws ValidationError for a `ttlMs` that is not a positive whole number, UnsupportedError for a client of
 * another kind, when it is made. Calls reject with ConnectionError, with UpstreamError `redis_reply` for what
 * Redis refuses, with ClosedError after {@link RedisBlobStore.close}, and the first one with what
 * connecting throws: UnsupportedError `missing_package`, ValidationError `invalid_redis_url` or `invalid_redis_tls`.
 */
export class RedisBlobStore implements BlobStore {
  readonly #options: RedisBlobStoreOptions;
  #own: Promise<OwnRedis> | undefined;
  #commands: Promise<RedisCommands> | undefined;
  #closed = false;

  constructor(options: RedisBlobStoreOptions = {}) {
    this.#options = options;
    checkTtl(options.ttlMs);
    if (options.client !== undefined) this.#commands = Promise.resolve(redisCommands(options.client));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#run((commands) => commands.get(key));
    if (value === null || value === undefined) return undefined;
    // A plain Uint8Array of its own: a Buffer of a client may share its memory with others.
    return new Uint8Array(value);
  }

  /** `ttlMs` wins over the store's. */
  async set(key: string, value: Uint8Array, options: { readonly ttlMs?: number } = {}): Promise<void> {
    const ttlMs = options.ttlMs ?? this.#options.ttlMs;
    checkTtl(ttlMs);
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    await this.#run((commands) => commands.set(key, bytes, ttlMs));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const own = this.#own;
    this.#own = undefined;
    if (own === undefined) return;
    await own.then(endClient).catch(() => {}); // one that was never made needs no end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run<T>(call: (commands: RedisCommands) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError("the store is closed");
    this.#commands ??= this.#connect();
    const commands = await this.#commands;
    try {
      return await call(commands);
    } catch (error) {
      throw redisError(error);
    }
  }

  async #connect(): Promise<RedisCommands> {
    this.#own = connectRedis(this.#options);
    return redisCommands(await this.#own);
  }
}

function checkTtl(ttlMs: number | undefined): void {
  if (ttlMs === undefined || (Number.isSafeInteger(ttlMs) && ttlMs > 0)) return;
  throw new ValidationError(`ttlMs must be a whole number above 0, not ${ttlMs}`);
}

/** Ends a client of our own: politely where it is connected, at once where it is not. */
async function endClient(client: OwnRedis): Promise<void> {
  if (client.status === "ready") await client.quit().catch(() => {});
  client.disconnect();
}

const REPLIES = new Set(["ReplyError", "ErrorReply", "SimpleError", "BlobError"]);

/** The client's error without the error itself: it holds the command with its arguments, a password perhaps. */
function redisError(error: unknown): Error {
  const { name, constructor: type } = (error ?? {}) as Partial<Error>;
  const text = `redis: ${errorText(error)}`;
  if (REPLIES.has(String(name)) || REPLIES.has(String(type?.name))) {
    return new UpstreamError(text, { code: "redis_reply", retryable: false });
  }
  return new ConnectionError(text);
}

/**
 * Connects, sends PING, disconnects. Resolves with the milliseconds that the PING took.
 *
 * @throws ConnectionError, UpstreamError `redis_reply`, UnsupportedError `missing_package`, ValidationError
 * `invalid_redis_url` or `invalid_redis_tls`.
 */
export async function pingRedis(options: RedisConnectOptions = {}): Promise<number> {
  const client = await connectRedis(options);
  try {
    await client.connect();
    const started = performance.now();
    await client.ping();
    return performance.now() - started;
  } catch (error) {
    throw redisError(error);
  } finally {
    await endClient(client);
  }
}
