/** An agent on a bus whose time stands still, and everything it sends. */
import type { BusPacket, Handshake, Heartbeat, JobProgress, JobResult } from "../../gen/cap/index.js";
import {
  SUBJECT_CANCEL,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
} from "../../gen/cap/index.js";
import type { AgentOptions, JobRequestInit } from "../../src/cap/index.js";
import { Agent, contextKey, InMemoryBlobStore, MemoryBus, pointerFor } from "../../src/cap/index.js";
import { decodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import type { Logger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

export interface Heard {
  readonly subject: string;
  readonly packet: BusPacket;
}

export const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Makes an agent that is not started; topics are the test's business. */
export async function bench(options: Partial<AgentOptions> = {}) {
  const clock = new FakeClock();
  const memory = new MemoryBus();
  const store = new InMemoryBlobStore();
  const heard: Heard[] = [];
  await memory.connect().subscribe(">", ({ subject, data }) => {
    heard.push({ subject, packet: decodePacket(data) });
  });
  const logged: string[] = [];
  const log = (message: string, fields?: object) =>
    void logged.push(`${message} ${JSON.stringify(fields, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const bus = memory.connect();
  const agent = new Agent({
    bus,
    store,
    clock,
    logger,
    workerId: "w-1",
    pool: "echo",
    load: () => ({}),
    goodbyeMs: 0,
    ...options,
  });
  const errors: unknown[] = [];
  agent.on("error", (error) => errors.push(error));
  const client = new Party({ bus: memory.connect(), senderId: "client", clock });
  const of = (wanted: string) => heard.filter(({ subject }) => subject === wanted);
  const values = <T>(wanted: string) => of(wanted).map(({ packet }) => packet.payload.value as T);

  return {
    clock,
    memory,
    bus,
    store,
    agent,
    heard,
    logged,
    errors,
    client,
    results: () => values<JobResult>(SUBJECT_RESULT),
    resultPackets: () => of(SUBJECT_RESULT).map(({ packet }) => packet),
    heartbeats: () => values<Heartbeat>(SUBJECT_HEARTBEAT),
    handshakes: () => values<Handshake>(SUBJECT_HANDSHAKE),
    progress: () => values<JobProgress>(SUBJECT_PROGRESS),
    /** Puts a job on a subject, with its input in the store unless the request says where it is. */
    async send(
      request: JobRequestInit = {},
      more: { readonly input?: unknown; readonly subject?: string; readonly traceId?: string } = {},
    ) {
      const { jobId = "j", topic = "job.echo" } = request;
      const contextPtr = request.contextPtr ?? pointerFor(contextKey(jobId));
      if (request.contextPtr === undefined) {
        await store.set(contextKey(jobId), text(more.input ?? { n: 1 }));
      }
      const value = { ...request, jobId, topic, contextPtr };
      const { subject = topic, traceId = "trace" } = more;
      await client.send(subject, { case: "jobRequest", value }, traceId);
      await clock.settle();
    },
    async cancel(jobId: string, reason = "enough") {
      const value = { jobId, reason, requestedBy: "client" };
      await client.send(SUBJECT_CANCEL, { case: "jobCancel", value }, jobId);
      await clock.settle();
    },
    /** What is kept for a job. */
    async output(jobId = "j"): Promise<unknown> {
      const bytes = await store.get(`res:${jobId}`);
      return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
    },
  };
}

/** Something that a test opens by hand. */
export function gate<T = void>() {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const opened = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { opened, open, fail };
}
