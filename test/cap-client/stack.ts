/** A client, a scheduler and a worker around a bus in memory. */
import { afterEach } from "vitest";
import type { JobClientOptions, JobHandler } from "../../src/cap/index.js";
import { InMemoryBlobStore, MemoryBus, openJobClient, runWorker } from "../../src/cap/index.js";
import { Party } from "../../src/cap/party.js";
import { progressPayload } from "../../src/cap/payloads.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";

export const turn = () => new Promise((resolve) => setImmediate(resolve));
export const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as Error & { readonly code: string; readonly details: Record<string, unknown> },
  );

/** Runs until the worker is closed. */
export const hang: JobHandler = (_, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** `handler` serves `job.x`. */
export async function setUp(handler: JobHandler, options: Partial<JobClientOptions> = {}, concurrency = 1) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const clock = new FakeClock();
  const store = new InMemoryBlobStore();
  const scheduler = await LocalScheduler.start({ bus, clock });
  const worker = await runWorker({ bus, subject: "job.x", handler, concurrency, graceMs: 0 });
  const client = await openJobClient({ bus: memory.connect(), senderId: "c", clock, store, ...options });
  cleanups.push(
    () => scheduler.close(),
    () => worker.close(),
    () => client.close(),
  );
  const report = (jobId: string, percent: number) =>
    new Party({ bus, senderId: "cap-worker" }).publish(
      progressPayload({ senderId: "cap-worker", jobId, percent }),
    );
  return { memory, bus, clock, store, scheduler, worker, client, report };
}
