import {
  Agent,
  compensation,
  InMemoryBlobStore,
  JobFailedError,
  MemoryResultCache,
  NoPoolError,
  openJobClient,
  Workflow,
} from "agentwire/cap";
import { openJetStream } from "agentwire/cap/jetstream";
import { connectNats } from "agentwire/cap/nats";
import { LocalScheduler } from "agentwire/testing";

// NATS_URL names a server with JetStream (`nats-server -js`). In production the scheduler is Cordum's, and the
// stores are RedisBlobStore and RedisResultCache of agentwire/cap/redis.
const store = new InMemoryBlobStore();
const results = new MemoryResultCache();
const schedulerBus = await connectNats({ name: "scheduler" });
const scheduler = await LocalScheduler.start({
  bus: schedulerBus,
  pools: { topics: { "job.book": "travel", "job.unbook": "travel" } },
});

// A job is acknowledged when its result is stored. If a worker dies, its jobs go to another worker.
const agent = new Agent({
  workerId: "worker-1",
  pool: "travel",
  concurrency: 8,
  store,
  dedupe: results,
  bus: () => connectNats({ name: "worker-1" }),
  durable: (bus) => openJetStream(bus, { createStreams: true, maxInFlight: 8 }),
});
agent.job<{ seat: number }>("job.book", ({ seat }, ctx) => {
  ctx.progress({ percent: 50, message: "asking" });
  if (seat > 100) ctx.fail("no such seat", { code: "JOB_INVALID_INPUT" });
  return { booked: seat };
});
await agent.start();

// With `durable`, a submission succeeds once a stream has stored it.
const bus = await connectNats({ name: "client-1" });
const durable = await openJetStream(bus);
const client = await openJobClient({ bus, senderId: "client-1", store, durable });

const trip = Workflow.create({ workflowId: "trip-1" });
const job = await client.start<{ booked: number }>(
  trip.job({
    jobId: "trip-1-seat",
    topic: "job.book",
    input: { seat: 12 },
    deadlineMs: 30_000,
    compensation: compensation({ topic: "job.unbook" }),
  }),
);
console.log(job.jobId, "stored in", job.stored?.stream);
for await (const { percent, message } of job.progress()) console.log(`${percent} % ${message}`);
console.log((await job.result).output);
const again = await client.submit({ jobId: "trip-1-seat", topic: "job.book" });
console.log("submitted again:", again.stored?.duplicate ? "the stream has it already" : "stored");

const items = await client.submitMany<{ booked: number }>(
  [1, 2, 300].map((seat) => ({ topic: "job.book", input: { seat } })),
  { concurrency: 2 },
);
for (const item of items) {
  if (item.status === "fulfilled") console.log(item.index, item.value.output);
  else console.log(item.index, item.reason.name);
}

try {
  await client.submitAndWait({ topic: "job.cook", input: {} });
} catch (error) {
  if (error instanceof NoPoolError) console.log("nobody cooks:", error.code);
  else if (error instanceof JobFailedError) console.log("failed");
  else throw error;
}

await client.close();
await agent.close();
await scheduler.close();
await bus.drain();
await schedulerBus.drain();
