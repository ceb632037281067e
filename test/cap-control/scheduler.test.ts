import { describe, expect, it } from "vitest";
import { DecisionType, ErrorCode, JobStatus } from "../../gen/cap/index.js";
import {
  decodePacket,
  generateKeyPair,
  KeyRing,
  MemoryBus,
  openPacket,
  Party,
  runWorker,
  verifyPacket,
} from "../../src/cap/index.js";
import { validatePacket } from "../../src/cap/validate.js";
import { ConflictError, ConnectionError, NotFoundError } from "../../src/core/errors.js";
import type { SafetyAnswer } from "../../src/testing/index.js";
import { LocalScheduler } from "../../src/testing/index.js";
import type { JobState } from "../../src/testing/scheduler/job-state.js";
import { isTerminal, mayMove, stateOfResult } from "../../src/testing/scheduler/job-state.js";
import { req } from "../requirements/index.ts";
import { POOLS, setUp } from "./scheduler-bench.ts";

const allow = { decision: DecisionType.ALLOW };

describe("safety", () => {
  it.each([
    ["DENY", { decision: DecisionType.DENY, reason: "not here" }, "safety_denied", "not here"],
    ["UNSPECIFIED", { decision: 0, reason: "?" }, "safety_unknown", "?"],
    ["QUARANTINE", { decision: DecisionType.QUARANTINE }, "safety_unknown", ""],
    ["a number from the future", { decision: 99 as DecisionType }, "safety_unknown", ""],
  ])(req("cap.scheduler.safety", "%s ends a job DENIED"), async (_, answer, errorCode, errorMessage) => {
    const { submit, letters, dispatched, scheduler } = await setUp({ safety: () => answer });
    await submit({});
    expect(scheduler.job("j")?.status).toBe(JobStatus.DENIED);
    expect(dispatched()).toEqual([]);
    expect(letters()).toMatchObject([
      {
        jobId: "j",
        status: JobStatus.DENIED,
        errorCode,
        errorMessage,
        errorCodeEnum: ErrorCode.SAFETY_DENIED,
      },
    ]);
  });

  it("a check that fails, or takes longer than 2 s, denies", async () => {
    const { submit, letters, clock } = await setUp({
      safety: ({ jobId }) =>
        jobId === "1" ? Promise.reject(new Error("kernel away")) : new Promise<SafetyAnswer>(() => {}),
    });
    await submit({ jobId: "1" });
    await submit({ jobId: "2" });
    expect(letters().map(({ errorMessage }) => errorMessage)).toEqual(["safety kernel error: kernel away"]);
    await clock.advance(2_000);
    expect(letters()[1]).toMatchObject({ jobId: "2", errorCode: "safety_denied" });
  });

  it("the check is told what the job is, and for whom", async () => {
    const asked: unknown[] = [];
    const { submit } = await setUp({
      safety: (request) => {
        asked.push(request);
        return allow;
      },
    });
    const meta = { riskTags: ["network"], capability: "fetch" };
    await submit({ env: { tenant_id: "t-1" }, principalId: "p", labels: { a: "b" }, meta });
    expect(asked).toMatchObject([
      { jobId: "j", topic: "job.echo", tenant: "t-1", principalId: "p", labels: { a: "b" }, meta },
    ]);
  });

  it(
    req("cap.scheduler.throttle", "a throttled job is tried again every 5 s, without a packet"),
    async () => {
      const answers = [DecisionType.THROTTLE, DecisionType.THROTTLE, DecisionType.ALLOW];
      const { submit, dispatched, heard, scheduler, clock } = await setUp({
        safety: () => ({ decision: answers.shift()!, reason: "slow down" }),
      });
      await submit({});
      expect(scheduler.job("j")).toMatchObject({ state: "PENDING", reason: "safety throttle: slow down" });
      await clock.advance(9_999);
      expect(answers).toHaveLength(1);
      expect(heard.map(({ subject }) => subject)).toEqual(["sys.job.submit"]);
      await clock.advance(1);
      expect(dispatched()).toHaveLength(1);
      expect(scheduler.job("j")).not.toHaveProperty("reason");
    },
  );

  it.each([
    ["REQUIRE_HUMAN", { decision: DecisionType.REQUIRE_HUMAN, reason: "ask" }],
    ["ALLOW with approval_required", { ...allow, approvalRequired: true, reason: "ask" }],
  ])(req("cap.scheduler.approval", "%s waits until somebody approves or rejects"), async (_, answer) => {
    const { submit, dispatched, letters, heard, scheduler, clock } = await setUp({ safety: () => answer });
    await submit({ jobId: "1" });
    await submit({ jobId: "2" });
    await clock.advance(600_000);
    expect(heard.map(({ subject }) => subject)).toEqual(["sys.job.submit", "sys.job.submit"]);
    expect(scheduler.job("1")).toMatchObject({
      state: "APPROVAL_REQUIRED",
      status: JobStatus.PENDING,
      reason: "ask",
    });
    await scheduler.approve("1");
    await scheduler.reject("2", "no");
    await clock.settle();
    expect(dispatched().map(({ request }) => [request.jobId, request.labels])).toEqual([
      ["1", { approval_granted: "true" }],
    ]);
    expect(letters()).toMatchObject([
      { jobId: "2", status: JobStatus.DENIED, errorCode: "safety_denied", errorMessage: "no" },
    ]);
    await expect(scheduler.approve("1")).rejects.toBeInstanceOf(ConflictError);
    await expect(scheduler.reject("unknown")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("an approved job can still be denied", async () => {
    const { submit, letters, scheduler, clock } = await setUp({
      safety: (request) => ({
        decision: request.labels.approval_granted ? DecisionType.DENY : DecisionType.REQUIRE_HUMAN,
      }),
    });
    await submit({});
    await scheduler.approve("j");
    await clock.settle();
    expect(letters()).toMatchObject([{ status: JobStatus.DENIED }]);
  });

  it(req("cap.scheduler.constraints", "constraints go into the env and lower the deadline"), async () => {
    const { submit, dispatched } = await setUp({
      safety: () => ({
        decision: DecisionType.ALLOW_WITH_CONSTRAINTS,
        redactedContextPtr: "redis://ctx:redacted",
        constraints: {
          budgets: {
            maxRuntimeMs: 1_000n,
            maxRetries: 2,
            maxArtifactBytes: 5n,
            maxConcurrentJobs: 7,
          },
          redactionLevel: "full",
        },
      }),
    });
    await submit({ jobId: "1", env: { mine: "x" }, contextPtr: "redis://ctx:plain" });
    await submit({ jobId: "2", budget: { deadlineMs: 5_000n, maxTotalTokens: 9n } });
    await submit({ jobId: "3", budget: { deadlineMs: 500n } });
    const [one, two, three] = dispatched().map(({ request }) => request);
    const { CORDUM_POLICY_CONSTRAINTS, ...env } = one!.env!;
    expect(JSON.parse(CORDUM_POLICY_CONSTRAINTS!)).toEqual({
      budgets: { maxRuntimeMs: "1000", maxRetries: 2, maxArtifactBytes: "5", maxConcurrentJobs: 7 },
      redactionLevel: "full",
    });
    expect(env).toEqual({
      mine: "x",
      CORDUM_REDACTION_LEVEL: "full",
      CORDUM_MAX_ARTIFACT_BYTES: "5",
      CORDUM_MAX_CONCURRENT_JOBS: "7",
      CORDUM_MAX_RETRIES: "2",
    });
    expect(one!.contextPtr).toBe("redis://ctx:redacted");
    expect([one, two, three].map((request) => request!.budget!.deadlineMs)).toEqual([1_000n, 1_000n, 500n]);
    expect(two!.budget!.maxTotalTokens).toBe(9n);
  });

  const budgets = (limits: { maxRetries?: number; maxConcurrentJobs?: number }) => () => ({
    ...allow,
    constraints: {
      budgets: limits,
    },
  });

  it(
    req("cap.scheduler.retries", "a job that was scheduled max_retries + 1 times in vain has failed"),
    async () => {
      const { bus } = brokenBus("job.echo", Infinity);
      const { scheduler, clock } = await setUp({ bus, safety: budgets({ maxRetries: 2 }) });
      await new Party({ bus, senderId: "c" }).send("sys.job.submit", {
        case: "jobRequest",
        value: { jobId: "j", topic: "job.echo" },
      });
      await clock.advance(4_000);
      expect(scheduler.job("j")).toMatchObject({ state: "SCHEDULED", attempts: 3 });
      await clock.advance(2_000);
      expect(scheduler.job("j")).toMatchObject({
        state: "FAILED",
        reason: "max retries exceeded (attempts=3, max_retries=2)",
      });
    },
  );

  it(req("cap.scheduler.concurrency", "a tenant has at most max_concurrent_jobs jobs"), async () => {
    const { submit, dispatched, scheduler, answer, clock } = await setUp({
      safety: budgets({ maxConcurrentJobs: 1 }),
    });
    await submit({ jobId: "1", tenantId: "a" });
    await submit({ jobId: "2", tenantId: "a" });
    await submit({ jobId: "3", tenantId: "b" });
    expect(dispatched().map(({ request }) => request.jobId)).toEqual(["1", "3"]);
    expect(scheduler.job("2")?.reason).toBe("tenant_limit");
    await answer("1", JobStatus.SUCCEEDED);
    await clock.advance(2_000);
    expect(dispatched().map(({ request }) => request.jobId)).toEqual(["1", "3", "2"]);
  });
});

/** A bus that refuses the first `times` messages on a subject. */
function brokenBus(subject: string, times: number) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const publish = bus.publish.bind(bus);
  let left = times;
  bus.publish = (to, data, options) => {
    if (to === subject && left-- > 0) throw new ConnectionError("bus away");
    return publish(to, data, options);
  };
  return { memory, bus };
}

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
      const scheduler = new LocalScheduler({ bus, pools: { topics: {} }, privateKey: keys.privateKeyPem });
      await scheduler.start();
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
      expect(decoded.message).toMatchObject({ traceId: "j", senderId: "cordum-scheduler" });
      expect(validatePacket(decoded.message).map(({ field }) => field)).toEqual([
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

describe("cancel and time", () => {
  it(req("cap.scheduler.cancel", "a cancel on the bus ends a job in any state but an end"), async () => {
    const { beat, submit, cancel, answer, scheduler, dispatched, clock } = await setUp({
      pools: POOLS,
      safety: ({ jobId }) => (jobId === "ask" ? { decision: DecisionType.REQUIRE_HUMAN } : allow),
    });
    await submit({ jobId: "waits" });
    await submit({ jobId: "ask" });
    await beat("w-1");
    await submit({ jobId: "runs" });
    await submit({ jobId: "done" });
    await answer("done", JobStatus.SUCCEEDED);
    for (const id of ["waits", "ask", "runs", "done", "unknown"]) await cancel(id);
    expect(["waits", "ask", "runs", "done"].map((id) => scheduler.job(id)?.state)).toEqual([
      "CANCELLED",
      "CANCELLED",
      "CANCELLED",
      "SUCCEEDED",
    ]);
    expect(scheduler.job("runs")?.reason).toBe("enough");
    await clock.advance(10_000);
    expect(dispatched().map(({ request }) => request.jobId)).toEqual(["runs", "done"]);
  });

  it("cancelling through the scheduler tells the workers", async () => {
    const { submit, scheduler, heard, clock } = await setUp();
    await submit({});
    expect(await scheduler.cancel("j")).toBe(true);
    expect(await scheduler.cancel("j")).toBe(false);
    await clock.settle();
    const cancels = heard.filter(({ subject }) => subject === "sys.job.cancel");
    expect(cancels).toMatchObject([
      {
        packet: {
          traceId: "j",
          payload: {
            value: { jobId: "j", reason: "cancelled by request", requestedBy: "cordum-scheduler" },
          },
        },
      },
    ]);
    await expect(scheduler.cancel("ghost")).rejects.toBeInstanceOf(NotFoundError);
  });

  it(
    req("cap.scheduler.timeouts", "a job ends TIMEOUT at the scan after its time, and nobody is told"),
    async () => {
      const { submit, scheduler, heard, clock } = await setUp();
      await submit({ jobId: "deadline", budget: { deadlineMs: 1_000n } });
      await submit({ jobId: "long" });
      const before = heard.length;
      await clock.advance(29_999);
      expect(scheduler.job("deadline")?.state).toBe("RUNNING");
      await clock.advance(1);
      expect(scheduler.job("deadline")).toMatchObject({
        state: "TIMEOUT",
        reason: "timeout: deadline expired",
      });
      await clock.advance(9_000_000 - 30_001);
      expect(scheduler.job("long")?.state).toBe("RUNNING");
      await clock.advance(1);
      expect(scheduler.job("long")).toMatchObject({ state: "TIMEOUT", reason: "timeout: RUNNING exceeded" });
      expect(heard).toHaveLength(before);
    },
  );

  it("a job that could not be published within the dispatch timeout ends TIMEOUT", async () => {
    const { bus } = brokenBus("job.echo", Infinity);
    const { scheduler, clock } = await setUp({ bus, dispatchTimeoutMs: 60_000 });
    await new Party({ bus, senderId: "c" }).send("sys.job.submit", {
      case: "jobRequest",
      value: { jobId: "j", topic: "job.echo" },
    });
    await clock.advance(59_999);
    expect(scheduler.job("j")?.state).toBe("SCHEDULED");
    await clock.advance(1);
    expect(scheduler.job("j")).toMatchObject({ state: "TIMEOUT", reason: "timeout: SCHEDULED exceeded" });
  });
});
