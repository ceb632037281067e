import { describe, expect, it } from "vitest";
import {
  ErrorCode,
  JobPriority,
  type JobRequest,
  JobStatus,
  SUBJECT_CANCEL,
  SUBJECT_DLQ,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import { valueBytes } from "../../src/cap/blob-store.js";
import {
  DuplicateJobError,
  getJson,
  InvalidInputError,
  JobCancelledError,
  JobFailedError,
  type JobHandler,
  JobNotFoundError,
  type JobSubmission,
  JobTimeoutError,
  MaxRetriesExceededError,
  NoPoolError,
  ResourceExhaustedError,
  resultKey,
  SafetyDeniedError,
  WorkerUnavailableError,
} from "../../src/cap/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { AbortError, ClosedError, ValidationError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { failure, hang, setUp, turn } from "./stack.ts";

/** Answers with what it was given. */
const echo =
  (seen: JobRequest[] = []): JobHandler =>
  async (request) => {
    seen.push(request);
    return { resultPtr: request.contextPtr };
  };

describe("input and output", () => {
  it(req("cap.client.input", "kept before the request goes out, and found again as the output"), async () => {
    const seen: JobRequest[] = [];
    const { client, store } = await setUp(async (request) => {
      seen.push(request);
      expect(await getJson(store, request.contextPtr)).toEqual({ text: "é", n: 1 });
      return { resultPtr: request.contextPtr };
    });
    const { output, status } = await client.submitAndWait({
      jobId: "j",
      topic: "job.x",
      input: { text: "é", n: 1 },
    });
    expect(status).toBe(JobStatus.SUCCEEDED);
    expect(output).toEqual({ text: "é", n: 1 });
    expect(seen[0]!.contextPtr).toBe("redis://ctx:j");
    const { jobId } = await client.submit({ topic: "job.x", input: null });
    expect(await store.get(`ctx:${jobId}`)).toEqual(valueBytes(null));
  });

  it(req("cap.client.output", "typed by a schema, as bytes, or left unread"), async () => {
    const { client } = await setUp(echo());
    const run = (input: unknown, options = {}) => client.submitAndWait({ topic: "job.x", input }, options);
    const schema = {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
    } as const;
    expect((await run({ n: 1 }, { output: schema })).output).toEqual({ n: 1 });
    const misfit = await failure(run({ n: "1" }, { output: schema }));
    expect(misfit).toBeInstanceOf(ValidationError);
    expect(misfit?.message).toContain("the output does not match its schema");
    const standard = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value: unknown) => ({ value: Number((value as { n: string }).n) }),
      },
    } as const;
    const typed = await client.submitAndWait({ topic: "job.x", input: { n: "7" } }, { output: standard });
    const doubled: number = typed.output * 2;
    expect(doubled).toBe(14);
    const binary = Uint8Array.of(0, 255, 128);
    expect((await run(binary, { read: "bytes" })).output).toEqual(binary);
    expect((await failure(run(binary)))?.code).toBe("NOT_JSON");
    expect((await run({ n: 1 }, { read: "none" })).output).toBeUndefined();
  });

  it("a result without a pointer, with one that leads nowhere, and with one that is none", async () => {
    const pointers = ["", "redis://res:nowhere", "redis://res:nowhere", "s3://bucket"];
    const { client, store } = await setUp(() => ({ resultPtr: pointers.shift()! }));
    const run = (options = {}) => client.submitAndWait({ topic: "job.x" }, options);
    expect((await run()).output).toBeUndefined();
    // The job succeeded, so its result is not lost with its output.
    expect(await run()).toMatchObject({
      status: JobStatus.SUCCEEDED,
      resultPtr: "redis://res:nowhere",
      output: undefined,
    });
    const missing = await failure(run({ output: { type: "number" } }));
    expect(missing).toBeInstanceOf(JobNotFoundError);
    expect(missing).toMatchObject({ details: { result: { status: JobStatus.SUCCEEDED } } });
    expect(await failure(run())).toBeInstanceOf(InvalidInputError);
    expect(await store.get(resultKey("nowhere"))).toBeUndefined();
  });

  it("what makes no sense is refused before anything is sent", async () => {
    const { client, memory, bus } = await setUp(echo());
    const sent: unknown[] = [];
    await memory.connect().subscribe(SUBJECT_SUBMIT, (message) => sent.push(message));
    const refused = async (submission: JobSubmission) => failure(client.submit(submission));
    expect(await refused({ topic: "job.x", input: 1, contextPtr: "redis://a" })).toBeInstanceOf(
      ValidationError,
    );
    expect((await refused({ topic: "job.x", input: 1n }))?.code).toBe("NOT_SERIALIZABLE");
    expect(await refused({ topic: "job.x", input: "x".repeat(2 ** 21) })).toBeInstanceOf(
      ResourceExhaustedError,
    );
    for (const deadlineMs of [0, -1, Number.NaN, Infinity]) {
      expect(await refused({ topic: "job.x", deadlineMs })).toBeInstanceOf(ValidationError);
    }
    expect(await refused({ topic: "" })).toBeInstanceOf(InvalidInputError);
    const { client: storeless } = await setUp(echo(), { store: undefined });
    expect((await failure(storeless.submit({ topic: "job.x", input: 1 })))?.code).toBe("NO_STORE");
    await bus.flush();
    await turn();
    expect(sent).toEqual([]);
  });

  it("a store that is down fails the submission, and one that hangs does not hold up the signal", async () => {
    const store = {
      get: async () => undefined,
      set: () => new Promise<void>(() => {}),
      close: async () => {},
    };
    const { client, clock } = await setUp(echo(), { store });
    const controller = new AbortController();
    const waiting = failure(
      client.submitAndWait({ topic: "job.x", input: 1 }, { signal: controller.signal }),
    );
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    expect(client.waiting).toBe(0);
    const slow = failure(client.submit({ topic: "job.x", input: 1 }));
    await clock.advance(5_000);
    expect((await slow)?.code).toBe("TIMEOUT");
    store.set = () => Promise.reject(new Error("down"));
    expect((await failure(client.start({ topic: "job.x", input: 1 })))?.message).toBe("down");
    expect(client.waiting).toBe(0);
  });

  it(req("cap.client.deadline", "in the budget, beside what is there already"), async () => {
    const seen: JobRequest[] = [];
    const { client } = await setUp(echo(seen));
    await client.submitAndWait({ topic: "job.x", deadlineMs: 1500.2, budget: { maxInputTokens: 7n } });
    expect(seen[0]!.budget).toMatchObject({ deadlineMs: 1501n, maxInputTokens: 7n });
  });

  it("waits longer than usual for a job with a long deadline", async () => {
    const { client, clock } = await setUp(hang);
    const waiting = failure(client.submitAndWait({ topic: "job.other", deadlineMs: 100_000 }));
    await turn();
    await clock.advance(104_000);
    expect(client.waiting).toBe(1);
    await clock.advance(1_000);
    expect(await waiting).toBeInstanceOf(JobTimeoutError);
  });
});

describe("reasons", () => {
  it.each([
    ["safety_denied", JobStatus.DENIED, 0, SafetyDeniedError, "denied"],
    ["no_pool_mapping", JobStatus.FAILED, ErrorCode.JOB_WORKER_UNAVAILABLE, NoPoolError, "no_pool"],
    ["no_pool_mapping", JobStatus.FAILED, 0, NoPoolError, "no_pool"],
    ["dispatch_failed", JobStatus.FAILED, 0, WorkerUnavailableError, "dispatch_failed"],
    ["max_retries_exceeded", JobStatus.FAILED, 0, MaxRetriesExceededError, "max_retries"],
    ["", JobStatus.TIMEOUT, 0, JobTimeoutError, "timeout"],
    ["", JobStatus.FAILED, ErrorCode.JOB_TIMEOUT, JobTimeoutError, "timeout"],
    ["", JobStatus.CANCELLED, 0, JobCancelledError, "cancelled"],
    ["no_pool_mapping", JobStatus.FAILED, ErrorCode.SAFETY_DENIED, SafetyDeniedError, "no_pool"],
    ["", JobStatus.FAILED_RETRYABLE, 1000, JobFailedError, "failed_retryable"],
    ["constructor", JobStatus.FAILED_FATAL, 1000, JobFailedError, "failed_fatal"],
    ["", JobStatus.FAILED, 1000, JobFailedError, "failed"],
  ])(
    req("cap.client.reason", "%s, status %s, code %s"),
    async (errorCode, status, errorCodeEnum, type, reason) => {
      const { client, memory } = await setUp(hang);
      const waiting = failure(client.submitAndWait({ jobId: "j", topic: "job.x" }));
      await turn();
      const value = { jobId: "j", status, errorCode, errorCodeEnum };
      const packet = createPacket({ case: "jobResult", value }, { senderId: "cordum-scheduler" });
      memory.connect().publish(SUBJECT_DLQ, encodePacket(packet));
      const error = await waiting;
      expect(error).toBeInstanceOf(type);
      expect(error?.details.reason).toBe(reason);
      expect(error?.details.result).toMatchObject({ jobId: "j", status });
    },
  );

  it("NoPoolError is a WorkerUnavailableError that trying again does not mend", () => {
    expect(new NoPoolError("x")).toBeInstanceOf(WorkerUnavailableError);
    expect(new NoPoolError("x").retryable).toBe(false);
    expect(new MaxRetriesExceededError("x")).toBeInstanceOf(JobFailedError);
  });
});

describe("a handle", () => {
  it(req("cap.client.progress", "tells of progress, ends with the job, and has its result"), async () => {
    const running: (() => void)[] = [];
    const { client, report } = await setUp(async ({ contextPtr }) => {
      await new Promise<void>((resolve) => running.push(resolve));
      return { resultPtr: contextPtr };
    });
    const job = await client.start<{ n: number }>({ topic: "job.x", input: { n: 1 } }, { traceId: "t" });
    expect(job.traceId).toBe("t");
    expect(job.stored).toBeUndefined();
    const others = client.progress(job.jobId);
    const first = others.next();
    await turn();
    for (const percent of [10, 50]) await report(job.jobId, percent);
    await report("another job", 99);
    expect((await first).value?.percent).toBe(10);
    await turn();
    running[0]!();
    const percents: number[] = [];
    for await (const { percent } of job.progress()) percents.push(percent);
    expect(percents).toEqual([10, 50]);
    expect((await others.next()).value?.percent).toBe(50);
    expect((await others.next()).done).toBe(true);
    expect((await job.result).output.n).toBe(1);
  });

  it("need not be awaited, can be cancelled, and ends its progress when the wait ends", async () => {
    const { client, memory, clock } = await setUp(hang);
    const cancels: string[] = [];
    const watcher = new Party({ bus: memory.connect(), senderId: "w" });
    await watcher.receive(SUBJECT_CANCEL, {
      onPacket: ({ payload }) => payload.case === "jobCancel" && cancels.push(payload.value.reason),
    });
    const job = await client.start({ topic: "job.x" }, { timeoutMs: 100 });
    await job.cancel("enough");
    await turn();
    expect(cancels).toEqual(["enough"]);
    const reading = job.progress().next();
    await clock.advance(100);
    expect((await reading).done).toBe(true);
    expect(await failure(job.result)).toBeInstanceOf(JobTimeoutError);
  });

  it("start refuses a job id that is waited for, and everything after close", async () => {
    const { client } = await setUp(hang);
    const job = await client.start({ jobId: "j", topic: "job.x" });
    expect(await failure(client.start({ jobId: "j", topic: "job.x" }))).toBeInstanceOf(DuplicateJobError);
    const reader = client.progress("j");
    const reading = reader.next();
    await turn();
    await client.close();
    expect((await reading).done).toBe(true);
    expect(await failure(job.result)).toBeInstanceOf(ClosedError);
    expect(await failure(client.start({ topic: "job.x" }))).toBeInstanceOf(ClosedError);
    expect(await failure(client.progress("j").next())).toBeInstanceOf(ClosedError);
  });

  it("a signal ends the reading of progress without an error", async () => {
    const { client } = await setUp(echo());
    const controller = new AbortController();
    const reading = client.progress("j", { signal: controller.signal }).next();
    await turn();
    controller.abort();
    expect((await reading).done).toBe(true);
  });
});

describe("submitMany", () => {
  it(req("cap.client.batch", "bounded, in order, an item for each"), async () => {
    let active = 0;
    let most = 0;
    const { client } = await setUp(
      async ({ contextPtr, labels }) => {
        most = Math.max(most, ++active);
        await turn();
        active--;
        if (labels.fail) throw new Error("no");
        return { resultPtr: contextPtr };
      },
      {},
      100,
    );
    const requests = Array.from({ length: 40 }, (_, n) => ({
      topic: "job.x",
      input: { n },
      ...(n % 7 === 3 ? { labels: { fail: "1" } } : {}),
    }));
    const ended: number[] = [];
    const items = await client.submitMany<{ n: number }>(requests, {
      concurrency: 5,
      onItem: ({ index }) => ended.push(index),
    });
    expect(most).toBeLessThanOrEqual(5);
    expect(most).toBeGreaterThan(1);
    expect(ended.sort((a, b) => a - b)).toEqual(requests.map((_, n) => n));
    for (const [n, item] of items.entries()) {
      expect(item.index).toBe(n);
      expect(item.jobId).toMatch(/^job-/);
      if (item.status === "fulfilled") expect(item.value.output.n).toBe(n);
      else expect(item.reason).toBeInstanceOf(JobFailedError);
      expect(item.status === "rejected").toBe(n % 7 === 3);
    }
  });

  it("takes from an endless source only what there is room for, until the signal fires", async () => {
    const { client } = await setUp(hang, {}, 100);
    const controller = new AbortController();
    let taken = 0;
    let left = false;
    async function* source() {
      try {
        for (;;) {
          taken++;
          yield { topic: "job.x" };
        }
      } finally {
        left = true;
      }
    }
    const batch = client.submitMany(source(), { concurrency: 3, signal: controller.signal });
    while (client.waiting < 3) await turn();
    await turn();
    expect(taken).toBe(3);
    controller.abort();
    const items = await batch;
    expect(items.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(left).toBe(true);
    const rest = await client.submitMany([{ topic: "job.x" }, { topic: "job.x" }], {
      signal: controller.signal,
    });
    expect(rest.map((item) => item.status === "rejected" && item.reason.name)).toEqual([
      "AbortError",
      "AbortError",
    ]);
  });

  it("rejects with what the source or the hook throws, after the jobs under way have ended", async () => {
    const { client } = await setUp(echo(), {}, 10);
    async function* broken() {
      yield { topic: "job.x" };
      throw new Error("no more");
    }
    expect((await failure(client.submitMany(broken())))?.message).toBe("no more");
    const onItem = () => {
      throw new Error("hook");
    };
    expect((await failure(client.submitMany([{ topic: "job.x" }], { onItem })))?.message).toBe("hook");
    expect(await failure(client.submitMany([], { concurrency: 0 }))).toBeInstanceOf(ValidationError);
    expect(await client.submitMany([])).toEqual([]);
    expect(client.waiting).toBe(0);
  });
});

it("a request may be a whole message, and keeps all it says", async () => {
  const seen: JobRequest[] = [];
  const { client } = await setUp(echo(seen));
  await client.submitAndWait({ topic: "job.x", priority: JobPriority.BATCH, memoryId: "m", input: 1 });
  await client.submitAndWait({ ...seen[0]!, jobId: "again" });
  expect({ ...seen[1]!, jobId: "" }).toEqual({ ...seen[0]!, jobId: "" });
});
