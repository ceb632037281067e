/** A real agent on a bus in memory, and everything it sends: what the cases are performed against. */
import {
  type BusPacket,
  type JobProgress,
  type JobResult,
  JobStatus,
  SUBJECT_CANCEL,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
} from "../../gen/cap/index.js";
import { Agent } from "../../src/cap/agent/agent.js";
import type { AgentContext } from "../../src/cap/agent/context.js";
import type { AgentOptions } from "../../src/cap/agent/options.js";
import { InMemoryBlobStore, putValue } from "../../src/cap/blob-store.js";
import type { JobRequestInit } from "../../src/cap/jobs/submission.js";
import { MemoryBus } from "../../src/cap/memory-bus.js";
import { Party } from "../../src/cap/party.js";
import { withDeadline } from "../../src/core/abort.js";

/** The subject that the agent serves. */
export const TOPIC = "job.tck";
/** Packets above this are refused. */
export const MAX_PACKET_BYTES = 1024 * 1024;
/** How long a case waits for something to come. */
const PATIENCE_MS = 10_000;

/** What a case can do and see. */
export interface World {
  readonly agent: Agent;
  /** A party whose packets the agent takes. */
  readonly runner: Party;
  /** Results and progress that were published, in their order. */
  readonly seen: readonly (JobResult | JobProgress)[];
  results(jobId?: string): JobResult[];
  /** Puts bytes on the agent's subject as they are. */
  put(bytes: Uint8Array): void;
  /** Sends a job with the input `{}`. */
  send(request: JobRequestInit & { readonly jobId: string }): Promise<BusPacket>;
  cancel(jobId: string): Promise<void>;
  /** Resolves with the n-th result of a job. @throws TimeoutError. */
  result(jobId: string, n?: number): Promise<JobResult>;
  /** Resolves when a condition holds, looked at after every packet. @throws TimeoutError. */
  until(what: string, holds: () => boolean): Promise<void>;
}

/** Starts an agent with one handler, lets the case use it, and closes it. */
export async function inWorld<T>(
  handler: (context: AgentContext) => unknown,
  use: (world: World) => Promise<T>,
  options: Partial<AgentOptions> = {},
): Promise<T> {
  const memory = new MemoryBus({ maxPayloadBytes: 4 * MAX_PACKET_BYTES });
  const store = new InMemoryBlobStore();
  const agent = new Agent({
    bus: memory.connect(),
    store,
    workerId: "tck-worker",
    pool: "tck",
    concurrency: 4,
    maxPacketBytes: MAX_PACKET_BYTES,
    graceMs: 1_000,
    goodbyeMs: 0,
    ...options,
  });
  agent.job(TOPIC, (_input, context: AgentContext) => handler(context));
  const seen: (JobResult | JobProgress)[] = [];
  const watchers = new Set<() => void>();
  const look = () => {
    for (const watcher of [...watchers]) watcher();
  };
  const bus = memory.connect();
  const runner = new Party({ bus, senderId: "tck-runner" });
  const onPacket = ({ payload }: BusPacket): void => {
    if (payload.case === "jobResult" || payload.case === "jobProgress") seen.push(payload.value);
    look();
  };
  await runner.receive(SUBJECT_RESULT, { onPacket });
  await runner.receive(SUBJECT_PROGRESS, { onPacket });
  agent.on("refused", look);
  await agent.start();
  const until = (what: string, holds: () => boolean): Promise<void> => {
    let watcher: (() => void) | undefined;
    return withDeadline({ timeoutMs: PATIENCE_MS, what }, () => {
      return new Promise<void>((resolve) => {
        watcher = () => {
          if (holds()) resolve();
        };
        watchers.add(watcher);
        watcher();
      });
    }).finally(() => watcher && watchers.delete(watcher));
  };
  const results = (jobId?: string) =>
    seen.filter(isResult).filter((result) => jobId === undefined || result.jobId === jobId);
  const world: World = {
    agent,
    runner,
    seen,
    results,
    until,
    put: (bytes) => void bus.publish(TOPIC, bytes),
    async send(request) {
      const contextPtr = await putValue(store, `ctx:${request.jobId}`, {});
      return runner.send(TOPIC, { case: "jobRequest", value: { topic: TOPIC, contextPtr, ...request } });
    },
    async cancel(jobId) {
      const value = { jobId, reason: "the case asks for it", requestedBy: runner.senderId };
      await runner.send(SUBJECT_CANCEL, { case: "jobCancel", value }, jobId);
    },
    async result(jobId, n = 1) {
      await until(`result ${n} of ${jobId}`, () => results(jobId).length >= n);
      return results(jobId)[n - 1]!;
    },
  };
  try {
    return await use(world);
  } finally {
    await agent.close();
    await bus.close();
  }
}

function isResult(value: JobResult | JobProgress): value is JobResult {
  return value.$typeName === "cordum.agent.v1.JobResult";
}

/** What was seen, as evidence: states in their order. */
export function statesOf(world: World, jobId: string): string[] {
  return world.seen.filter((value) => value.jobId === jobId).map(({ status }) => JobStatus[status] ?? "?");
}
