import { describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { AgentMiddleware } from "../../src/cap/agent/context.js";
import type { AgentContext } from "../../src/cap/index.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { req } from "../requirements/index.ts";
import { bench } from "./agent-bench.ts";

describe("what a handler can do", () => {
  it(req("cap.agent.artifacts", "keep artifacts; those of the attempt that counts are named"), async () => {
    const { agent, send, results, store } = await bench({ retries: 1 });
    agent.job("job.echo", async (_, ctx) => {
      await ctx.putArtifact({ attempt: ctx.attempt }, { id: `try-${ctx.attempt}` });
      if (ctx.attempt === 1) throw new Error("once more");
      return ctx.putArtifact("two", { id: "two" });
    });
    await agent.start();
    await send();
    expect(results()).toMatchObject([{ artifactPtrs: ["redis://art:try-2", "redis://art:two"] }]);
    expect(new TextDecoder().decode(await store.get("art:try-2"))).toBe('{"attempt":2}');
  });

  it("an artifact that is too large, has no JSON form, or cannot be written, is the handler's to deal with", async () => {
    const { agent, send, output } = await bench({ maxResultBytes: 8 });
    agent.job("job.echo", async (_, ctx) => {
      const codes: string[] = [];
      for (const value of [new Uint8Array(9), 1n]) {
        await ctx.putArtifact(value).catch((error) => codes.push(error.code));
      }
      return codes.length;
    });
    await agent.start();
    await send();
    expect(await output()).toBe(2);
  });

  it(req("cap.agent.progress", "report progress: before the result, and not after it"), async () => {
    const { agent, send, progress, heard, clock } = await bench();
    let kept: AgentContext | undefined;
    agent.job("job.echo", (_, ctx) => {
      kept = ctx;
      ctx.progress({ percent: 50.9, message: "half", stepId: "s-1" });
      ctx.progress({ percent: 500 });
      ctx.progress({ percent: Number.NaN, message: "\ud800" });
      ctx.progress({ percent: -1 });
    });
    await agent.start();
    await send();
    kept!.progress({ percent: 99 });
    await clock.settle();
    expect(progress()).toMatchObject([
      { jobId: "j", percent: 50, message: "half", stepId: "s-1", status: JobStatus.RUNNING },
      { percent: 100 },
      { percent: 0, message: "\ufffd" },
      { percent: 0 },
    ]);
    const order = heard.map(({ subject }) => subject).filter((subject) => /progress|result/.test(subject));
    expect(order).toEqual([...Array(4).fill("sys.job.progress"), "sys.job.result"]);
  });

  it.each([
    [undefined, 1000, "HANDLER_FAILED"],
    ["JOB_NOT_FOUND", 204, "JOB_NOT_FOUND"],
    ["ERROR_CODE_SAFETY_POLICY_VIOLATION", 301, "SAFETY_POLICY_VIOLATION"],
    ["SAFETY_DENIED", 300, "DENIED"],
    ["202", 202, "PERMISSION_DENIED"],
    ["4711", 4711, "4711"],
    ["999", 1000, "999"],
    ["0", 1000, "0"],
    ["constructor", 1000, "constructor"],
    ["OUT_OF_STOCK", 1000, "OUT_OF_STOCK"],
  ])(req("cap.agent.fail", "fail with code %s"), async (code, errorCodeEnum, errorCode) => {
    const { agent, send, results } = await bench({ retries: 5 });
    agent.job("job.echo", (_, ctx) => ctx.fail("no such thing", { code }));
    await agent.start();
    await send();
    expect(results()).toMatchObject([
      { status: JobStatus.FAILED, errorMessage: "no such thing", errorCodeEnum, errorCode },
    ]);
    expect(agent.stats.runs).toBe(1);
  });

  it(req("cap.agent.granular", "say whether another try may help, where that was asked for"), async () => {
    const { agent, send, results } = await bench({ granularStatus: true });
    const input = jsonSchema<number>({ type: "number" });
    agent.job("job.echo", { input }, (n, ctx) => {
      if (n === 1) ctx.fail("for good");
      throw new Error("perhaps not next time");
    });
    await agent.start();
    await send({ jobId: "1" }, { input: 1 });
    await send({ jobId: "2" }, { input: 2 });
    await send({ jobId: "3" }, { input: "x" });
    await send({ jobId: "4", contextPtr: "redis://nowhere" });
    expect(results().map(({ status }) => status)).toEqual([
      JobStatus.FAILED_FATAL,
      JobStatus.FAILED_RETRYABLE,
      JobStatus.FAILED_FATAL,
      JobStatus.FAILED_FATAL,
    ]);
  });

  it("see its ids, its packet and its request, and log with them", async () => {
    const { agent, send, output, logged } = await bench();
    agent.job("job.echo", (_, ctx) => {
      ctx.log.info("at work");
      return [
        ctx.jobId,
        ctx.traceId,
        ctx.packet.senderId,
        ctx.request === ctx.job,
        ctx.job.topic,
        ctx.attempt,
      ];
    });
    await agent.start();
    await send({ jobId: "j-1" }, { traceId: "t-1" });
    expect(await output("j-1")).toEqual(["j-1", "t-1", "client", true, "job.echo", 1]);
    expect(logged.find((line) => line.startsWith("at work"))).toContain('"traceId":"t-1"');
  });

  it("texts on the wire are bounded", async () => {
    const { agent, send, results } = await bench();
    agent.job("job.echo", (_, ctx) => ctx.fail(`${"x".repeat(5_000)}\ud800`));
    await agent.start();
    await send();
    expect(results()[0]!.errorMessage).toHaveLength(1024);
  });
});

describe("middleware and metrics", () => {
  it(
    req("cap.agent.middleware", "the first one given is outermost, and one may answer by itself"),
    async () => {
      const seen: string[] = [];
      const note =
        (name: string): AgentMiddleware =>
        (next) =>
        async (call) => {
          seen.push(name);
          return next(call);
        };
      const { agent, send, output } = await bench({ middleware: [note("a")] });
      agent.use(note("b"), (next) => async (call) => (call.ctx.jobId === "2" ? "cached" : next(call)));
      agent.job("job.echo", () => seen.push("handler"));
      await agent.start();
      await send({ jobId: "1" });
      await send({ jobId: "2" });
      expect(seen).toEqual(["a", "b", "handler", "a", "b"]);
      expect(await output("2")).toBe("cached");
    },
  );

  it(req("cap.agent.metrics", "hear of everything, and hurt nothing when they throw"), async () => {
    const heard: unknown[][] = [];
    const hook =
      (name: string) =>
      (...given: unknown[]) => {
        heard.push([name, ...given]);
        throw new Error("metrics down");
      };
    const { agent, send } = await bench({
      metrics: {
        onJobReceived: hook("received"),
        onJobCompleted: hook("completed"),
        onJobFailed: hook("failed"),
        onHeartbeatSent: hook("heartbeat"),
      },
    });
    agent.job("job.echo", (_, ctx) => (ctx.jobId === "2" ? ctx.fail("no") : 1));
    await agent.start();
    await send({ jobId: "1" });
    await send({ jobId: "2" });
    expect(heard).toEqual([
      ["heartbeat", "w-1"],
      ["received", "1", "job.echo"],
      ["completed", "1", 0, "SUCCEEDED"],
      ["received", "2", "job.echo"],
      ["failed", "2", "no"],
    ]);
  });
});
