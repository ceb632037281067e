import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import type { BusPacket, JobResult } from "../../gen/cap/index.js";
import {
  BusPacketSchema,
  ErrorCode,
  JobStatus,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import type { Bus, JobRequestInit, WorkerOptions } from "../../src/cap/index.js";
import {
  createPacket,
  encodePacket,
  generateKeyPair,
  MemoryBus,
  Party,
  runWorker,
  sealPacket,
  submitJob,
  toSigningKey,
} from "../../src/cap/index.js";
import { ValidationError } from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { req } from "../requirements/index.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const clientKeys = generateKeyPair();
const workerKeys = generateKeyPair();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A bus with a worker on it, and all results that are published there. */
async function setUp(options: Partial<WorkerOptions> = {}) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const results: { packet: BusPacket; result: JobResult }[] = [];
  const watcher = new Party({ bus, senderId: "watcher" });
  await watcher.receive(SUBJECT_RESULT, {
    onPacket: (packet) => results.push({ packet, result: packet.payload.value as JobResult }),
  });
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const worker = await runWorker({
    bus: memory.connect(),
    subject: "job.echo",
    handler: async (request) => ({ resultPtr: `redis://res:${request.jobId}` }),
    logger,
    ...options,
  });
  cleanups.push(() => worker.close());
  const dispatch = async (request: JobRequestInit, extra: { traceId?: string } = {}) => {
    const packet = createPacket(
      { case: "jobRequest", value: { topic: "job.echo", ...request } },
      { senderId: "s", ...extra },
    );
    await bus.publish("job.echo", encodePacket(packet));
  };
  /** Waits until so many results are there; bounded by the test's own timeout. */
  const settled = async (count: number) => {
    while (results.length < count) await turn();
    await turn();
    return results;
  };
  return { memory, bus, worker, results, logged, dispatch, settled };
}

describe("runWorker", () => {
  it(req("cap.worker.result", "publishes the result with the trace, the job and its own id"), async () => {
    const { dispatch, settled } = await setUp({ senderId: "worker-1" });
    await dispatch({ jobId: "j-1" }, { traceId: "t-1" });
    const { packet, result } = (await settled(1))[0]!;
    expect(packet.traceId).toBe("t-1");
    expect(packet.senderId).toBe("worker-1");
    expect(result).toMatchObject({
      jobId: "j-1",
      workerId: "worker-1",
      status: JobStatus.SUCCEEDED,
      resultPtr: "redis://res:j-1",
    });
  });

  it(
    req("cap.worker.id", "the README's worker, which names itself otherwise than its sender, loses no job"),
    async () => {
      const { dispatch, settled, logged } = await setUp({
        handler: (request) => ({
          jobId: request.jobId,
          status: JobStatus.SUCCEEDED,
          resultPtr: `redis://res/${request.jobId}`,
          workerId: "worker-echo-1",
        }),
      });
      await dispatch({ jobId: "job-echo-1", contextPtr: "redis://ctx/job-echo-1" });
      const { result } = (await settled(1))[0]!;
      expect(result).toMatchObject({
        workerId: "cap-worker",
        status: JobStatus.SUCCEEDED,
        resultPtr: "redis://res/job-echo-1",
      });
      expect(logged.join()).toContain("replaced by the sender's");
    },
  );

  it(req("cap.worker.queue", "two workers on one subject share the jobs"), async () => {
    const { memory, dispatch, settled, worker } = await setUp();
    const second = await runWorker({
      bus: memory.connect(),
      subject: "job.echo",
      handler: () => ({}),
      senderId: "second",
    });
    cleanups.push(() => second.close());
    for (let i = 0; i < 6; i++) await dispatch({ jobId: `j-${i}` });
    await settled(6);
    expect([worker.counts.completed, second.counts.completed]).toEqual([3, 3]);
  });

  it.each([
    ["throws an Error", () => Promise.reject(new Error("secret detail")), "handler failed"],
    ["throws something else", () => Promise.reject(undefined), "handler failed"],
    [
      "throws before it has made a promise",
      () => {
        throw new Error("x");
      },
      "handler failed",
    ],
    ["returns null", () => null, "handler returned null"],
    ["returns nothing", () => undefined, "handler returned null"],
  ])(req("cap.worker.failed", "a handler that %s"), async (_, handler, message) => {
    const { dispatch, settled, worker, logged } = await setUp({ handler });
    await dispatch({ jobId: "j-1" });
    const { result } = (await settled(1))[0]!;
    expect(result).toMatchObject({
      status: JobStatus.FAILED,
      errorMessage: message,
      errorCode: "HANDLER_FAILED",
      errorCodeEnum: 1000,
    });
    expect(worker.counts.failed).toBe(1);
    expect(logged.join()).not.toContain("secret detail");
  });

  it("puts the text of an error on the wire only when told to", async () => {
    const handler = () => Promise.reject(new Error("disk full"));
    const { dispatch, settled } = await setUp({ handler, exposeErrors: true });
    await dispatch({ jobId: "j-1" });
    expect((await settled(1))[0]!.result.errorMessage).toBe("disk full");
  });

  it.each([
    ["a number where a bigint belongs out of range", { executionMs: 2n ** 70n }],
    ["a negative time", { executionMs: -1n }],
    ["no status", { status: JobStatus.UNSPECIFIED }],
    ["half a character", { errorMessage: "\ud800" }],
    ["more than the bus takes", { errorMessage: "x".repeat(2 * 1024 * 1024) }],
  ])(req("cap.worker.unsendable", "a result with %s becomes FAILED"), async (_, given) => {
    const { dispatch, settled, worker } = await setUp({ handler: () => given });
    await dispatch({ jobId: "j-1" });
    const { result } = (await settled(1))[0]!;
    expect(result).toMatchObject({
      jobId: "j-1",
      status: JobStatus.FAILED,
      errorMessage: "result cannot be sent",
    });
    expect(worker.counts).toMatchObject({ completed: 0, failed: 1, unpublished: 0 });
  });

  it(req("cap.worker.denied", "DENIED is sent as FAILED, and a reply subject is left alone"), async () => {
    const { bus, settled } = await setUp({
      handler: () => ({ status: JobStatus.DENIED, errorMessage: "no" }),
    });
    let answered = 0;
    await bus.subscribe("inbox.1", () => answered++);
    const packet = createPacket(
      { case: "jobRequest", value: { jobId: "j", topic: "job.echo" } },
      { senderId: "s" },
    );
    await bus.publish("job.echo", encodePacket(packet), { reply: "inbox.1" });
    expect((await settled(1))[0]!.result).toMatchObject({ status: JobStatus.FAILED, errorMessage: "no" });
    expect(answered).toBe(0);
  });

  it(req("cap.worker.parallel", "runs at most maxParallel handlers, in the order of arrival"), async () => {
    const started: string[] = [];
    const ends: (() => void)[] = [];
    const { worker, dispatch, settled } = await setUp({
      maxParallel: 2,
      handler: async ({ jobId }) => {
        started.push(jobId);
        await new Promise<void>((resolve) => ends.push(resolve));
        return {};
      },
    });
    for (let i = 0; i < 4; i++) await dispatch({ jobId: `j-${i}` });
    while (worker.counts.received < 4) await turn();
    await turn();
    expect(started).toEqual(["j-0", "j-1"]);
    expect(worker.activeJobs).toBe(2);
    ends.shift()!();
    await settled(1);
    expect(started).toEqual(["j-0", "j-1", "j-2"]);
    while (ends.length > 0 || started.length < 4) {
      ends.shift()?.();
      await turn();
    }
    await settled(4);
  });

  it("runs the middleware around the handler, the first one outermost", async () => {
    const order: string[] = [];
    const note =
      (name: string): NonNullable<WorkerOptions["middleware"]>[number] =>
      (next) =>
      async (call) => {
        order.push(`${name} ${call.request.jobId}`);
        const result = await next(call);
        order.push(`/${name}`);
        return result;
      };
    const { dispatch, settled } = await setUp({ middleware: [note("a"), note("b")] });
    await dispatch({ jobId: "j" });
    await settled(1);
    expect(order).toEqual(["a j", "b j", "/b", "/a"]);
  });

  it("gives a handler its ids, its packet and a logger that knows them", async () => {
    const { dispatch, settled, logged } = await setUp({
      handler: (_, { jobId, traceId, packet, log, signal }) => {
        log.info("at work");
        return { errorMessage: `${jobId} ${traceId} ${packet.senderId} ${signal.aborted}` };
      },
    });
    await dispatch({ jobId: "j" }, { traceId: "t" });
    expect((await settled(1))[0]!.result.errorMessage).toBe("j t s false");
    expect(logged.find((line) => line.startsWith("at work"))).toContain('"jobId":"j"');
  });
});

describe("packets a worker refuses", () => {
  const good = createPacket(
    { case: "jobRequest", value: { jobId: "j", topic: "job.echo" } },
    { senderId: "client-1" },
  );
  const publicKeys = { "client-1": clientKeys.publicKeyPem };
  const garbage = Uint8Array.from({ length: 200 }, (_, i) => (i * 37) % 251);
  const cases: [string, () => Uint8Array | Promise<Uint8Array>][] = [
    ["truncated bytes", () => encodePacket(good).slice(0, -3)],
    ["garbage", () => garbage],
    ["more bytes than allowed", () => encodePacket({ ...good, traceId: "t".repeat(5000) })],
    ["another version", () => encodePacket({ ...good, protocolVersion: 2 })],
    ["no payload", () => encodePacket(create(BusPacketSchema, { ...good, payload: { case: undefined } }))],
    ["no signature", () => encodePacket(good)],
    ["a bad signature", () => encodePacket({ ...good, signature: new Uint8Array(70) })],
    [
      "a sender without a key",
      async () => sealPacket({ ...good, senderId: "x" }, { key: toSigningKey(clientKeys.privateKeyPem) }),
    ],
    ["another sender's key", async () => sealPacket(good, { key: toSigningKey(workerKeys.privateKeyPem) })],
  ];

  it.each(cases)(
    req("cap.worker.bad-packets", "%s: counted, logged, no result, and the next job runs"),
    async (_, make) => {
      const { bus, worker, results, logged, settled } = await setUp({ publicKeys, maxPacketBytes: 4096 });
      const refused: string[] = [];
      worker.on("refused", (error) => refused.push(error.name));
      await bus.publish("job.echo", await make());
      await bus.publish("job.echo", await sealPacket(good, { key: toSigningKey(clientKeys.privateKeyPem) }));
      await settled(1);
      expect(worker.counts).toMatchObject({ received: 2, refused: 1, completed: 1 });
      expect(refused).toHaveLength(1);
      expect(logged.filter((line) => line.startsWith("packet refused"))).toHaveLength(1);
      expect(results).toHaveLength(1);
    },
  );

  it("other payloads on its subject are not its business", async () => {
    const { bus, worker, results } = await setUp();
    const cancel = createPacket(
      { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } },
      { senderId: "c" },
    );
    await bus.publish("job.echo", encodePacket(cancel));
    await turn();
    expect(worker.counts).toMatchObject({ received: 1, refused: 0 });
    expect(results).toHaveLength(0);
  });

  it(
    req(
      "cap.worker.unverified",
      "without keys everything is taken, with one warning; with an empty set nothing is",
    ),
    async () => {
      const open = await setUp();
      await open.dispatch({ jobId: "j" });
      await open.settled(1);
      expect(open.logged.filter((line) => line.includes("taken unverified"))).toHaveLength(1);
      const strict = await setUp({ publicKeys: {} });
      await strict.dispatch({ jobId: "j" });
      while (strict.worker.counts.refused === 0) await turn();
      expect(strict.results).toHaveLength(0);
      expect(strict.logged.join()).not.toContain("taken unverified");
    },
  );

  it("a key that is none is refused before anything is subscribed", async () => {
    const memory = new MemoryBus();
    const options = { bus: memory.connect(), subject: "job.echo", handler: () => ({}) };
    await expect(runWorker({ ...options, privateKey: "nonsense" })).rejects.toBeInstanceOf(ValidationError);
    await expect(runWorker({ ...options, publicKeys: { a: "nonsense" } })).rejects.toBeInstanceOf(
      ValidationError,
    );
    expect(memory.subscriptionCount).toBe(0);
  });
});

describe("closing a worker", () => {
  it(req("cap.worker.close", "lets the running handler end, and takes nothing new"), async () => {
    let finish: () => void = () => {};
    const { worker, dispatch, results, memory } = await setUp({
      handler: async () => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return {};
      },
    });
    await dispatch({ jobId: "j-1" });
    while (worker.activeJobs === 0) await turn();
    const closing = worker.close();
    expect(worker.close()).toBe(closing);
    await dispatch({ jobId: "j-2" });
    await turn();
    finish();
    await closing;
    await turn();
    expect(results.map(({ result }) => result.jobId)).toEqual(["j-1"]);
    expect(memory.subscriptionCount).toBe(1); // the watcher's
  });

  it(
    req("cap.worker.close", "aborts what outlasts the grace time and answers what never began"),
    async () => {
      const clock = new FakeClock();
      const { worker, dispatch, settled } = await setUp({
        clock,
        graceMs: 1000,
        handler: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      });
      await dispatch({ jobId: "j-1" });
      await dispatch({ jobId: "j-2" });
      while (worker.activeJobs === 0) await turn();
      const closing = worker.close();
      await turn();
      await clock.advance(1000);
      await closing;
      const outcomes = (await settled(2)).map(({ result }) => [
        result.jobId,
        result.status,
        result.errorMessage,
        result.errorCodeEnum,
      ]);
      expect(outcomes.sort()).toEqual([
        ["j-1", JobStatus.FAILED, "handler failed", 1000],
        ["j-2", JobStatus.FAILED, "worker closed before the job ran", ErrorCode.JOB_WORKER_UNAVAILABLE],
      ]);
      expect(clock.pending).toBe(0);
    },
  );

  it("follows a signal, and leaves no listener on it", async () => {
    const controller = new AbortController();
    const { worker, memory } = await setUp({ signal: controller.signal });
    controller.abort();
    await worker.close();
    expect(memory.subscriptionCount).toBe(1);
    const already = await setUp({ signal: AbortSignal.abort() });
    expect(already.memory.subscriptionCount).toBe(1);
  });

  it("a result that cannot be published is counted and told of", async () => {
    const memory = new MemoryBus();
    const real = memory.connect();
    const bus: Bus = { ...bound(real), publish: () => Promise.reject(new Error("gone")) };
    const { worker, dispatch } = await setUpOn(memory, bus);
    const errors: unknown[] = [];
    worker.on("error", (error) => errors.push(error));
    await dispatch();
    while (worker.counts.unpublished === 0) await turn();
    expect(errors).toHaveLength(1);
  });
});

/** A bus as a plain object, so that one of its methods can be replaced. */
function bound(bus: Bus): Bus {
  return {
    publish: bus.publish.bind(bus),
    subscribe: bus.subscribe.bind(bus),
    request: bus.request.bind(bus),
    flush: bus.flush.bind(bus),
    drain: bus.drain.bind(bus),
    close: bus.close.bind(bus),
    status: bus.status.bind(bus),
    onStatus: bus.onStatus.bind(bus),
  };
}

async function setUpOn(memory: MemoryBus, bus: Bus) {
  const worker = await runWorker({ bus, subject: "job.echo", handler: () => ({}) });
  cleanups.push(() => worker.close());
  const dispatch = async () => {
    const packet = createPacket(
      { case: "jobRequest", value: { jobId: "j", topic: "job.echo" } },
      { senderId: "s" },
    );
    await memory.connect().publish("job.echo", encodePacket(packet));
  };
  return { worker, dispatch };
}

describe("submitJob", () => {
  it(req("cap.client.submit", "publishes on sys.job.submit, signed or not"), async () => {
    const memory = new MemoryBus();
    const seen: BusPacket[] = [];
    const watcher = new Party({ bus: memory.connect(), senderId: "watcher" });
    await watcher.receive(SUBJECT_SUBMIT, { onPacket: (packet) => seen.push(packet) });
    const common = { bus: memory.connect(), senderId: "client-1" };
    const request = { jobId: "job-echo-1", topic: "job.echo", contextPtr: "redis://ctx/job-echo-1" };
    const signed = await submitJob({
      ...common,
      request,
      traceId: "trace-1",
      privateKey: clientKeys.privateKeyPem,
    });
    expect(signed).toEqual({ jobId: "job-echo-1", traceId: "trace-1" });
    const unsigned = await submitJob({ ...common, request: { topic: "job.echo" }, sessionToken: "tok" });
    expect(unsigned.jobId).toMatch(/^job-[0-9a-f-]{36}$/);
    while (seen.length < 2) await turn();
    expect(seen.map((packet) => [packet.senderId, packet.signature.length > 0, packet.authToken])).toEqual([
      ["client-1", true, ""],
      ["client-1", false, "tok"],
    ]);
    expect(seen[0]!.payload.value).toMatchObject(request);
  });

  it("tells its caller what is wrong with a request", async () => {
    const common = { bus: new MemoryBus().connect(), senderId: "client-1" };
    await expect(submitJob({ ...common, request: { topic: "" } })).rejects.toThrow(
      "topic: must not be empty",
    );
    await expect(submitJob({ ...common, request: { topic: "t" }, privateKey: "x" })).rejects.toBeInstanceOf(
      ValidationError,
    );
  });
});

describe("local scheduler", () => {
  it(
    req("cap.scheduler.dispatch", "dispatches a job once, in a packet of its own, and follows it to its end"),
    async () => {
      const { memory, bus, settled, worker } = await setUp();
      const scheduler = new LocalScheduler({ bus: memory.connect() });
      await scheduler.start();
      cleanups.push(() => scheduler.close());
      const senders: string[] = [];
      const watcher = new Party({ bus, senderId: "watcher" });
      await watcher.receive("job.echo", { onPacket: (packet) => senders.push(packet.senderId) });
      const submit = () =>
        submitJob({ bus, senderId: "c", request: { jobId: "j", topic: "job.echo" }, traceId: "t" });
      await submit();
      await submit();
      await settled(1);
      expect(senders).toEqual(["cordum-scheduler"]);
      expect(worker.counts.completed).toBe(1);
      expect(scheduler.job("j")).toMatchObject({ status: JobStatus.SUCCEEDED, traceId: "t" });
    },
  );

  it("tells of a job whose topic is no subject, and lives on", async () => {
    const memory = new MemoryBus();
    const bus = memory.connect();
    const scheduler = new LocalScheduler({ bus: memory.connect() });
    await scheduler.start();
    const errors: unknown[] = [];
    scheduler.on("error", (error) => errors.push(error));
    await submitJob({ bus, senderId: "c", request: { jobId: "j", topic: "no subject" } });
    while (errors.length === 0) await turn();
    expect(scheduler.job("j")?.status).toBe(JobStatus.FAILED);
    await scheduler.close();
    await scheduler.close();
    expect(memory.subscriptionCount).toBe(0);
  });
});
