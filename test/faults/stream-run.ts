/** One durable agent, one server, one fault in the middle of some hundred jobs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { durableName, requestMessageId, SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
import { Agent, InMemoryBlobStore, MemoryResultCache, putValue } from "../../src/cap/index.js";
import { openJetStream } from "../../src/cap/jetstream/index.js";
import type { NatsOptions } from "../../src/cap/nats/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { decodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { requestOver } from "../../src/cap/request.js";
import { startNats } from "../peers/processes.ts";

const TOPIC = "job.faults";

/** What happens to the server. */
export type StreamFault =
  | "consumer deleted, busy"
  | "consumer deleted, idle"
  | "stream deleted, back after 1 s"
  | "killed, file streams"
  | "killed, memory streams"
  | "paused for 8 s";

/** All of them. */
export const streamFaults: readonly StreamFault[] = [
  "consumer deleted, busy",
  "consumer deleted, idle",
  "stream deleted, back after 1 s",
  "killed, file streams",
  "killed, memory streams",
  "paused for 8 s",
];

/** What came out. */
export interface StreamFigures {
  /** Jobs a stream confirmed and did not lose with its own data. */
  readonly kept: number;
  readonly done: number;
  readonly lost: number;
  /** Messages the consumer still holds at the end. */
  readonly stuck: number;
  readonly runTwice: number;
  /** From the moment the server was fit again to the next result. */
  readonly silenceMs: number;
  /** Errors the bus reported, and heartbeats that claimed capacity, are the caller's to judge. */
  readonly errors: readonly string[];
}

/** Runs it. */
export async function runStreamFault(
  fault: StreamFault,
  path: string,
  client: NatsOptions,
  jobs = 300,
): Promise<StreamFigures> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await perform(fault, path, client, jobs, cleanups);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function perform(
  fault: StreamFault,
  path: string,
  client: NatsOptions,
  jobs: number,
  cleanups: (() => unknown)[],
): Promise<StreamFigures> {
  const folder = mkdtempSync(join(tmpdir(), "agentwire-stream-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const inMemory = fault === "killed, memory streams";
  const args = ["-js", "-sd", folder];
  let server = await startNats(path, { args });
  const { url, port } = server;
  cleanups.push(() => server.stop("SIGKILL"));
  const connect = async (options: NatsOptions = {}) => {
    const bus = await connectNats({
      ...options,
      servers: url,
      env: {},
      reconnectWaitMs: 50,
      logger: false,
    });
    cleanups.push(() => bus.close());
    return bus;
  };
  const streams = { createStreams: true, logger: false, timeoutMs: 1_000 } as const;
  const storage = inMemory ? "memory" : "file";
  const [outside, observer, worker] = [await connect(), await connect(), await connect(client)];
  const durable = await openJetStream(outside, { ...streams, storage });
  const errors: string[] = [];
  worker.onStatus((_, error) => error !== undefined && errors.push(error.message));

  const store = new InMemoryBlobStore();
  const contextPtr = await putValue(store, "ctx:all", { n: 1 });
  const runs = new Map<string, number>();
  const busy = fault === "consumer deleted, busy";
  const agent = new Agent({
    workerId: "w",
    pool: "faults",
    concurrency: 16,
    bus: worker,
    store,
    dedupe: new MemoryResultCache(),
    durable: (bus) =>
      openJetStream(bus, { ackWaitMs: 3_000, maxInFlight: 16, logger: false, timeoutMs: 1_000 }),
    logger: false,
  });
  agent.job(TOPIC, async (_, { jobId }) => {
    runs.set(jobId, (runs.get(jobId) ?? 0) + 1);
    await pause(busy ? 300 : 20);
    return {};
  });
  await agent.start();
  cleanups.push(() => agent.close());

  const done = new Set<string>();
  let resultAt: number | undefined;
  let fitAt: number | undefined;
  const take = (data: Uint8Array) => {
    const { payload } = decodePacket(data);
    if (payload.case !== "jobResult") return;
    done.add(payload.value.jobId);
    if (fitAt !== undefined) resultAt ??= performance.now();
  };
  await observer.subscribe(SUBJECT_RESULT, ({ data }) => take(data));
  await observer.flush();

  const party = new Party({ bus: outside, senderId: "s", logger: false });
  const confirmed = new Set<string>();
  const submit = async (n: number) => {
    const value = { jobId: `j-${n}`, topic: TOPIC, contextPtr };
    const messageId = requestMessageId(value.jobId);
    await party.send(TOPIC, { case: "jobRequest", value }, undefined, (to, bytes) =>
      durable.publish(to, bytes, { messageId }),
    );
    confirmed.add(value.jobId);
  };
  const submitAll = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => submit(from + i)));
  const settled = async (count: number, patienceMs: number) => {
    const end = performance.now() + patienceMs;
    while (done.size < count && performance.now() < end) await pause(10);
  };

  const half = Math.floor(jobs / 2);
  const losesData = inMemory || fault === "stream deleted, back after 1 s";
  await submitAll(0, half);
  if (busy) await until(() => runs.size >= 16);
  else if (losesData || fault === "consumer deleted, idle") await settled(half, 20_000);
  else await settled(Math.floor(half / 3), 20_000);
  const name = durableName(TOPIC, TOPIC);
  const call = (verb: string) => api(outside, verb);
  let rest: Promise<unknown> = Promise.resolve();
  switch (fault) {
    case "consumer deleted, busy":
    case "consumer deleted, idle":
      await call(`CONSUMER.DELETE.CORDUM_JOBS.${name}`);
      break;
    case "stream deleted, back after 1 s":
      await call("STREAM.DELETE.CORDUM_JOBS");
      await pause(1_000);
      await openJetStream(outside, streams);
      break;
    case "paused for 8 s":
      server.process.kill("SIGSTOP");
      rest = submitAll(half, jobs);
      await pause(8_000);
      server.process.kill("SIGCONT");
      break;
    default:
      await server.stop("SIGKILL");
      if (!losesData) rest = submitAll(half, jobs);
      server = await startNats(path, { args, port });
      if (inMemory) {
        await until(() => outside.status() === "connected");
        await openJetStream(outside, { ...streams, storage });
      }
  }
  const before = done.size;
  fitAt = performance.now();
  if (fault !== "paused for 8 s" && fault !== "killed, file streams") rest = submitAll(half, jobs);
  await rest;
  // What came while the observer was not connected is in the stream.
  for (let i = 0; i < 20 && done.size < jobs; i++) {
    await settled(jobs, 2_000);
    await durable.replay?.(SUBJECT_RESULT, ({ data }) => take(data));
  }
  const kept = confirmed.size;
  return {
    kept,
    done: done.size,
    lost: [...confirmed].filter((id) => !done.has(id)).length,
    stuck: await unsettled(outside, name),
    runTwice: [...runs.values()].filter((n) => n > 1).length,
    silenceMs: Math.round((resultAt ?? (before === jobs ? fitAt : Infinity)) - fitAt),
    errors,
  };
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("the run does not get to its fault");
    await pause(10);
  }
}

async function api(bus: Bus, name: string): Promise<Record<string, unknown>> {
  const { data } = await requestOver(bus, `$JS.API.${name}`, new Uint8Array(), { timeoutMs: 5_000 });
  return JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>;
}

/** Messages not delivered or not acknowledged. An acknowledgement may be in flight: look again for a while. */
async function unsettled(bus: Bus, name: string): Promise<number> {
  let left = 0;
  for (let attempt = 0; attempt < 40; attempt++) {
    const info = await api(bus, `CONSUMER.INFO.CORDUM_JOBS.${name}`);
    left = Number(info.num_pending ?? 0) + Number(info.num_ack_pending ?? 0);
    if (left === 0) return 0;
    await pause(250);
  }
  return left;
}
