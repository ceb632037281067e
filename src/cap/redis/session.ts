/** A client of Redis, the caller's or one of our own, with the errors of this package. */
import { withDeadline } from "../../core/abort.js";
import { ClosedError } from "../../core/errors.js";
import type { RedisClientLike, RedisCommands } from "./clients.js";
import { redisCommands } from "./clients.js";
import type { OwnRedis, RedisConnectOptions } from "./connect.js";
import { connectRedis } from "./connect.js";
import { redisError } from "./errors.js";

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
      throw redisError(error);
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
