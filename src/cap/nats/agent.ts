/** An agent and a job client over NATS and Redis that need nothing but the environment. */
import { Agent } from "../agent/agent.js";
import type { AgentOptions } from "../agent/options.js";
import type { BlobStore } from "../blob-store.js";
import { type JobClient, openJobClient } from "../job-client.js";
import type { JobClientOptions } from "../job-client-options.js";
import { connectNats, type NatsOptions } from "./connect.js";

/** Where NATS and Redis are. */
interface Servers {
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
  /** How long values are kept in Redis. Default: they do not expire, as with the official SDKs. */
  readonly ttlMs?: number | undefined;
  /** Environment variables. Default: the process's. */
  readonly env?: AgentOptions["env"];
}

/** Options of {@link natsAgent}. */
export interface NatsAgentOptions extends Omit<AgentOptions, "bus" | "store" | "env">, Servers {}

/** Options of {@link natsClient}. */
export interface NatsJobClientOptions extends Omit<JobClientOptions, "bus" | "store" | "senderId">, Servers {
  /** Name of the client: sender of its packets, and of the key it signs with at the receivers. */
  readonly clientId: string;
}

/**
 * Returns an {@link Agent} that connects to NATS and Redis at its start, with connections of its own that it closes
 * at its end, or when the start fails. NATS shows it under its worker id.
 *
 * @throws What the constructor of `Agent` throws; its start throws what `connectNats` and `RedisBlobStore` throw.
 */
export function natsAgent(options: NatsAgentOptions = {}): Agent {
  const agent: Agent = new Agent({ ...options, ...connections(options, () => agent.workerId) });
  return agent;
}

/**
 * Opens a {@link JobClient} with connections to NATS and Redis of its own, which it closes at its end, or when opening
 * fails. NATS shows it under its client id.
 *
 * @throws What `openJobClient`, `connectNats` and `RedisBlobStore` throw.
 */
export function natsClient(options: NatsJobClientOptions): Promise<JobClient> {
  const { clientId: senderId } = options;
  return openJobClient({ ...options, ...connections(options, () => senderId), senderId });
}

function connections(
  options: Servers & Pick<AgentOptions, "logger" | "clock" | "ioTimeoutMs">,
  name: () => string,
): Pick<AgentOptions, "bus" | "store"> {
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
  return {
    bus: () => connectNats({ env, logger, clock, name: name(), ...nats, servers: natsUrl }),
    store: options.store ?? openStore,
  };
}
