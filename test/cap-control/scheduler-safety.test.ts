import { describe, expect, it } from "vitest";
import { DecisionType, ErrorCode, JobStatus } from "../../gen/cap/index.js";
import { Party } from "../../src/cap/party.js";
import { ConflictError, NotFoundError } from "../../src/core/errors.js";
import type { SafetyAnswer } from "../../src/testing/scheduler/safety.js";
import { req } from "../requirements/index.ts";
import { brokenBus } from "./broken-bus.ts";
import { setUp } from "./scheduler-bench.ts";

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
