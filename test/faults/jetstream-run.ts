/**
 * Jobs in JetStream mode while the server is restarted and a worker is killed. The scheduler is a stand-in that
 * takes submissions from their stream, as Cordum's does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { JobResult } from "../../gen/cap/index.js";
import {
  durableName,
  QUEUE_SCHEDULER,
  requestMessageId,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
  workerSubject,
} from "../../gen/cap/index.js";
import type { Bus, DurableBus, DurableMessage } from "../../src/cap/index.js";
import { getJson, openJobClient } from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { decodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { RedisBlobStore } from "../../src/cap/redis/index.js";
import { requestOver } from "../../src/cap/request.js";
import { cachedBytes } from "../../src/cap/result-cache.js";
import { start, startNats, startRedis } from "../peers/processes.ts";
import { ACK_WAIT_MS, PARALLEL, RUNS_KEY, TOPIC } from "./jetstream-settings.ts";

/** How much of it. */
export interface FaultRun {
  readonly jobs: number;
  readonly restarts: number;
  readonly kills: number;
  readonly client: readonly [name: string, options: NatsOptions];
  readonly natsPath: string;
  readonly redisPath: string;
  /** Without any result for so long the run is over. */
  readonly patienceMs: number;
}

/** What came out. */
export interface FaultFigures {
  readonly jobs: number;
  /** Submissions that a PubAck confirmed. */
  readonly confirmed: number;
  readonly restarts: number;
  readonly kills: number;
  /** Confirmed, and no result. */
  readonly lost: number;
  /** Messages that the workers' consumers still hold at the end. */
  readonly stuck: number;
  /** Jobs with two results that differ in more than who repeats them, or with an output that is wrong. */
  readonly wrong: number;
  readonly results: number;
  readonly handlerRuns: number;
  readonly jobsRunTwiceOrMore: number;
  readonly mostRunsOfOneJob: number;
  readonly seconds: number;
}

/** Runs it. */
export async function runFaults(run: FaultRun): Promise<FaultFigures> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await perform(run, cleanups);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function perform(run: FaultRun, cleanups: (() => unknown)[]): Promise<FaultFigures> {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-faults-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const redisServer = await startRedis(run.redisPath);
  cleanups.push(() => redisServer.stop());
  const redis = new Redis(redisServer.url);
  cleanups.push(() => redis.disconnect());
  const args = ["-js", "-sd", folder];
  let nats = await startNats(run.natsPath, { args });
  const { url, port } = nats;
  cleanups.push(() => nats.stop("SIGKILL"));
  const connect = async (): Promise<{ bus: Bus; durable: DurableBus }> => {
    const bus = await connectNats({ ...run.client[1], servers: url, env: {}, reconnectWaitMs: 50 });
    cleanups.push(() => bus.close());
    const options = { createStreams: true, ackWaitMs: ACK_WAIT_MS, maxInFlight: 128 };
    return { bus, durable: await openJetStream(bus, options) };
  };
  const [scheduler, observer, client] = [await connect(), await connect(), await connect()];

  const startWorker = async (id: string) => {
    const file = join(import.meta.dirname, "jetstream-worker.ts");
    const worker = start(process.execPath, [
      ...["--import", "tsx", file],
      ...[url, redisServer.url, id, run.client[0]],
    ]);
    cleanups.push(() => worker.stop("SIGKILL"));
    await worker.until("worker is ready");
    return worker;
  };
  let [mortal] = await Promise.all([startWorker("w-1"), startWorker("w-2")]);

  await dispatchDurably(scheduler);
  const seen = await observe(observer, run.patienceMs);
  const store = new RedisBlobStore({ client: redis });
  const jobs = await openJobClient({ bus: client.bus, senderId: "c", store, durable: client.durable });
  cleanups.push(() => jobs.close());

  const started = performance.now();
  const faults: ("restart" | "kill")[] = [];
  for (let i = 0; i < Math.max(run.restarts, run.kills); i++) {
    if (i < run.restarts) faults.push("restart");
    if (i < run.kills) faults.push("kill");
  }
  const confirmed = new Map<string, number>();
  const submitting = submitAll(run.jobs, async (n) => {
    const { jobId } = await jobs.submit({ jobId: `job-${n}`, topic: TOPIC, input: { n } });
    confirmed.set(jobId, n);
  });
  for (const [i, fault] of faults.entries()) {
    await seen.until(Math.floor(((i + 1) * run.jobs) / (faults.length + 1)));
    if (fault === "kill") {
      await mortal.stop("SIGKILL");
      mortal = await startWorker("w-1");
    } else {
      await nats.stop(i % 4 === 0 ? "SIGKILL" : "SIGTERM");
      nats = await startNats(run.natsPath, { args, port });
    }
  }
  await submitting;
  await seen.until(confirmed.size);
  const seconds = (performance.now() - started) / 1000;

  const runs = new Map<string, number>();
  for (const jobId of await redis.lrange(RUNS_KEY, 0, -1)) runs.set(jobId, (runs.get(jobId) ?? 0) + 1);
  let wrong = 0;
  for (const [jobId, n] of confirmed) {
    const results = seen.of(jobId);
    const good = results.size === 1 && (await hasOutput(store, seen.first(jobId), n));
    if (results.size > 0 && !good) wrong++;
  }
  return {
    jobs: run.jobs,
    confirmed: confirmed.size,
    restarts: run.restarts,
    kills: run.kills,
    lost: [...confirmed.keys()].filter((jobId) => seen.of(jobId).size === 0).length,
    stuck: await unsettled(client.bus),
    wrong,
    results: seen.count(),
    handlerRuns: [...runs.values()].reduce((sum, n) => sum + n, 0),
    jobsRunTwiceOrMore: [...runs.values()].filter((n) => n > 1).length,
    mostRunsOfOneJob: Math.max(...runs.values()),
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** Takes submissions and puts them on the topic, and where `direct` every fifth on the subject of the worker that is killed. */
export async function dispatchDurably(
  { bus, durable }: { bus: Bus; durable: DurableBus },
  direct = true,
): Promise<void> {
  const party = new Party({ bus, senderId: QUEUE_SCHEDULER });
  let n = 0;
  const dispatch = async ({ data, delivery }: DurableMessage): Promise<void> => {
    try {
      const { payload, traceId } = decodePacket(data);
      if (payload.case !== "jobRequest") return delivery.drop("no job request");
      const { jobId, topic } = payload.value;
      const subject = direct && n++ % 5 === 0 ? workerSubject("w-1") : topic;
      const messageId = requestMessageId(jobId);
      await party.send(subject, payload, traceId, (to, bytes) => durable.publish(to, bytes, { messageId }));
      await delivery.ack();
    } catch {
      delivery.giveBack(100);
    }
  };
  await durable.subscribe(SUBJECT_SUBMIT, (message) => void dispatch(message), { queue: QUEUE_SCHEDULER });
}

/** Sees every result: those in the stream, and the repeats that only core subscribers get. */
export async function observe({ bus, durable }: { bus: Bus; durable: DurableBus }, patienceMs: number) {
  const results = new Map<string, { readonly first: JobResult; readonly distinct: Set<string> }>();
  let count = 0;
  let heardAt = performance.now();
  let silenceMs = 0;
  let tell = () => {};
  const take = (data: Uint8Array): void => {
    const { payload } = decodePacket(data);
    if (payload.case !== "jobResult") return;
    const { value } = payload;
    const known = results.get(value.jobId) ?? { first: value, distinct: new Set<string>() };
    // A worker that repeats the result of another names itself, or peers would drop it.
    known.distinct.add(Buffer.from(cachedBytes({ ...value, workerId: "" })).toString("hex"));
    results.set(value.jobId, known);
    silenceMs = Math.max(silenceMs, performance.now() - heardAt);
    heardAt = performance.now();
    tell();
  };
  await bus.subscribe(SUBJECT_RESULT, ({ data }) => {
    count++;
    take(data);
  });
  await durable.subscribe(
    SUBJECT_RESULT,
    ({ data, delivery }) => {
      take(data);
      void delivery.ack().catch(() => {});
    },
    { queue: "test-observer" },
  );
  return {
    count: () => count,
    jobs: () => results.size,
    /** The longest pause between two results, from the last call of this on. */
    silenceMs: () => {
      const longest = silenceMs;
      [silenceMs, heardAt] = [0, performance.now()];
      return longest;
    },
    of: (jobId: string): ReadonlySet<string> => results.get(jobId)?.distinct ?? new Set(),
    first: (jobId: string) => results.get(jobId)?.first,
    /** Resolves with so many jobs, or when nothing new was heard for the time of patience. */
    until: (jobs: number) =>
      new Promise<void>((resolve) => {
        let timer: NodeJS.Timeout | undefined;
        tell = () => {
          clearTimeout(timer);
          if (results.size >= jobs) resolve();
          else timer = setTimeout(resolve, patienceMs);
        };
        tell();
      }),
  };
}

async function submitAll(jobs: number, submit: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < jobs) await submit(next++).catch(() => {}); // not confirmed: nothing is promised
  };
  await Promise.all(Array.from({ length: 4 * PARALLEL }, one));
}

export async function hasOutput(
  store: RedisBlobStore,
  result: JobResult | undefined,
  n: number,
): Promise<boolean> {
  if (result === undefined) return false;
  const output = (await getJson(store, result.resultPtr).catch(() => undefined)) as { square?: number };
  return output?.square === n * n;
}

/** Messages that were not delivered, or not acknowledged. An acknowledgement may be under way: look twice. */
export async function unsettled(bus: Bus): Promise<number> {
  const consumers = [durableName(TOPIC, TOPIC), durableName("", workerSubject("w-1"))];
  let left = 0;
  for (let tries = 0; tries < 40; tries++) {
    left = 0;
    for (const name of consumers) {
      const { data } = await requestOver(bus, `$JS.API.CONSUMER.INFO.CORDUM_JOBS.${name}`, new Uint8Array(), {
        timeoutMs: 5_000,
      });
      const info = JSON.parse(new TextDecoder().decode(data)) as Record<string, number>;
      left += (info.num_pending ?? 0) + (info.num_ack_pending ?? 0);
    }
    if (left === 0) return 0;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return left;
}
