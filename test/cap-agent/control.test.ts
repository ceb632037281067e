import { describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { JobRequestInit } from "../../src/cap/index.js";
import { AbortError, TimeoutError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";
import { CANCELLED, TIMEOUT, waiting } from "./waiting.ts";

describe("places", () => {
  it(
    req("cap.agent.parallel", "concurrency handlers run, the others wait in the order they came"),
    async () => {
      const { agent, send, begun, end, results } = await waiting({ concurrency: 2 });
      for (const jobId of ["1", "2", "3", "4"]) await send({ jobId });
      expect(begun.map(({ jobId }) => jobId)).toEqual(["1", "2"]);
      expect([agent.activeJobs, agent.inFlight]).toEqual([2, 4]);
      await end("2");
      await end("1");
      expect(begun.map(({ jobId }) => jobId)).toEqual(["1", "2", "3", "4"]);
      await end("3");
      await end("4");
      expect(results().map(({ jobId }) => jobId)).toEqual(["2", "1", "3", "4"]);
      expect([agent.activeJobs, agent.inFlight]).toEqual([0, 0]);
    },
  );

  it(req("cap.agent.duplicate", "a job that comes again while it is in hand runs once"), async () => {
    const { agent, send, end, results, begun } = await waiting();
    await send({ jobId: "1" });
    await send({ jobId: "2" });
    await send({ jobId: "1" });
    await send({ jobId: "2" }, { subject: "worker.w-1.jobs" });
    await end("1");
    await end("2");
    expect(results().map(({ jobId }) => jobId)).toEqual(["1", "2"]);
    expect(begun).toHaveLength(2);
    expect(agent.stats).toMatchObject({ received: 4, succeeded: 2, repeated: 2, runs: 2 });
    await send({ jobId: "1" });
    expect(begun).toHaveLength(3);
  });
});

describe("cancelling", () => {
  it(
    req("cap.agent.cancel", "aborts the running handler and answers CANCELLED with the reason"),
    async () => {
      const { send, cancel, begun, results, agent } = await waiting();
      await send();
      expect(begun[0]!.signal.aborted).toBe(false);
      await cancel("j", "not needed");
      expect(begun[0]!.signal.reason).toBeInstanceOf(AbortError);
      expect(results()).toMatchObject([{ ...CANCELLED, jobId: "j", errorMessage: "not needed" }]);
      expect(agent.inFlight).toBe(0);
    },
  );

  it(req("cap.agent.cancel", "drops a job that waits, at once"), async () => {
    const { send, cancel, begun, results, end } = await waiting();
    for (const jobId of ["1", "2", "3"]) await send({ jobId });
    await cancel("2", "");
    expect(results()).toMatchObject([{ ...CANCELLED, jobId: "2", errorMessage: "job cancelled" }]);
    await end("1");
    expect(begun.map(({ jobId }) => jobId)).toEqual(["1", "3"]);
  });

  it(req("cap.agent.cancel", "leaves other jobs, unknown jobs and finished ones alone"), async () => {
    const { send, cancel, results, end } = await waiting();
    await cancel("nobody");
    await send({ jobId: "1" });
    await cancel("2");
    await end("1");
    await cancel("1");
    expect(results()).toMatchObject([{ jobId: "1", status: JobStatus.SUCCEEDED }]);
  });

  it("ends a wait between attempts, a read and a write", async () => {
    const set = await bench({ retries: 9, backoffMs: 60_000 });
    set.agent.job("job.echo", () => Promise.reject(new Error("x")));
    await set.agent.start();
    await set.send();
    await set.cancel("j");
    expect(set.results()).toMatchObject([CANCELLED]);
    const slow = { get: () => new Promise<never>(() => {}), set: async () => {}, close: async () => {} };
    const reading = await bench({ store: slow });
    reading.agent.job("job.echo", () => 1);
    await reading.agent.start();
    await reading.send();
    await reading.cancel("j");
    expect(reading.results()).toMatchObject([{ ...CANCELLED, executionMs: 0n }]);
  });

  it(
    req("cap.agent.faults", "a handler that goes on all the same loses its place only after a while"),
    async () => {
      const never = gate();
      const { agent, send, cancel, results, clock, logged } = await bench({ abandonMs: 2_000 });
      const begun: string[] = [];
      agent.job("job.echo", (_, { jobId }) => {
        begun.push(jobId);
        return jobId === "1" ? never.opened : 1;
      });
      await agent.start();
      await send({ jobId: "1" });
      await send({ jobId: "2" });
      await cancel("1");
      expect(results()).toMatchObject([{ ...CANCELLED, jobId: "1" }]);
      expect([agent.activeJobs, begun]).toEqual([1, ["1"]]);
      await clock.advance(2_000);
      expect(begun).toEqual(["1", "2"]);
      expect(logged.some((line) => line.startsWith("a cancelled handler is still running"))).toBe(true);
      never.open();
      await clock.settle();
      expect(results()).toHaveLength(2);
    },
  );
});

describe("limits of time", () => {
  const deadline = (ms: bigint): JobRequestInit => ({ budget: { deadlineMs: ms } });

  it(req("cap.agent.deadline", "a deadline ends a running job with TIMEOUT"), async () => {
    const { send, begun, results, clock } = await waiting();
    const before = clock.now();
    await send(deadline(1_000n));
    expect(begun[0]!.deadline).toBe(before + 1_000);
    await clock.advance(999);
    expect(results()).toEqual([]);
    await clock.advance(1);
    expect(begun[0]!.signal.reason).toBeInstanceOf(TimeoutError);
    expect(results()).toMatchObject([{ ...TIMEOUT, errorMessage: "deadline exceeded", executionMs: 1_000n }]);
  });

  it(req("cap.agent.deadline", "and one that waits, for a handler that never returns"), async () => {
    const { agent, send, results, clock } = await bench();
    agent.job("job.echo", () => new Promise(() => {}));
    await agent.start();
    await send({ jobId: "1", ...deadline(3_000n) });
    await send({ jobId: "2", ...deadline(2_000n) });
    await clock.advance(2_000);
    expect(results()).toMatchObject([{ ...TIMEOUT, jobId: "2", executionMs: 0n }]);
    await clock.advance(1_000);
    expect(results()).toMatchObject([{}, { ...TIMEOUT, jobId: "1" }]);
    await agent.close();
    expect(clock.pending).toBe(0);
  });

  it("a job that ends in time leaves no timer", async () => {
    const { send, end, clock, agent } = await waiting();
    await send(deadline(1_000n));
    await end("j");
    await agent.close();
    expect(clock.pending).toBe(0);
  });

  it(req("cap.agent.deadline", "max_runtime_ms counts from the start of the handler"), async () => {
    const { send, results, clock, end } = await waiting();
    const env = { CORDUM_POLICY_CONSTRAINTS: '{"budgets":{"maxRuntimeMs":"500"},"somethingNew":1}' };
    await send({ jobId: "1" });
    await send({ jobId: "2", env });
    await clock.advance(10_000);
    await end("1");
    await clock.advance(499);
    expect(results()).toHaveLength(1);
    await clock.advance(1);
    expect(results()[1]).toMatchObject({ ...TIMEOUT, jobId: "2", errorMessage: "max runtime exceeded" });
  });
});

describe("constraints", () => {
  it.each([
    ["in JSON", { CORDUM_POLICY_CONSTRAINTS: '{"budgets":{"maxRetries":1}}' }, 2],
    ["under their proto names", { CORDUM_POLICY_CONSTRAINTS: '{"budgets":{"max_retries":1}}' }, 2],
    ["in a variable", { CORDUM_MAX_RETRIES: "1" }, 2],
    [
      "in both: the lower one",
      { CORDUM_POLICY_CONSTRAINTS: '{"budgets":{"maxRetries":2}}', CORDUM_MAX_RETRIES: "1" },
      2,
    ],
    ["higher than our own", { CORDUM_MAX_RETRIES: "7" }, 4],
    ["zero, which is none", { CORDUM_MAX_RETRIES: "0", CORDUM_POLICY_CONSTRAINTS: "{}" }, 4],
    ["without budgets", { CORDUM_POLICY_CONSTRAINTS: '{"budgets":null,"redactionLevel":"x"}' }, 4],
  ])(req("cap.agent.constraints", "max_retries %s"), async (_, env, attempts) => {
    const { agent, send, results } = await bench({ retries: 3 });
    agent.job("job.echo", () => Promise.reject(new Error("x")));
    await agent.start();
    await send({ env });
    expect(agent.stats.runs).toBe(attempts);
    expect(results()).toMatchObject([{ errorMessage: "handler failed" }]);
  });

  it.each(["{", "[]", "7", '{"budgets":[]}', '{"budgets":{"maxRuntimeMs":"soon"}}'])(
    req("cap.agent.constraints", "%s lets nothing run"),
    async (CORDUM_POLICY_CONSTRAINTS) => {
      const { agent, send, results } = await bench();
      agent.job("job.echo", () => 1);
      await agent.start();
      await send({ env: { CORDUM_POLICY_CONSTRAINTS } });
      expect(results()).toMatchObject([
        { status: JobStatus.FAILED, errorMessage: "policy constraints cannot be read", errorCodeEnum: 203 },
      ]);
      expect(agent.stats.runs).toBe(0);
    },
  );

  it(
    req("cap.agent.constraints", "max_artifact_bytes holds for all artifacts of a job together"),
    async () => {
      const { agent, send, results, store } = await bench();
      agent.job("job.echo", async (_, ctx) => {
        await ctx.putArtifact(new Uint8Array(6), { id: "a" });
        await ctx.putArtifact(new Uint8Array(5), { id: "b" });
      });
      await agent.start();
      await send({ env: { CORDUM_MAX_ARTIFACT_BYTES: "10" } });
      expect(results()).toMatchObject([
        {
          status: JobStatus.FAILED,
          errorMessage: "handler failed",
          errorCodeEnum: 201,
          artifactPtrs: ["redis://art:a"],
        },
      ]);
      expect(await store.get("art:b")).toBeUndefined();
      await send({ jobId: "2", env: { CORDUM_MAX_ARTIFACT_BYTES: "11" } });
      expect(results()[1]).toMatchObject({ status: JobStatus.SUCCEEDED });
    },
  );
});
