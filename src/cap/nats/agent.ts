/** An agent over NATS and Redis that needs nothing but the environment. */
import { Agent } from "../agent/agent.js";
import type { AgentOptions } from "../agent/options.js";
import type { BlobStore } from "../blob-store.js";
import type { NatsOptions } from "./connect.js";
import { connectNats } from "./connect.js";

/** Options of {@link natsAgent}. */
export interface NatsAgentOptions extends Omit<AgentOptions, "bus" | "store"> {
  /** `nats://` or `tls://` URLs. Default: NATS_URL, else nats://127.0.0.1:4222. */
  readonly natsUrl?: NatsOptions["servers"];
  /**
   * `redis://`, `redis+sentinel://` or `redis+cluster://`, `rediss` for TLS. Default: REDIS_URL, else
   * redis://127.0.0.1:6379/0. Not used with a `store`.
   */
  readonly redisUrl?: string | undefined;
  /** Default: Redis through ioredis, an optional package. */
  readonly store?: AgentOptions["store"] | undefined;
  /** Further options of the connection: credentials, TLS, reconnecting. */
  readonly nats?: Omit<NatsOptions, "servers"> | undefined;
  /** How long outputs are kept in Redis. Default: for ever, as the official SDKs do. */
  readonly ttlMs?: number | undefined;
}

/**
 * Returns an {@link Agent} that connects to NATS and Redis at its start, with connections of its own that it closes
 * at its end, or when the start fails. NATS shows it under its worker id.
 *
 * @throws What the constructor of `Agent` throws; its start throws what `connectNats` and `RedisBlobStore` throw.
 */
export function natsAgent(options: NatsAgentOptions = {}): Agent {
  const { natsUrl, redisUrl, nats, ttlMs, env, logger, clock, ioTimeoutMs = 5_000 } = options;
  const timeoutMs = ioTimeoutMs > 0 ? ioTimeoutMs : undefined;
  const openStore = async (): Promise<BlobStore> => {
    const { RedisBlobStore } = await import("../redis/index.js");
    const store = new RedisBlobStore({ url: redisUrl, ttlMs, timeoutMs, env, logger });
    try {
      await store.get("agentwire:ready"); // a Redis that is down fails the start
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  };
  const load = async () => (await import("../redis/connect.js")).loadRedis();
  const agent: Agent = new Agent({
    ...options,
    bus: () => connectNats({ env, logger, clock, name: agent.workerId, ...nats, servers: natsUrl }),
    store: options.store ?? Object.assign(openStore, { load }),
  });
  return agent;
}
