import { describe, expect, it } from "vitest";
import { DecisionType, JobStatus } from "../../gen/cap/index.js";
import { InvalidInputError, SafetyDeniedError } from "../../src/cap/index.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { defineHandler } from "../../src/handler/index.js";
import { FakeClock, memoryAgentPair, runHandler } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

const input = jsonSchema<{ prompt: string }>({
  type: "object",
  properties: { prompt: { type: "string" } },
  required: ["prompt"],
});

describe("runHandler", () => {
  it(req("cap.agent.run-handler", "gives the result, the output, progress and artifacts"), async () => {
    const run = await runHandler(
      async ({ prompt }, ctx) => {
        ctx.progress({ percent: 50, message: "half" });
        await ctx.putArtifact({ prompt }, { id: "a" });
        return { summary: prompt.slice(0, 5), attempt: ctx.attempt };
      },
      { prompt: "hello world" },
      { input, retries: 1, request: { labels: { a: "b" } } },
    );
    expect(run.output).toEqual({ summary: "hello", attempt: 1 });
    expect(run.result).toMatchObject({
      jobId: "test-job-1",
      status: JobStatus.SUCCEEDED,
      workerId: "test-worker",
      resultPtr: "redis://res:test-job-1",
    });
    expect(run.progress).toMatchObject([{ percent: 50, message: "half" }]);
    expect(run.artifacts).toEqual({ "redis://art:a": { prompt: "hello world" } });
  });

  it(
    req("cap.agent.run-handler", "takes what defineHandler made, and tells of failures as a worker would"),
    async () => {
      const definition = defineHandler({ input, run: ({ prompt }, ctx) => ctx.fail(`no ${prompt}`) });
      expect((await runHandler(definition, { prompt: "x" })).result).toMatchObject({
        status: JobStatus.FAILED,
        errorMessage: "no x",
        errorCodeEnum: 1000,
      });
      const bad = await runHandler(definition, { prompt: 1 }, { jobId: "j-2", topic: "job.other" });
      expect(bad.result).toMatchObject({ jobId: "j-2", status: JobStatus.FAILED });
      expect(bad.result.errorMessage).toContain("input validation failed");
      const raw = await runHandler(definition, new TextEncoder().encode("{"));
      expect(raw.result.errorMessage).toContain("context decode failed");
      expect(raw.output).toBeUndefined();
    },
  );

  it("runs on a clock that a test moves, and follows a signal", async () => {
    const clock = new FakeClock();
    const late = runHandler(() => new Promise(() => {}), 1, {
      clock,
      request: { budget: { deadlineMs: 500n } },
    });
    const { result } = await clock.until(late);
    expect([result.status, clock.monotonic()]).toEqual([JobStatus.TIMEOUT, 500]);
    const controller = new AbortController();
    const cancelled = runHandler(
      () => {
        controller.abort();
        return new Promise(() => {});
      },
      1,
      { signal: controller.signal },
    );
    expect((await cancelled).result.status).toBe(JobStatus.CANCELLED);
    const before = runHandler(() => new Promise(() => {}), 1, { signal: AbortSignal.abort() });
    expect((await before).result.status).toBe(JobStatus.CANCELLED);
  });

  it("throws for what is no handler", async () => {
    await expect(runHandler(undefined as never, 1)).rejects.toThrow("must be a function");
  });
});

describe("memoryAgentPair", () => {
  it(req("cap.agent.run-handler", "a client, a scheduler and an agent in one process"), async () => {
    const pools = { topics: { "job.summarize": "test", "job.deny": "test" }, pools: { test: {} } };
    const safety = ({ topic }: { topic: string }) => ({
      decision: topic === "job.deny" ? DecisionType.DENY : DecisionType.ALLOW,
      reason: "not here",
    });
    const pair = memoryAgentPair({ scheduler: { pools, safety } });
    expect(() => pair.client).toThrow("not started");
    pair.agent.job("job.summarize", { input }, ({ prompt }) => ({ summary: prompt.slice(0, 140) }));
    pair.agent.job("job.deny", () => 1);
    await pair.start();
    const result = await pair.submit("job.summarize", { prompt: "hello" });
    expect(result.output).toEqual({ summary: "hello" });
    expect(result.workerId).toBe("test-worker");
    await expect(pair.submit("job.summarize", { prompt: 1 })).rejects.toThrow(InvalidInputError);
    await expect(pair.submit("job.deny", 1)).rejects.toThrow(SafetyDeniedError);
    expect(pair.scheduler.job(result.jobId)?.status).toBe(JobStatus.SUCCEEDED);
    await pair.close();
    expect(pair.bus.subscriptionCount).toBe(0);
  });

  it("on one clock: what a scheduler allows is enforced by the agent", async () => {
    const clock = new FakeClock();
    const constraints = { budgets: { maxRuntimeMs: 750n, maxRetries: 1 } };
    const decision = DecisionType.ALLOW_WITH_CONSTRAINTS;
    const pair = memoryAgentPair({ clock, scheduler: { safety: () => ({ decision, constraints }) } });
    pair.agent.job("job.slow", () => new Promise(() => {}));
    await pair.start();
    const ended = pair.submit("job.slow", 1, { jobId: "j" }).catch((error: unknown) => error);
    const error = (await clock.until(ended)) as { details: { result: unknown } };
    expect(error.details.result).toMatchObject({ status: JobStatus.TIMEOUT, executionMs: 750n });
    expect(pair.scheduler.job("j")?.status).toBe(JobStatus.TIMEOUT);
    await clock.until(pair.close());
    expect(clock.pending).toBe(0);
  });

  it(req("cap.agent.readme", "the README's agent: typed, with retries, until it is closed"), async () => {
    let fails = 2;
    const pair = memoryAgentPair({ agent: { retries: 2 } });
    pair.agent.job("job.summarize", { input }, async ({ prompt }) => {
      if (fails-- > 0) throw new Error("not yet");
      return { summary: prompt.slice(0, 140) };
    });
    await pair.start();
    const { output } = await pair.submit("job.summarize", { prompt: "x".repeat(200) });
    expect(output).toEqual({ summary: "x".repeat(140) });
    expect(pair.agent.stats.runs).toBe(3);
    await pair.close();
    expect(pair.agent.state).toBe("closed");
  });
});
