/** A worker on a bus in memory. */
import { afterEach } from "vitest";
import type { BusPacket, JobResult } from "../../gen/cap/index.js";
import { SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { Bus, JobRequestInit, WorkerOptions } from "../../src/cap/index.js";
import { generateKeyPair, MemoryBus, runWorker } from "../../src/cap/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import type { Logger } from "../../src/core/logger.js";

export const turn = () => new Promise((resolve) => setImmediate(resolve));
export const clientKeys = generateKeyPair();
export const workerKeys = generateKeyPair();
export const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A bus that does not say that it is in this process, as one over a network. */
export function overNetwork(bus: Bus): Bus {
  return {
    publish: (...args) => bus.publish(...args),
    subscribe: (...args) => bus.subscribe(...args),
    flush: () => bus.flush(),
    drain: () => bus.drain(),
    close: () => bus.close(),
    status: () => bus.status(),
    onStatus: (listener) => bus.onStatus(listener),
  };
}

/** A bus with a worker on it, and all results that are published there. */
export async function setUp(
  options: Partial<WorkerOptions> = {},
  memory = new MemoryBus(),
  workerBus: Bus = memory.connect(),
) {
  const bus = memory.connect();
  const results: { packet: BusPacket; result: JobResult }[] = [];
  const watcher = new Party({ bus, senderId: "watcher" });
  await watcher.receive(SUBJECT_RESULT, {
    onPacket: (packet) => results.push({ packet, result: packet.payload.value as JobResult }),
  });
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const worker = await runWorker({
    bus: workerBus,
    subject: "job.echo",
    handler: async (request) => ({ resultPtr: `redis://res:${request.jobId}` }),
    logger,
    ...options,
  });
  cleanups.push(() => worker.close());
  const dispatch = async (request: JobRequestInit, extra: { traceId?: string } = {}) => {
    const packet = createPacket(
      { case: "jobRequest", value: { topic: "job.echo", ...request } },
      { senderId: "s", ...extra },
    );
    await bus.publish("job.echo", encodePacket(packet));
  };
  /** Waits until so many results are there; bounded by the test's own timeout. */
  const settled = async (count: number) => {
    while (results.length < count) await turn();
    await turn();
    return results;
  };
  return { memory, bus, worker, results, logged, dispatch, settled };
}

export async function setUpOn(memory: MemoryBus, bus: Bus) {
  const worker = await runWorker({ bus, subject: "job.echo", handler: () => ({}) });
  cleanups.push(() => worker.close());
  const dispatch = async () => {
    const packet = createPacket(
      { case: "jobRequest", value: { jobId: "j", topic: "job.echo" } },
      { senderId: "s" },
    );
    await memory.connect().publish("job.echo", encodePacket(packet));
  };
  return { worker, dispatch };
}
