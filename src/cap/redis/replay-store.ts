/** Admitted production packets in Redis, for all workers that share a subject. */
import { Buffer } from "node:buffer";
import { type Clock, systemClock } from "../../core/clock.js";
import { ConnectionError } from "../../core/errors.js";
import { type ReplayEntry, type ReplayStore, replayKey } from "../production/replay-store.js";
import type { ReplayVerdict } from "../replay.js";
import { RedisSession, type RedisSessionOptions } from "./session.js";

/** Options of {@link RedisReplayStore}. */
export interface RedisReplayStoreOptions extends RedisSessionOptions {
  /** In front of every key. Default: "agentwire:replay:". */
  readonly keyPrefix?: string | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A {@link ReplayStore} in Redis: a key for each packet, with its digest as value, which Redis forgets when the packet has
 * expired. Calls reject as those of `RedisBlobStore` do, and then the packet is refused.
 */
export class RedisReplayStore extends RedisSession implements ReplayStore {
  readonly #options: RedisReplayStoreOptions;

  constructor(options: RedisReplayStoreOptions = {}) {
    super(options);
    this.#options = options;
  }

  async admit(entry: ReplayEntry): Promise<ReplayVerdict> {
    const { keyPrefix = "agentwire:replay:", clock = systemClock } = this.#options;
    const now = clock.now();
    const key = keyPrefix + replayKey(entry, now);
    const digest = Buffer.from(entry.digest);
    return this.run(async (redis) => {
      const set = await redis.setNew(key, digest, Math.ceil(entry.untilMs - now));
      if (set !== null) return "first";
      const known = await redis.get(key);
      if (known === null) throw new ConnectionError("the entry of a packet expired while it was compared");
      return digest.equals(known) ? "duplicate" : "conflict";
    });
  }
}
