import { describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { AgentContext, AgentMiddleware, AgentOptions, JobRequestInit } from "../../src/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { AbortedError, TimeoutError } from "../../src/core/errors.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";

const CANCELLED = { status: JobStatus.CANCELLED, errorCode: "CANCELLED", errorCodeEnum: 1001 };
const TIMEOUT = { status: JobStatus.TIMEOUT, errorCode: "TIMEOUT", errorCodeEnum: 200 };

/** An agent whose handlers wait until the test lets them go on, or their signal fires. */
async function waiting(options: Partial<AgentOptions> = {}) {
  const set = await bench(options);
  const begun: AgentContext[] = [];
  const ends = new Map<string, ReturnType<typeof gate<unknown>>>();
  set.agent.job("job.echo", (_, ctx: AgentContext) => {
    begun.push(ctx);
    const end = gate<unknown>();
    ends.set(ctx.jobId, end);
    ctx.signal.addEventListener("abort", () => end.fail(ctx.signal.reason));
    return end.opened;
  });
  await set.agent.start();
  const end = async (jobId: string, output: unknown = 1) => {
    ends.get(jobId)!.open(output);
    await set.clock.settle();
  };
  return { ...set, begun, end };
}

describe("places", () => {
  it(
    req("cap.agent.parallel", "maxParallel handlers run, the others wait in the order they came"),
    async () => {
      const { agent, send, begun, end, results } = await waiting({ maxParallel: 2 });
      for (const jobId of ["1", "2", "3", "4"]) await send({ jobId });
      expect(begun.map(({ jobId }) => jobId)).toEqual(["1", "2"]);
      expect([agent.activeJobs, agent.jobsInHand]).toEqual([2, 4]);
      await end("2");
      await end("1");
      expect(begun.map(({ jobId }) => jobId)).toEqual(["1", "2", "3", "4"]);
      await end("3");
      await end("4");
      expect(results().map(({ jobId }) => jobId)).toEqual(["2", "1", "3", "4"]);
      expect([agent.activeJobs, agent.jobsInHand]).toEqual([0, 0]);
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
    expect(agent.counts).toMatchObject({ received: 4, succeeded: 2, repeated: 2, runs: 2 });
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
      expect(begun[0]!.signal.reason).toBeInstanceOf(AbortedError);
      expect(results()).toMatchObject([{ ...CANCELLED, jobId: "j", errorMessage: "not needed" }]);
      expect(agent.jobsInHand).toBe(0);
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
      expect(logged.some((line) => line.startsWith("a handler that was cut short goes on"))).toBe(true);
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
    expect(agent.counts.runs).toBe(attempts);
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
      expect(agent.counts.runs).toBe(0);
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
    expect(agent.counts.runs).toBe(1);
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
      agent.use(note("b"), (next) => async (call) => (call.context.jobId === "2" ? "cached" : next(call)));
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

describe("closing", () => {
  it(
    req("cap.agent.close", "lets jobs in hand end, those that wait as well, and takes nothing new"),
    async () => {
      const { agent, send, end, results, heartbeats, clock } = await waiting();
      await send({ jobId: "1" });
      await send({ jobId: "2" });
      const closing = agent.close();
      await clock.settle();
      await send({ jobId: "3" });
      const beats = heartbeats().length;
      await clock.advance(20_000);
      expect([agent.state, heartbeats().length]).toEqual(["closing", beats]);
      await end("1", "one");
      await end("2", "two");
      await closing;
      expect(results().map(({ jobId, status }) => [jobId, status])).toEqual([
        ["1", JobStatus.SUCCEEDED],
        ["2", JobStatus.SUCCEEDED],
      ]);
      expect([agent.state, clock.pending]).toEqual(["closed", 0]);
    },
  );

  it(req("cap.agent.close", "cancels still reach the jobs that it waits for"), async () => {
    const { agent, send, cancel, results, clock } = await waiting();
    await send();
    const closing = agent.close();
    await clock.settle();
    await cancel("j");
    await closing;
    expect(results()).toMatchObject([CANCELLED]);
  });

  it(req("cap.agent.close", "aborts what does not end in time, and answers what never began"), async () => {
    const { agent, send, results, clock, begun } = await waiting({ shutdownTimeoutMs: 3_000 });
    await send({ jobId: "1" });
    await send({ jobId: "2" });
    const closing = agent.close();
    await clock.advance(2_999);
    expect(results()).toEqual([]);
    await clock.advance(1);
    await closing;
    const unavailable = { status: JobStatus.FAILED, errorCodeEnum: 206, errorCode: "WORKER_UNAVAILABLE" };
    expect(results().sort((a, b) => (a.jobId < b.jobId ? -1 : 1))).toMatchObject([
      { ...unavailable, jobId: "1", errorMessage: "worker closed before the job ended" },
      { ...unavailable, jobId: "2", errorMessage: "worker closed before the job ran" },
    ]);
    expect([begun.length, clock.pending]).toEqual([1, 0]);
  });

  it(req("cap.agent.close", "waits for jobs whose places are held by handlers that go on"), async () => {
    const { agent, send, cancel, results, clock } = await bench();
    agent.job("job.echo", (_, { jobId }) => (jobId === "1" ? new Promise(() => {}) : 1));
    await agent.start();
    await send({ jobId: "1" });
    await send({ jobId: "2" });
    await cancel("1");
    await clock.until(agent.close());
    expect(results()).toMatchObject([CANCELLED, { jobId: "2", status: JobStatus.SUCCEEDED }]);
    expect([clock.monotonic(), clock.pending]).toEqual([5_000, 0]);
  });

  it(req("cap.agent.close", "goes on when a stage fails or takes too long"), async () => {
    const memory = new MemoryBus();
    const order: string[] = [];
    const { agent, clock, logged } = await bench({
      shutdownTimeoutMs: 1_000,
      bus: () => Object.assign(memory.connect(), { drain: () => new Promise<void>(() => order.push("bus")) }),
      store: () => ({
        get: async () => undefined,
        set: async () => {},
        close: async () => {
          order.push("store");
          throw new Error("store down");
        },
      }),
    });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.until(agent.close());
    expect(order).toEqual(["bus", "store"]);
    expect(agent.state).toBe("closed");
    expect(logged.filter((line) => line.startsWith("a stage of closing failed"))).toHaveLength(2);
  });
});
