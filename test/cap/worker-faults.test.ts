import { describe, expect, it } from "vitest";
import { ErrorCode, JobStatus } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
import { ConnectionLostError, MemoryBus, PublishFailedError } from "../../src/cap/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { bound } from "./bound-bus.ts";
import { setUp, setUpOn, turn } from "./worker-bench.ts";

const unreadable = {
  get resultPtr(): string {
    throw new Error("a getter");
  },
};
const { proxy: revoked, revoke } = Proxy.revocable<string[]>([], {});
revoke();

describe("a worker answers every job", () => {
  it.each([
    ["throws a proxy that was revoked", () => Promise.reject(revoked), "handler failed"],
    [
      "returns a proxy that was revoked",
      () => Promise.resolve({ artifactPtrs: revoked }),
      "result cannot be sent",
    ],
    ["returns an object with a getter that throws", () => unreadable, "result cannot be sent"],
  ])(req("cap.worker.always-answers", "whose handler %s"), async (_, handler, errorMessage) => {
    for (const exposeErrors of [false, true]) {
      const { dispatch, settled, worker } = await setUp({ handler, exposeErrors, logger: false });
      await dispatch({ jobId: "j-1" });
      const { result } = (await settled(1))[0]!;
      expect(result.status).toBe(JobStatus.FAILED);
      if (!exposeErrors) expect(result.errorMessage).toBe(errorMessage);
      expect(worker.stats).toMatchObject({ failed: 1, unpublished: 0 });
    }
  });

  it(
    req("cap.worker.always-answers", "whose handler ignores its signal when the worker closes"),
    async () => {
      const clock = new FakeClock();
      const { worker, dispatch, settled } = await setUp({
        clock,
        graceMs: 1000,
        handler: () => new Promise(() => {}),
      });
      await dispatch({ jobId: "j-1" });
      while (worker.activeJobs === 0) await turn();
      await clock.until(worker.close());
      expect((await settled(1))[0]!.result).toMatchObject({
        jobId: "j-1",
        status: JobStatus.FAILED,
        errorMessage: "worker closed before the job ended",
        errorCodeEnum: ErrorCode.JOB_WORKER_UNAVAILABLE,
      });
      expect(clock.pending).toBe(0);
    },
  );

  it(req("cap.worker.always-answers", "that waits behind too many others"), async () => {
    const ends: (() => void)[] = [];
    const { worker, dispatch, settled } = await setUp({
      maxQueued: 2,
      handler: async () => {
        await new Promise<void>((resolve) => ends.push(resolve));
        return {};
      },
    });
    for (let i = 0; i < 4; i++) await dispatch({ jobId: `j-${i}` });
    expect((await settled(1))[0]!.result).toMatchObject({
      jobId: "j-3",
      status: JobStatus.FAILED,
      errorMessage: "worker queue full: 2 jobs wait",
      errorCodeEnum: ErrorCode.JOB_RESOURCE_EXHAUSTED,
    });
    while (worker.stats.succeeded < 3) {
      ends.shift()?.();
      await turn();
    }
  });

  it("emits what a handler threw", async () => {
    const problem = new Error("disk full");
    const { worker, dispatch, settled } = await setUp({ handler: () => Promise.reject(problem) });
    const seen: unknown[] = [];
    worker.on("handlerError", (event) => seen.push(event));
    await dispatch({ jobId: "j-1" });
    await settled(1);
    expect(seen).toEqual([{ jobId: "j-1", topic: "job.echo", attempt: 1, error: problem }]);
  });
});

describe("a worker whose bus was closed", () => {
  it(req("cap.worker.bus-closed", "says so and closes"), async () => {
    const memory = new MemoryBus();
    const bus = memory.connect();
    const { worker } = await setUpOn(memory, bus);
    const errors: unknown[] = [];
    worker.on("error", (error) => errors.push(error));
    await bus.close();
    await worker.close();
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(ConnectionLostError);
  });

  it(req("cap.worker.bus-closed", "is silent about a bus that it closes itself"), async () => {
    const bus: Bus = new MemoryBus().connect();
    const { worker } = await setUp({ bus: () => bus });
    const errors: unknown[] = [];
    worker.on("error", (error) => errors.push(error));
    await worker.close();
    expect([bus.status(), errors]).toEqual(["closed", []]);
  });
});

describe("a bus that reports an error and stays connected", () => {
  it(
    req("cap.worker.bus-closed", "a lost result is counted and emitted, anything else only emitted"),
    async () => {
      const memory = new MemoryBus();
      let report!: Parameters<Bus["onStatus"]>[0];
      const bus: Bus = {
        ...bound(memory.connect()),
        onStatus: (listener) => {
          report = listener;
          return () => {};
        },
      };
      const { worker } = await setUpOn(memory, bus);
      const errors: unknown[] = [];
      worker.on("error", (error) => errors.push(error));
      const denied = (subject: string) => new PublishFailedError("denied", { details: { subject } });
      report("connected", denied("sys.job.result"));
      report("connected", denied("sys.alert"));
      report("connected");
      expect([errors.length, worker.stats.unpublished]).toEqual([2, 1]);
    },
  );
});
