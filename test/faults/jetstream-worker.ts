/** A worker process of the fault runs: arguments are the URLs of NATS and Redis, its id, and the NATS client. */
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { Agent } from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { RedisBlobStore, RedisResultCache } from "../../src/cap/redis/index.js";
import { clients } from "../cap/nats/clients.ts";
import { ACK_WAIT_MS, PARALLEL, RUNS_KEY, TOPIC } from "./jetstream-settings.ts";

const [natsUrl, redisUrl, workerId, clientName] = process.argv.slice(2);
const [, client] = clients.find(([name]) => name === clientName)!;
const redis = new Redis(redisUrl!, { maxRetriesPerRequest: null });
const agent = new Agent({
  workerId: workerId!,
  pool: "faults",
  concurrency: PARALLEL,
  bus: () =>
    connectNats({
      ...client,
      ...{ servers: natsUrl!, env: {}, waitOnFirstConnect: true, reconnectWaitMs: 50, pingIntervalMs: 1_000 },
    }),
  store: () => new RedisBlobStore({ url: redisUrl! }),
  dedupe: () => new RedisResultCache({ url: redisUrl! }),
  durable: (bus) => openJetStream(bus, { ackWaitMs: ACK_WAIT_MS, maxInFlight: PARALLEL }),
});
agent.on("error", (error) => process.stderr.write(`${String(error)}\n`));
agent.job<{ n: number }>(TOPIC, async ({ n }, { jobId }) => {
  await redis.rpush(RUNS_KEY, jobId);
  await setTimeout(20); // long enough for a kill to find jobs that run
  return { n, square: n * n };
});
await agent.start();
process.stdout.write("worker is ready\n");
process.once("SIGTERM", () => void agent.close().then(() => process.exit(0)));
