import { describe, expect, it } from "vitest";
import { type ErrorCode, JobStatus } from "../../gen/cap/index.js";
import { generateKeyPair, KeyRing, MemoryBus, runWorker } from "../../src/cap/index.js";
import { decodePacket, validatePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { openPacket, verifyPacket } from "../../src/cap/verify.js";
import { LocalScheduler } from "../../src/testing/index.js";
import { isTerminal, type JobState, mayMove, stateOfResult } from "../../src/testing/scheduler/job-state.js";
import { req } from "../requirements/index.ts";
import { brokenBus } from "./broken-bus.ts";
import { POOLS, setUp } from "./scheduler-bench.ts";

describe("dispatch", () => {
  it(req("cap.scheduler.publish", "publishing that fails is tried again after 2 s"), async () => {
    const { bus } = brokenBus("job.echo", 2);
    const { scheduler, clock, errors } = await setUp({ bus });
    await new Party({ bus, senderId: "c" }).send("sys.job.submit", {
      case: "jobRequest",
      value: { jobId: "j", topic: "job.echo" },
    });
    await clock.advance(3_999);
    expect(scheduler.job("j")).toMatchObject({ state: "SCHEDULED", attempts: 2 });
    expect(errors).toHaveLength(2);
    await clock.advance(1);
    expect(scheduler.job("j")).toMatchObject({ state: "RUNNING", attempts: 3 });
  });

  it("a topic that is no subject fails for good", async () => {
    const { submit, letters, scheduler, errors } = await setUp();
    await submit({ topic: "no subject" });
    expect(scheduler.job("j")?.status).toBe(JobStatus.FAILED);
    expect(letters()).toMatchObject([{ errorCode: "dispatch_failed", workerId: "" }]);
    expect(errors).toHaveLength(1);
  });

  it(
    req("cap.scheduler.duplicate", "a job submitted twice, or after its end, is dispatched once"),
    async () => {
      const { submit, dispatched, answer } = await setUp();
      await Promise.all([submit({}), submit({})]);
      await answer("j", JobStatus.SUCCEEDED);
      await submit({});
      expect(dispatched()).toHaveLength(1);
    },
  );

  it("remembers as many finished jobs as it is told to", async () => {
    const { submit, scheduler, answer } = await setUp({ maxFinished: 2 });
    for (const jobId of ["1", "2", "3", "4"]) {
      await submit({ jobId });
      if (jobId !== "4") await answer(jobId, JobStatus.SUCCEEDED);
    }
    expect(["1", "2", "3", "4"].map((id) => scheduler.job(id)?.state)).toEqual([
      undefined,
      "SUCCEEDED",
      "SUCCEEDED",
      "RUNNING",
    ]);
  });

  it(
    req(
      "cap.scheduler.replay",
      "without redelivery a scan tries PENDING jobs again after the dispatch timeout",
    ),
    async () => {
      const { beat, submit, dispatched, clock } = await setUp({
        pools: POOLS,
        redelivery: false,
        workerTtlMs: Infinity,
      });
      await submit({});
      await beat("w-1");
      await clock.advance(299_999);
      expect(dispatched()).toEqual([]);
      await clock.advance(1);
      expect(dispatched().map(({ subject }) => subject)).toEqual(["worker.w-1.jobs"]);
    },
  );

  it("closing drops the jobs that wait and leaves no timer", async () => {
    const { submit, scheduler, clock, memory } = await setUp({ pools: POOLS });
    await submit({});
    expect(clock.pending).toBe(2);
    await scheduler.close();
    await scheduler.close();
    expect(clock.pending).toBe(0);
    expect(memory.subscriptionCount).toBe(1);
  });
});

describe("results", () => {
  it(req("cap.scheduler.states", "moves go forward only, and an end is never left"), () => {
    const states = [
      "PENDING",
      "APPROVAL_REQUIRED",
      "SCHEDULED",
      "DISPATCHED",
      "RUNNING",
      "SUCCEEDED",
      "FAILED",
      "CANCELLED",
      "DENIED",
      "TIMEOUT",
    ] as const satisfies readonly JobState[];
    const ends = states.slice(5);
    expect(states.filter(isTerminal)).toEqual(ends);
    expect(ends.flatMap((end) => states.filter((to) => mayMove(end, to)))).toEqual([]);
    expect(states.filter((state) => mayMove(state, "CANCELLED"))).toEqual(states.slice(0, 5));
    const refused = ["RUNNING DISPATCHED", "RUNNING DENIED", "DISPATCHED DENIED", "PENDING SUCCEEDED"];
    expect(refused.filter((move) => mayMove(...(move.split(" ") as [JobState, JobState])))).toEqual([]);
    expect(mayMove("SCHEDULED", "SUCCEEDED")).toBe(true);
  });

  const statuses = Object.values(JobStatus).filter((value): value is JobStatus => typeof value === "number");
  const own = [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT];
  it.each(statuses.filter((status) => status !== JobStatus.UNSPECIFIED && status !== JobStatus.DENIED))(
    req("cap.scheduler.result", "status %i from a worker ends the job"),
    async (status) => {
      const { submit, answer, scheduler, letters } = await setUp();
      const finished: unknown[] = [];
      scheduler.on("finished", (job) => finished.push(job.state));
      await submit({});
      await answer("j", status, { errorMessage: "why", errorCode: "CODE", errorCodeEnum: 1000 as ErrorCode });
      const expected = own.includes(status) ? status : JobStatus.FAILED;
      expect(scheduler.job("j")).toMatchObject({ status: expected, reason: "why", result: { status } });
      await answer("j", JobStatus.SUCCEEDED);
      await answer("j", JobStatus.FAILED);
      expect(scheduler.job("j")?.status).toBe(expected);
      expect(finished).toHaveLength(1);
      expect(letters()).toMatchObject(
        status === JobStatus.SUCCEEDED
          ? []
          : [
              {
                jobId: "j",
                status,
                errorCode: "CODE",
                errorMessage: "why",
                errorCodeEnum: 1000,
                workerId: "",
              },
            ],
      );
    },
  );

  it("UNSPECIFIED, which no valid packet carries, would be a failure", () => {
    expect(stateOfResult(JobStatus.UNSPECIFIED)).toBe("FAILED");
    expect(stateOfResult(99 as JobStatus)).toBe("FAILED");
  });

  it(req("cap.scheduler.denied", "DENIED from a worker leaves the job RUNNING"), async () => {
    const { submit, answer, scheduler, letters, clock } = await setUp({ runningTimeoutMs: 60_000 });
    await submit({});
    await answer("j", JobStatus.DENIED);
    expect(scheduler.job("j")).toMatchObject({ state: "RUNNING" });
    expect(scheduler.job("j")).not.toHaveProperty("result");
    expect(letters()).toEqual([]);
    await clock.advance(60_000);
    expect(scheduler.job("j")?.status).toBe(JobStatus.TIMEOUT);
  });

  it(
    req(
      "cap.scheduler.dlq",
      "a dead letter is signed, traced by its job, and breaks the rule of the worker id",
    ),
    async () => {
      const keys = generateKeyPair();
      const memory = new MemoryBus();
      const letters: Uint8Array[] = [];
      await memory.connect().subscribe("sys.job.dlq", ({ data }) => void letters.push(data));
      const bus = memory.connect();
      const scheduler = await LocalScheduler.start({
        bus,
        pools: { topics: {} },
        privateKey: keys.privateKeyPem,
      });
      const done = new Promise((resolve) => scheduler.on("finished", resolve));
      await new Party({ bus, senderId: "c" }).send("sys.job.submit", {
        case: "jobRequest",
        value: { jobId: "j", topic: "job.echo" },
      });
      await done;
      while (letters.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const strict = openPacket(letters[0]!, {
        keys: new KeyRing({ "cordum-scheduler": keys.publicKeyPem }),
      });
      await expect(strict).rejects.toThrow("worker_id");
      const decoded = decodePacket(letters[0]!);
      expect(decoded).toMatchObject({ traceId: "j", senderId: "cordum-scheduler" });
      expect(validatePacket(decoded).map(({ field }) => field)).toEqual([
        "worker_id",
        "job_result.worker_id",
      ]);
      const ring = new KeyRing({ "cordum-scheduler": keys.publicKeyPem });
      await expect(verifyPacket(decoded, letters[0]!, ring)).resolves.toBe("spec");
      await scheduler.close();
    },
  );

  it("a result for a job nobody submitted changes nothing", async () => {
    const { answer, scheduler, errors } = await setUp();
    await answer("ghost", JobStatus.FAILED);
    expect(scheduler.job("ghost")).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it("a real worker is driven from submit to result over its topic", async () => {
    const { submit, memory, scheduler, clock } = await setUp();
    const worker = await runWorker({
      bus: memory.connect(),
      subject: "job.echo",
      senderId: "w-1",
      handler: ({ jobId }) => ({ resultPtr: `redis://res:${jobId}` }),
    });
    await submit({});
    await clock.settle();
    expect(scheduler.job("j")).toMatchObject({ state: "SUCCEEDED", result: { resultPtr: "redis://res:j" } });
    await worker.close();
  });
});
