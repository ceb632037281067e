import { describe, expect, it } from "vitest";
import { ErrorCode, JobStatus } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { bound } from "./bound-bus.ts";
import { setUp, setUpOn, turn } from "./worker-bench.ts";

describe("closing a worker", () => {
  it(req("cap.worker.close", "lets the running handler end, and takes nothing new"), async () => {
    let finish: () => void = () => {};
    const { worker, dispatch, results, memory } = await setUp({
      handler: async () => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return {};
      },
    });
    await dispatch({ jobId: "j-1" });
    while (worker.activeJobs === 0) await turn();
    const closing = worker.close();
    expect(worker.close()).toBe(closing);
    await dispatch({ jobId: "j-2" });
    await turn();
    finish();
    await closing;
    await turn();
    expect(results.map(({ result }) => result.jobId)).toEqual(["j-1"]);
    expect(memory.subscriptionCount).toBe(1); // the watcher's
  });

  it(
    req("cap.worker.close", "aborts what outlasts the grace time and answers what never began"),
    async () => {
      const clock = new FakeClock();
      const { worker, dispatch, settled, logged } = await setUp({
        clock,
        graceMs: 1000,
        handler: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      });
      await dispatch({ jobId: "j-1" });
      await dispatch({ jobId: "j-2" });
      while (worker.activeJobs === 0) await turn();
      const closing = worker.close();
      await turn();
      await clock.advance(1000);
      await closing;
      const outcomes = (await settled(2)).map(({ result }) => [
        result.jobId,
        result.status,
        result.errorMessage,
        result.errorCodeEnum,
      ]);
      expect(outcomes.sort()).toEqual([
        ["j-1", JobStatus.FAILED, "worker closed before the job ended", ErrorCode.JOB_WORKER_UNAVAILABLE],
        ["j-2", JobStatus.FAILED, "worker closed before the job ran", ErrorCode.JOB_WORKER_UNAVAILABLE],
      ]);
      expect(logged.join()).not.toContain("unexpectedly"); // the handler did what its signal asked for
      expect(clock.pending).toBe(0);
    },
  );

  it("follows a signal, and leaves no listener on it", async () => {
    const controller = new AbortController();
    const { worker, memory } = await setUp({ signal: controller.signal });
    controller.abort();
    await worker.close();
    expect(memory.subscriptionCount).toBe(1);
    const already = await setUp({ signal: AbortSignal.abort() });
    expect(already.memory.subscriptionCount).toBe(1);
  });

  it("a result that cannot be published is counted and told of", async () => {
    const memory = new MemoryBus();
    const real = memory.connect();
    const bus: Bus = { ...bound(real), publish: () => Promise.reject(new Error("gone")) };
    const { worker, dispatch } = await setUpOn(memory, bus);
    const errors: unknown[] = [];
    worker.on("error", (error) => errors.push(error));
    await dispatch();
    while (worker.stats.unpublished === 0) await turn();
    expect(errors).toHaveLength(1);
  });
});
