/** A client of Redis, the caller's or one of our own, behind one face and with our errors. */
import { ClosedError, ConnectionError, errorText, UpstreamError } from "../../core/errors.js";
import type { RedisClientLike, RedisCommands } from "./clients.js";
import { redisCommands } from "./clients.js";
import type { OwnRedis, RedisConnectOptions } from "./connect.js";
import { connectRedis } from "./connect.js";

/** Options of what works with Redis. */
export interface RedisSessionOptions extends RedisConnectOptions {
  /**
   * A connected client of ioredis or of node-redis 5 and later. It stays the caller's: closing the store does not
   * close it, and the options of the connection are not used.
   *
   * Default: a client of ioredis of the store's own, connected at the first call.
   */
  readonly client?: RedisClientLike | undefined;
}

/** Runs commands. @throws UnsupportedError for a client of another kind, when it is made. */
export class RedisSession {
  readonly #options: RedisSessionOptions;
  #own: Promise<OwnRedis> | undefined;
  #commands: Promise<RedisCommands> | undefined;
  #closed = false;

  constructor(options: RedisSessionOptions) {
    this.#options = options;
    if (options.client !== undefined) this.#commands = Promise.resolve(redisCommands(options.client));
  }

  /** @throws ClosedError, ConnectionError, UpstreamError `REDIS_REPLY`; what connecting throws. */
  async run<T>(call: (commands: RedisCommands) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError("the store is closed");
    this.#commands ??= this.#connect();
    const commands = await this.#commands;
    try {
      return await call(commands);
    } catch (error) {
      throw redisError(error);
    }
  }

  /** Ends a client of our own. Repeated calls are fine. */
  async close(): Promise<void> {
    this.#closed = true;
    const own = this.#own;
    this.#own = undefined;
    if (own === undefined) return;
    await own.then(endClient).catch(() => {}); // one that was never made needs no end
  }

  async #connect(): Promise<RedisCommands> {
    this.#own = connectRedis(this.#options);
    return redisCommands(await this.#own);
  }
}

/** Ends a client of our own: politely where it is connected, at once where it is not. */
export async function endClient(client: OwnRedis): Promise<void> {
  if (client.status === "ready") await client.quit().catch(() => {});
  client.disconnect();
}

const REPLIES = new Set(["ReplyError", "ErrorReply", "SimpleError", "BlobError"]);

/** The client's error without the error itself: it holds the command with its arguments, a password perhaps. */
export function redisError(error: unknown): Error {
  const { name, constructor: type } = (error ?? {}) as Partial<Error>;
  const text = `redis: ${errorText(error)}`;
  if (REPLIES.has(String(name)) || REPLIES.has(String(type?.name))) {
    return new UpstreamError(text, { code: "REDIS_REPLY", retryable: false });
  }
  return new ConnectionError(text);
}
