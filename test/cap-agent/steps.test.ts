import { describe, expect, it } from "vitest";
import { type JobResult, JobStatus } from "../../gen/cap/index.js";
import type { AgentOptions, BlobStore } from "../../src/cap/index.js";
import { PermissionDeniedError } from "../../src/cap/index.js";
import { jsonSchema } from "../../src/core/json-schema.js";
import { defineHandler } from "../../src/handler/index.js";
import { req } from "../requirements/index.ts";
import { bench, gate, text } from "./agent-bench.ts";

const numbers = jsonSchema<{ n: number }>({
  type: "object",
  properties: { n: { type: "number" } },
  required: ["n"],
});
const failed = (errorMessage: string) => ({ status: JobStatus.FAILED, errorMessage, resultPtr: "" });

/** An agent that serves job.echo, started. */
async function started(options: Partial<AgentOptions> = {}, handler: (input: unknown) => unknown = (x) => x) {
  const set = await bench(options);
  set.agent.job("job.echo", handler);
  await set.agent.start();
  return set;
}

describe("a job that succeeds", () => {
  it(
    req("cap.agent.result", "keeps its output and publishes where it is, by whom, how long and which trace"),
    async () => {
      const set = await bench();
      const done = gate();
      set.agent.job("job.echo", { input: numbers, output: numbers }, async ({ n }) => {
        await done.opened;
        return { n: n + 1 };
      });
      await set.agent.start();
      await set.send({ jobId: "j-1" }, { input: { n: 41 }, traceId: "t-1" });
      await set.clock.advance(25);
      done.open();
      await set.clock.settle();
      expect(await set.output("j-1")).toEqual({ n: 42 });
      const [packet] = set.resultPackets();
      expect(packet).toMatchObject({ traceId: "t-1", senderId: "w-1", protocolVersion: 1 });
      expect(set.results()).toMatchObject([
        {
          jobId: "j-1",
          workerId: "w-1",
          status: JobStatus.SUCCEEDED,
          resultPtr: "redis://res:j-1",
          executionMs: 25n,
          errorMessage: "",
          errorCode: "",
          errorCodeEnum: 0,
        },
      ]);
      expect(set.agent.stats).toMatchObject({ received: 1, succeeded: 1, failed: 0, runs: 1 });
    },
  );

  it.each([
    ["undefined", undefined, "null"],
    ["null", null, "null"],
    ["a text", "x", '"x"'],
    ["bytes", new Uint8Array([104, 105]), "hi"],
  ])(req("cap.agent.result", "%s as output"), async (_, output, kept) => {
    const { send, store, results } = await started({}, () => output);
    await send();
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(new TextDecoder().decode(await store.get("res:j"))).toBe(kept);
  });

  it(req("cap.agent.shared-handler", "what defineHandler made is served as it is"), async () => {
    const { agent, send, output } = await bench();
    const double = defineHandler({ input: numbers, output: numbers, run: ({ n }) => ({ n: n * 2 }) });
    agent.job("job.echo", { retries: 1 }, double);
    await agent.start();
    await send({}, { input: { n: 4 } });
    expect(await output()).toEqual({ n: 8 });
  });

  it("the handler gets what a schema lets through, transformed", async () => {
    const { agent, send, output } = await bench();
    const trimmed = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) => ({ value: String(value).trim() }),
      },
    };
    agent.job("job.echo", { input: trimmed }, (input: string) => input.length);
    await agent.start();
    await send({}, { input: "  hi " });
    expect(await output()).toBe(2);
  });
});

describe("the input", () => {
  it.each([
    ["", "empty pointer"],
    ["s3://bucket/x", "unsupported pointer scheme"],
    ["redis://", "missing pointer key"],
  ])(req("cap.agent.pointer", "pointer %j"), async (contextPtr, message) => {
    const { send, results } = await started();
    await send({ contextPtr });
    expect(results()).toMatchObject([{ ...failed(message), executionMs: 0n, errorCodeEnum: 203 }]);
  });

  it(req("cap.agent.context", "that is not there"), async () => {
    const { send, results } = await started();
    await send({ contextPtr: "redis://ctx:nowhere" });
    expect(results()).toMatchObject([
      { ...failed("context not found"), errorCodeEnum: 203, errorCode: "CONTEXT_NOT_FOUND" },
    ]);
  });

  it(req("cap.agent.context", "that is too large, and what just fits"), async () => {
    const { send, results } = await started({ maxContextBytes: 7 });
    await send({ jobId: "1" }, { input: 1234567 });
    await send({ jobId: "2" }, { input: 12345678 });
    expect(results()).toMatchObject([
      { status: JobStatus.SUCCEEDED },
      { ...failed("context exceeds max size"), errorCodeEnum: 201, errorCode: "RESOURCE_EXHAUSTED" },
    ]);
  });

  it(req("cap.agent.context", "that the store does not give in time"), async () => {
    const { send, results, clock } = await started({ store: store({ get: () => new Promise(() => {}) }) });
    await send({ contextPtr: "redis://ctx:j" });
    await clock.advance(4_999);
    expect(results()).toEqual([]);
    await clock.advance(1);
    expect(results()).toMatchObject([{ ...failed("context fetch timed out"), errorCodeEnum: 1002 }]);
  });

  it.each([
    ["not JSON", new TextEncoder().encode("{nope secret"), /^context decode failed: not JSON/],
    ["marked with a BOM", new Uint8Array([0xef, 0xbb, 0xbf, 0x31]), /^context decode failed: not JSON/],
    ["empty", new Uint8Array(), /^context decode failed: not JSON/],
    ["not UTF-8", new Uint8Array([0xff, 0xfe]), /^context decode failed: not UTF-8$/],
  ])(req("cap.agent.decode", "that is %s"), async (_, bytes, message) => {
    const set = await started();
    await set.store.set("raw", bytes);
    await set.send({ contextPtr: "redis://raw" });
    expect(set.results()).toMatchObject([
      { status: JobStatus.FAILED, errorMessage: expect.stringMatching(message), errorCodeEnum: 203 },
    ]);
    expect(set.results()[0]!.errorMessage).not.toContain("secret");
  });

  it(req("cap.agent.input", "that does not match its schema is not tried again"), async () => {
    let runs = 0;
    const { agent, send, results } = await bench({ retries: 3 });
    agent.job("job.echo", { input: numbers }, () => ++runs);
    await agent.start();
    await send({}, { input: { n: "secret" } });
    const message = expect.stringMatching(/^input validation failed: .*\/n must be number/);
    expect(results()).toMatchObject([
      { status: JobStatus.FAILED, errorMessage: message, errorCodeEnum: 203, errorCode: "INVALID_INPUT" },
    ]);
    expect(runs).toBe(0);
  });

  it(req("cap.agent.input", "whose schema throws"), async () => {
    const { agent, send, results } = await bench();
    const broken = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: () => {
          throw new Error("secret");
        },
      },
    };
    agent.job("job.echo", { input: broken }, () => 1);
    await agent.start();
    await send();
    expect(results()).toMatchObject([failed("input validation failed: the schema failed")]);
  });
});

describe("the handler", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;

  it.each<[string, () => unknown]>([
    ["throws an Error", () => Promise.reject(new Error("secret detail"))],
    ["throws a text", () => Promise.reject("secret detail")],
    ["throws nothing at all", () => Promise.reject(undefined)],
    [
      "throws before it has made a promise",
      () => {
        throw new TypeError("secret detail");
      },
    ],
  ])(req("cap.agent.handler-failed", "that %s"), async (_, handler) => {
    const { send, results, logged } = await started({}, handler);
    await send();
    expect(results()).toMatchObject([
      { ...failed("handler failed"), errorCodeEnum: 1000, errorCode: "HANDLER_FAILED" },
    ]);
    const [{ errorMessage, errorCode }] = results() as [JobResult];
    expect(`${errorMessage} ${errorCode}`).not.toContain("secret detail");
    // The log is this side's own.
    expect(logged.filter((line) => line.startsWith("handler failed"))).toHaveLength(1);
  });

  it(req("cap.agent.handler-failed", "shows its error only where that was asked for"), async () => {
    const { send, results } = await started({ exposeErrors: true }, () =>
      Promise.reject(new Error("disk full")),
    );
    await send();
    expect(results()).toMatchObject([failed("disk full")]);
  });

  it(req("cap.agent.handler-failed", "whose output does not fit"), async () => {
    const { agent, send, results } = await bench({ retries: 1 });
    let runs = 0;
    agent.job("job.echo", { output: numbers }, () => ({ n: ++runs, m: 1 }) as never);
    agent.job("job.bad", { output: numbers }, () => ({ n: `${++runs}` }) as never);
    await agent.start();
    await send({ jobId: "1" });
    await send({ jobId: "2", topic: "job.bad" });
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }, failed("handler failed")]);
    expect(runs).toBe(3);
  });

  it(
    req("cap.agent.codes", "that throws an error with a registered code tells the code, not the text"),
    async () => {
      const { send, results } = await started({}, () => Promise.reject(new PermissionDeniedError("secret")));
      await send();
      expect(results()).toMatchObject([
        { ...failed("handler failed"), errorCodeEnum: 202, errorCode: "PERMISSION_DENIED" },
      ]);
    },
  );

  it.each<[string, unknown]>([
    ["a cycle", cycle],
    ["a BigInt", { n: 1n }],
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    [
      "a toJSON that throws",
      {
        toJSON() {
          throw new Error("secret");
        },
      },
    ],
  ])(req("cap.agent.result-write", "that returns %s"), async (_, output) => {
    const { send, results } = await started({}, () => output);
    await send();
    expect(results()).toMatchObject([
      {
        ...failed("result write failed: output is not JSON serializable"),
        errorCodeEnum: 1003,
        errorCode: "RESULT_WRITE_FAILED",
      },
    ]);
  });

  it(req("cap.agent.result-write", "that returns too much"), async () => {
    const { send, results, store: kept } = await started({ maxResultBytes: 5 }, (input) => input);
    await send({ jobId: "1" }, { input: "abc" });
    await send({ jobId: "2" }, { input: "abcd" });
    expect(results()).toMatchObject([
      { status: JobStatus.SUCCEEDED },
      { ...failed("result write failed: result exceeds max size"), errorCodeEnum: 201 },
    ]);
    expect(await kept.get("res:2")).toBeUndefined();
  });
});

/** A store that holds `1` under every key and takes everything, but for what is given. */
function store(given: Partial<BlobStore>): BlobStore {
  return { get: async () => text(1), set: async () => {}, close: async () => {}, ...given };
}

describe("a store", () => {
  const down = () => Promise.reject(new Error("redis://:secret@host is down"));
  it.each<[string, Partial<BlobStore>, string]>([
    ["that is down for reads", { get: down }, "context fetch failed"],
    ["that is down for writes", { set: down }, "result write failed: the store failed"],
    ["that gives junk", { get: async () => "junk" as never }, "context fetch failed"],
    ["that gives null", { get: async () => null as never }, "context not found"],
    [
      "that throws at once",
      {
        get: () => {
          throw new Error("secret");
        },
      },
      "context fetch failed",
    ],
  ])(req("cap.agent.faults", "%s"), async (_, given, message) => {
    const { send, results, agent } = await started({ store: store(given) });
    await send({ jobId: "1", contextPtr: "redis://x" });
    await send({ jobId: "2", contextPtr: "redis://x" });
    expect(results()).toMatchObject([failed(message), failed(message)]);
    expect(agent.inFlight).toBe(0);
  });

  it(req("cap.agent.result-write", "that is too slow for the result"), async () => {
    const { send, results, clock } = await started({ store: store({ set: () => new Promise(() => {}) }) });
    await send({ contextPtr: "redis://x" });
    await clock.advance(5_000);
    expect(results()).toMatchObject([failed("result write failed: result write timed out")]);
  });

  it("may take as long as it likes where no limit is wanted", async () => {
    const { send, results, clock } = await started({
      ioTimeoutMs: 0,
      store: store({ get: () => new Promise(() => {}) }),
    });
    await send({ contextPtr: "redis://x" });
    await clock.advance(1_000_000);
    expect(results()).toEqual([]);
  });
});

describe("attempts", () => {
  it(req("cap.agent.retries", "follow at once, each with its middleware and a log line"), async () => {
    const seen: string[] = [];
    const { agent, send, results, logged } = await bench({ retries: 2 });
    agent.use((next) => (call) => {
      seen.push(`middleware ${call.ctx.attempt}`);
      return next(call);
    });
    agent.job("job.echo", (_, ctx) => {
      seen.push(`handler ${ctx.attempt}`);
      if (ctx.attempt < 3) throw new RangeError("no");
      return "done";
    });
    await agent.start();
    await send();
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(seen).toEqual([
      "middleware 1",
      "handler 1",
      "middleware 2",
      "handler 2",
      "middleware 3",
      "handler 3",
    ]);
    const lines = logged.filter((line) => line.startsWith("handler failed"));
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[1]!.slice("handler failed ".length))).toMatchObject({
      jobId: "j",
      traceId: "trace",
      topic: "job.echo",
      senderId: "client",
      attempt: 2,
      maxAttempts: 3,
      exceptionType: "RangeError",
      error: { message: "no", stack: expect.stringContaining("steps.test.ts") },
    });
    expect(agent.stats.runs).toBe(3);
  });

  it("a topic's own retries win, and fields of log lines are short and on one line", async () => {
    const { agent, send, logged, results } = await bench({ retries: 5 });
    agent.job("job.echo", { retries: 0 }, () => Promise.reject(new Error("x")));
    await agent.start();
    await send({ jobId: `a\r\nb${"c".repeat(500)}` });
    expect(results()).toMatchObject([failed("handler failed")]);
    const line = logged.find((text) => text.startsWith("handler failed"))!;
    const { jobId } = JSON.parse(line.slice("handler failed ".length));
    expect(jobId).toMatch(/^a\\r\\nbc{200,}$/);
    expect(jobId.length).toBeLessThanOrEqual(258);
  });

  it(req("cap.agent.retries", "wait where a backoff is set"), async () => {
    const { agent, send, results, clock } = await bench({
      retries: 2,
      backoffMs: (attempt) => attempt * 100,
    });
    agent.job("job.echo", () => Promise.reject(new Error("x")));
    await agent.start();
    await send();
    expect(agent.stats.runs).toBe(1);
    await clock.advance(99);
    expect(agent.stats.runs).toBe(1);
    await clock.advance(1);
    expect(agent.stats.runs).toBe(2);
    await clock.advance(200);
    expect(agent.stats.runs).toBe(3);
    expect(results()).toMatchObject([{ ...failed("handler failed"), executionMs: 300n }]);
  });
});
