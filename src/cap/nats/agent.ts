/** An agent over NATS and Redis, where the environment says the rest. */
import { Agent } from "../agent/agent.js";
import type { AgentOptions } from "../agent/options.js";
import type { BlobStore } from "../blob-store.js";
import type { NatsOptions } from "./connect.js";
import { connectNats } from "./connect.js";

/** Options of {@link natsAgent}. */
export interface NatsAgentOptions extends Omit<AgentOptions, "bus" | "store"> {
  /** `nats://` or `tls://` URLs. Default: NATS_URL, else nats://127.0.0.1:4222. */
  readonly natsUrl?: NatsOptions["servers"];
  /** `redis://` or `rediss://`. Default: REDIS_URL, else redis://127.0.0.1:6379/0. Not used with a `store`. */
  readonly redisUrl?: string | undefined;
  /** Default: Redis through ioredis, an optional package. */
  readonly store?: AgentOptions["store"] | undefined;
  /** How else to connect: credentials, TLS, reconnecting. */
  readonly nats?: Omit<NatsOptions, "servers"> | undefined;
  /** How long outputs are kept in Redis. Default: for ever, as the official SDKs do. */
  readonly ttlMs?: number | undefined;
  /** Default: the process's. */
  readonly env?: NatsOptions["env"];
}

/**
 * Makes an {@link Agent} that connects to NATS and Redis at its start, with connections of its own that it ends
 * when it is closed. NATS knows it under its worker id.
 *
 * @throws What the constructor of `Agent` throws; its start throws what `connectNats` and `RedisBlobStore` throw.
 */
export function natsAgent(options: NatsAgentOptions = {}): Agent {
  const { natsUrl, redisUrl, nats, ttlMs, env, logger, clock } = options;
  const openStore = async (): Promise<BlobStore> => {
    const { RedisBlobStore } = await import("../redis/index.js");
    const store = new RedisBlobStore({ url: redisUrl, ttlMs, env, logger });
    try {
      await store.get("agentwire:ready"); // so that a Redis that is down is known at the start
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  };
  const agent: Agent = new Agent({
    ...options,
    bus: () => connectNats({ env, logger, clock, name: agent.workerId, ...nats, servers: natsUrl }),
    store: options.store ?? openStore,
  });
  return agent;
}
