/** Results of finished jobs in Redis, for workers that share them. */
import { Buffer } from "node:buffer";
import type { JobResult } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import { safeLogger } from "../../core/logger.js";
import { checkOptions, exactCount } from "../../core/options.js";
import {
  cachedBytes,
  idempotencyKeyOf,
  type JobIdentity,
  jobKey,
  type ResultCache,
  readCached,
} from "../result-cache.js";
import type { RedisCommands, RedisSessionOptions } from "./session.js";
import { RedisSession } from "./session.js";

/** Options of {@link RedisResultCache}. */
export interface RedisResultCacheOptions extends RedisSessionOptions {
  /** How long a result is kept. Default: 86400000, a day. */
  readonly ttlMs?: number | undefined;
  /** In front of every key. Default: "agentwire:finished:". */
  readonly keyPrefix?: string | undefined;
}

/**
 * A {@link ResultCache} in Redis, for all workers of a topic.
 *
 * Keys are `agentwire:finished:job:["<tenant>","<principal>","<job_id>"]` and, where there is an idempotency key,
 * `agentwire:finished:key:["<tenant>","<key>"]`; none of them is one of Cordum's. Values are the bytes of the
 * JobResult. Who sets a key first wins; an idempotency key is set before the job id, so that a worker that
 * dies in between leaves nothing that another would answer differently.
 *
 * A value that is not a result is logged and counts as missing; the next result replaces it.
 *
 * @throws ValidationError for a `ttlMs` that is not a positive whole number, UnsupportedError for a client of
 * another kind, when it is made. Calls reject as those of `RedisBlobStore` do.
 */
export class RedisResultCache extends RedisSession implements ResultCache {
  readonly #options: RedisResultCacheOptions;

  constructor(options: RedisResultCacheOptions = {}) {
    super(options);
    checkOptions(options, { ttlMs: exactCount });
    this.#options = options;
  }

  async find(job: JobIdentity): Promise<JobResult | undefined> {
    return this.run(async (redis) => {
      const keys = this.#keys(job);
      const [byJob, byKey] = await Promise.all(keys.map((key) => this.#read(redis, key)));
      return byJob ?? byKey;
    });
  }

  async keep(job: JobIdentity, result: JobResult): Promise<JobResult> {
    return this.run(async (redis) => {
      const [jobKey, idempotencyKey] = this.#keys(job);
      let counts = await this.#read(redis, jobKey!);
      if (counts === undefined && idempotencyKey !== undefined) {
        counts = await this.#setFirst(redis, idempotencyKey, result);
      }
      return this.#setFirst(redis, jobKey!, counts ?? result);
    });
  }

  #keys(job: JobIdentity): string[] {
    const { keyPrefix = "agentwire:finished:" } = this.#options;
    const keys = [`${keyPrefix}job:${jobKey(job)}`];
    const idempotencyKey = idempotencyKeyOf(job);
    if (idempotencyKey !== undefined) keys.push(`${keyPrefix}key:${idempotencyKey}`);
    return keys;
  }

  /** Gives what is under the key afterwards: ours, or that of who was faster. */
  async #setFirst(redis: RedisCommands, key: string, result: JobResult): Promise<JobResult> {
    const { ttlMs = 86_400_000 } = this.#options;
    const bytes = Buffer.from(cachedBytes(result));
    await redis.setNew(key, bytes, ttlMs);
    const kept = await this.#read(redis, key);
    if (kept !== undefined) return kept;
    await redis.set(key, bytes, ttlMs); // junk was there, or its time was over this moment
    return (await this.#read(redis, key)) ?? result;
  }

  async #read(redis: RedisCommands, key: string): Promise<JobResult | undefined> {
    const bytes = await redis.get(key);
    if (bytes === null || bytes === undefined) return undefined;
    try {
      return readCached(new Uint8Array(bytes));
    } catch (error) {
      safeLogger(this.#options.logger).error("a stored result cannot be read; it is treated as missing", {
        key,
        bytes: bytes.length,
        reason: errorText(error),
      });
      return undefined;
    }
  }
}
