/** Inputs and outputs of jobs in Redis, under the keys of the official stores. */
import { Buffer } from "node:buffer";
import { withDeadline } from "../../core/abort.js";
import { checkOption, checkOptions, exactCount } from "../../core/options.js";
import type { BlobStore } from "../blob-store.js";
import { connectRedis, type RedisConnectOptions } from "./connect.js";
import { endClient, RedisSession, type RedisSessionOptions, redisError } from "./session.js";

/** Options of {@link RedisBlobStore}. */
export interface RedisBlobStoreOptions extends RedisSessionOptions {
  /** How long a value is kept. Default: values do not expire, as in the official stores. */
  readonly ttlMs?: number | undefined;
}

/**
 * A {@link BlobStore} in Redis. Keys are used as they are, values are any bytes.
 *
 * @throws ValidationError for a `ttlMs` that is not a positive whole number, UnsupportedError for a client of
 * another kind, when it is made. Calls reject with TimeoutError after `timeoutMs`, with ConnectionError, with UpstreamError `REDIS_REPLY` for what
 * Redis refuses, with ClosedError after {@link RedisBlobStore.close}, and the first one with what
 * connecting throws: UnsupportedError `MISSING_PACKAGE`, ValidationError `INVALID_REDIS_URL` or `INVALID_REDIS_TLS`.
 */
export class RedisBlobStore extends RedisSession implements BlobStore {
  readonly #ttlMs: number | undefined;

  constructor(options: RedisBlobStoreOptions = {}) {
    super(options);
    checkOptions(options, { ttlMs: exactCount });
    this.#ttlMs = options.ttlMs;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.run((commands) => commands.get(key));
    if (value === null || value === undefined) return undefined;
    // A plain Uint8Array of its own: a Buffer of a client may share its memory with others.
    return new Uint8Array(value);
  }

  /** `ttlMs` wins over the store's. */
  async set(key: string, value: Uint8Array, options: { readonly ttlMs?: number } = {}): Promise<void> {
    if (options.ttlMs !== undefined) checkOption("ttlMs", options.ttlMs, exactCount);
    const ttlMs = options.ttlMs ?? this.#ttlMs;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    await this.run((commands) => commands.set(key, bytes, ttlMs));
  }
}

/**
 * Connects, sends PING, disconnects. Resolves with the milliseconds that the PING took. Takes at most
 * `connectTimeoutMs`.
 *
 * @throws TimeoutError, ConnectionError, UpstreamError `REDIS_REPLY`, UnsupportedError `MISSING_PACKAGE`, ValidationError
 * `INVALID_REDIS_URL` or `INVALID_REDIS_TLS`.
 */
export async function pingRedis(options: RedisConnectOptions = {}): Promise<number> {
  const client = await connectRedis(options);
  const ping = async (): Promise<number> => {
    await client.connect();
    const started = performance.now();
    await client.ping();
    return performance.now() - started;
  };
  try {
    return await withDeadline(
      { timeoutMs: options.connectTimeoutMs ?? 5_000, what: "the PING to Redis" },
      ping,
    );
  } catch (error) {
    throw redisError(error, client.lastFailure);
  } finally {
    await endClient(client);
  }
}
