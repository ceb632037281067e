/**
 * Results of finished jobs, kept so that a job that comes again is answered instead of done again. Everything
 * on a CAP bus may come more than once.
 */
import { type JobResult, JobResultSchema } from "../../gen/cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { ProtocolError } from "../core/errors.js";
import { Lru } from "../core/lru.js";
import { checkOptions } from "../core/options.js";
import { isUnderWay } from "./outcome.js";
import { decodeMessage } from "./wire/decode.js";
import { encodeCanonical } from "./wire/encode.js";

/** What makes two requests the same job. Another tenant's or principal's job is another one, whatever its id. */
export interface JobIdentity {
  readonly jobId: string;
  /** `meta.idempotency_key`; "" for none. */
  readonly idempotencyKey: string;
  /** Keys of idempotency are the tenant's own. */
  readonly tenantId: string;
  /** "" for none. */
  readonly principalId: string;
}

/** The name of a job among those of all tenants and principals. */
export function jobKey({ tenantId, principalId, jobId }: JobIdentity): string {
  return JSON.stringify([tenantId, principalId, jobId]);
}

/** The name of an idempotency key among those of all tenants; undefined for a job without one. */
export function idempotencyKeyOf({ tenantId, idempotencyKey }: JobIdentity): string | undefined {
  return idempotencyKey === "" ? undefined : JSON.stringify([tenantId, idempotencyKey]);
}

/** A bounded store of results. Several workers may share one. */
export interface ResultCache {
  /** The result of this job, or of the one that had its idempotency key before. */
  find(job: JobIdentity): Promise<JobResult | undefined>;
  /**
   * Keeps a result unless one is there, and returns the one that counts: what a worker publishes. The first
   * wins, so that all results of a job are the same, byte for byte.
   */
  keep(job: JobIdentity, result: JobResult): Promise<JobResult>;
  /** Lets go of what the store holds. Repeated calls are fine. */
  close(): Promise<void>;
}

/** The bytes of a result as a store keeps it: the canonical bytes of the JobResult. */
export function cachedBytes(result: JobResult): Uint8Array {
  return encodeCanonical(JobResultSchema, result).bytes;
}

/**
 * The result behind the bytes.
 *
 * @throws ProtocolError for bytes that are not the result of a finished job.
 */
export function readCached(bytes: Uint8Array): JobResult {
  const message = decodeMessage(JobResultSchema, bytes);
  if (message.jobId !== "" && !isUnderWay(message)) return message;
  throw new ProtocolError("the stored value is not the result of a finished job");
}

/** Options of {@link MemoryResultCache}. */
export interface MemoryResultCacheOptions {
  /** Results kept at most; the one that was not asked for the longest goes first. Default: 10000. */
  readonly maxEntries?: number | undefined;
  /** How long a result is kept. Default: 86400000, a day. */
  readonly ttlMs?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly until: number;
}

/**
 * A {@link ResultCache} for the workers of one process. What it holds is gone with the process, so a job that
 * comes again after a crash is done again.
 *
 * @throws ValidationError for a `maxEntries` or `ttlMs` that is not a number above 0.
 */
export class MemoryResultCache implements ResultCache {
  readonly #byJob: Lru<string, Entry>;
  readonly #byKey: Lru<string, Entry>;
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor(options: MemoryResultCacheOptions = {}) {
    const { maxEntries = 10_000, ttlMs = 86_400_000, clock = systemClock } = options;
    checkOptions(options, { maxEntries: { min: 1 }, ttlMs: { above: 0 } });
    this.#byJob = new Lru(maxEntries);
    this.#byKey = new Lru(maxEntries);
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  /** Results that are kept now, those among them whose time is over and that nobody has asked for. */
  get size(): number {
    return this.#byJob.size;
  }

  async find(job: JobIdentity): Promise<JobResult | undefined> {
    const entry = this.#find(job);
    return entry && readCached(entry.bytes);
  }

  async keep(job: JobIdentity, result: JobResult): Promise<JobResult> {
    const entry = this.#find(job) ?? {
      bytes: cachedBytes(result),
      until: this.#clock.monotonic() + this.#ttlMs,
    };
    this.#byJob.set(jobKey(job), entry);
    const key = idempotencyKeyOf(job);
    if (key !== undefined && this.#alive(this.#byKey, key) === undefined) this.#byKey.set(key, entry);
    return readCached(entry.bytes);
  }

  async close(): Promise<void> {
    this.#byJob.clear();
    this.#byKey.clear();
  }

  #find(job: JobIdentity): Entry | undefined {
    const key = idempotencyKeyOf(job);
    return (
      this.#alive(this.#byJob, jobKey(job)) ?? (key === undefined ? undefined : this.#alive(this.#byKey, key))
    );
  }

  #alive(entries: Lru<string, Entry>, name: string): Entry | undefined {
    const entry = entries.get(name);
    if (entry === undefined || this.#clock.monotonic() < entry.until) return entry;
    entries.delete(name);
    return undefined;
  }
}
