import { afterEach, describe, expect, it } from "vitest";
import type { BusPacket, JobResult } from "../../gen/cap/index.js";
import { ErrorCode, JobStatus, SUBJECT_CANCEL, SUBJECT_DLQ, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import type { JobResultInit } from "../../src/cap/index.js";
import {
  CAPError,
  ConnectionLostError,
  DuplicateJobError,
  generateKeyPair,
  InvalidInputError,
  JobCancelledError,
  JobFailedError,
  JobTimeoutError,
  MemoryBus,
  openJobClient,
  PolicyViolationError,
  runWorker,
  SafetyDeniedError,
  submitAndWait,
  WorkerUnavailableError,
} from "../../src/cap/index.js";
import { createPacket, encodePacket, signPacket } from "../../src/cap/packet.js";
import type { PartyOptions } from "../../src/cap/party.js";
import { Party } from "../../src/cap/party.js";
import {
  AbortError,
  ClosedError,
  PolicyDeniedError,
  TimeoutError,
  ValidationError,
} from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { req } from "../requirements/index.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as CAPError,
  );

async function setUp(options: Partial<PartyOptions> = {}) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const clock = new FakeClock();
  const client = await openJobClient({ bus, senderId: "client-1", clock, ...options });
  cleanups.push(() => client.close());
  const other = memory.connect();
  /** Answers as a worker or, with an empty worker id, as the scheduler does. */
  const answer = async (subject: string, value: JobResultInit, senderId = "w") => {
    const packet = createPacket({ case: "jobResult", value: { workerId: senderId, ...value } }, { senderId });
    await other.publish(subject, encodePacket(packet));
    for (let i = 0; i < 5; i++) await turn();
  };
  const cancels: BusPacket[] = [];
  const watcher = new Party({ bus: other, senderId: "watcher" });
  await watcher.receive(SUBJECT_CANCEL, { onPacket: (packet) => cancels.push(packet) });
  return { memory, bus, clock, client, answer, cancels };
}
const request = { jobId: "j", topic: "job.x" };

describe("submitAndWait", () => {
  it(req("cap.client.wait", "resolves with the result of a signed job that went all the way"), async () => {
    const memory = new MemoryBus();
    const keys = { c: generateKeyPair(), s: generateKeyPair(), w: generateKeyPair() };
    const publicKeys = {
      c: keys.c.publicKeyPem,
      "cordum-scheduler": keys.s.publicKeyPem,
      w: keys.w.publicKeyPem,
    };
    const common = { publicKeys, bus: memory.connect() };
    const scheduler = await LocalScheduler.start({ ...common, privateKey: keys.s.privateKeyPem });
    const worker = await runWorker({
      ...common,
      subject: "job.echo",
      senderId: "w",
      privateKey: keys.w.privateKeyPem,
      handler: ({ jobId }) => ({ resultPtr: `redis://res:${jobId}` }),
    });
    const before = memory.subscriptionCount;
    const result = await submitAndWait({
      ...common,
      senderId: "c",
      privateKey: keys.c.privateKeyPem,
      request: { jobId: "j-1", topic: "job.echo" },
    });
    expect(result).toMatchObject({
      status: JobStatus.SUCCEEDED,
      resultPtr: "redis://res:j-1",
      workerId: "w",
    });
    expect(memory.subscriptionCount).toBe(before);
    await worker.close();
    await scheduler.close();
  });

  it.each<[string, JobResultInit, new (...args: never[]) => CAPError, object]>([
    ["FAILED", { status: JobStatus.FAILED, errorMessage: "no disk" }, JobFailedError, { code: "JOB_FAILED" }],
    [
      "an application's code",
      { status: JobStatus.FAILED, errorCode: "DISK", errorCodeEnum: 1001 as ErrorCode },
      JobFailedError,
      { code: "JOB_FAILED", reason: "DISK" },
    ],
    ["FAILED_RETRYABLE", { status: JobStatus.FAILED_RETRYABLE }, JobFailedError, { retryable: true }],
    ["FAILED_FATAL", { status: JobStatus.FAILED_FATAL }, JobFailedError, { retryable: false }],
    ["CANCELLED", { status: JobStatus.CANCELLED }, JobCancelledError, {}],
    ["TIMEOUT", { status: JobStatus.TIMEOUT }, JobTimeoutError, {}],
    [
      "a registered code",
      { status: JobStatus.FAILED, errorCodeEnum: ErrorCode.SAFETY_POLICY_VIOLATION, errorCode: "TIMEOUT" },
      PolicyViolationError,
      {},
    ],
    ["a legacy code", { status: JobStatus.FAILED, errorCode: "TIMEOUT" }, JobTimeoutError, {}],
    ["a code called toString", { status: JobStatus.FAILED, errorCode: "toString" }, JobFailedError, {}],
    ["a status of a later version", { status: 77 as JobStatus }, JobFailedError, {}],
  ])(
    req("cap.client.wait", "throws a typed error for %s, with the result"),
    async (_, value, type, facts) => {
      const { client, answer } = await setUp();
      const waiting = failure(client.submitAndWait(request));
      await answer(SUBJECT_RESULT, { jobId: "j", ...value });
      const error = await waiting;
      expect(error).toBeInstanceOf(type);
      expect(error).toBeInstanceOf(CAPError);
      expect(error).toMatchObject(facts);
      expect((error!.details as { result: JobResult }).result.jobId).toBe("j");
      expect(client.waiting).toBe(0);
    },
  );

  it.each([
    ["safety_denied", JobStatus.DENIED, SafetyDeniedError, "SAFETY_DENIED"],
    ["safety_unknown", JobStatus.DENIED, SafetyDeniedError, "SAFETY_DENIED"],
    ["", JobStatus.DENIED, SafetyDeniedError, "SAFETY_DENIED"],
    ["no_pool_mapping", JobStatus.FAILED, WorkerUnavailableError, "JOB_WORKER_UNAVAILABLE"],
    ["dispatch_failed", JobStatus.FAILED, WorkerUnavailableError, "JOB_WORKER_UNAVAILABLE"],
    ["max_retries_exceeded", JobStatus.FAILED, JobFailedError, "MAX_RETRIES_EXCEEDED"],
  ])(
    req("cap.client.dlq", "hears of %s from the dead letter queue"),
    async (errorCode, status, type, code) => {
      const { client, answer } = await setUp();
      const waiting = failure(client.submitAndWait(request));
      await answer(SUBJECT_DLQ, { jobId: "j", status, errorCode, workerId: "" }, "cordum-scheduler");
      const error = await waiting;
      expect(error).toBeInstanceOf(type);
      if (status === JobStatus.DENIED) expect(error).toBeInstanceOf(PolicyDeniedError);
      expect(error?.code).toBe(code);
      expect(error?.reason).toBe(errorCode === "" ? undefined : errorCode);
    },
  );

  it(
    req("cap.client.dlq", "verifies dead letters when there are keys, and takes nothing else there"),
    async () => {
      const keys = generateKeyPair();
      const { client, answer, bus } = await setUp({ publicKeys: { "cordum-scheduler": keys.publicKeyPem } });
      const waiting = failure(client.submitAndWait(request));
      const denied = { jobId: "j", status: JobStatus.DENIED, workerId: "" };
      await answer(SUBJECT_DLQ, denied, "cordum-scheduler");
      expect(client.waiting).toBe(1);
      const packet = createPacket({ case: "jobResult", value: denied }, { senderId: "cordum-scheduler" });
      const key = toSigningKey(keys.privateKeyPem);
      await bus.publish(SUBJECT_DLQ, (await signPacket({ ...packet, protocolVersion: 2 }, key)).bytes);
      const nameless = createPacket(
        { case: "jobResult", value: { ...denied, jobId: "" } },
        { senderId: "cordum-scheduler" },
      );
      await bus.publish(SUBJECT_DLQ, (await signPacket(nameless, key)).bytes);
      for (let i = 0; i < 5; i++) await turn();
      expect(client.waiting).toBe(1);
      await bus.publish(SUBJECT_DLQ, (await signPacket(packet, key)).bytes);
      expect(await waiting).toBeInstanceOf(SafetyDeniedError);
    },
  );

  it("goes on waiting for a job that is under way, and ignores the jobs of others", async () => {
    const { client, answer } = await setUp();
    const waiting = client.submitAndWait(request);
    await answer(SUBJECT_RESULT, { jobId: "j", status: JobStatus.RUNNING });
    await answer(SUBJECT_RESULT, { jobId: "k", status: JobStatus.SUCCEEDED });
    expect(client.waiting).toBe(1);
    await answer(SUBJECT_RESULT, { jobId: "j", status: JobStatus.SUCCEEDED });
    await answer(SUBJECT_DLQ, { jobId: "j", status: JobStatus.FAILED });
    expect((await waiting).status).toBe(JobStatus.SUCCEEDED);
  });

  it("refuses a signal that is none, and leaves nothing behind", async () => {
    const { client, clock } = await setUp();
    const signal = {} as AbortSignal;
    const error = await failure(client.submitAndWait(request, { timeoutMs: 300, signal }));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toContain("signal must be an AbortSignal");
    await clock.advance(1_000);
    expect(client.waiting).toBe(0);
  });

  it(req("cap.client.timeout", "ends after its time, and cancels the job when told to"), async () => {
    const { client, clock, cancels } = await setUp();
    const waiting = failure(client.submitAndWait(request, { timeoutMs: 1000, cancelOnAbort: true }));
    await clock.advance(999);
    expect(client.waiting).toBe(1);
    await clock.advance(1);
    const error = await waiting;
    expect(error).toBeInstanceOf(JobTimeoutError);
    expect(error).toBeInstanceOf(TimeoutError);
    while (cancels.length === 0) await turn();
    expect(cancels[0]).toMatchObject({ traceId: "j", senderId: "client-1" });
    expect(cancels[0]!.payload.value).toMatchObject({ jobId: "j", requestedBy: "client-1" });
    expect(clock.pending).toBe(0);
  });

  it("says once for each topic that no result has come for 10 s", async () => {
    const warnings: string[] = [];
    const log = () => {};
    const logger = { debug: log, info: log, error: log, warn: (text: string) => void warnings.push(text) };
    const { client, clock } = await setUp({ logger });
    const waits = ["j1", "j2"].map((jobId) => failure(client.submitAndWait({ jobId, topic: "job.x" })));
    await clock.advance(9_999);
    expect(warnings).toEqual([]);
    await clock.advance(1);
    expect(warnings).toEqual([expect.stringContaining("no result for job.x after 10 s")]);
    await clock.advance(50_000);
    expect((await Promise.all(waits)).map((error) => error!.message)).toEqual([
      "job j1 on job.x did not end within 60000 ms",
      "job j2 on job.x did not end within 60000 ms",
    ]);
    expect(clock.pending).toBe(0);
  });

  it(req("cap.client.timeout", "ends with the signal, before or after the job was sent"), async () => {
    const { client, clock, cancels } = await setUp();
    const controller = new AbortController();
    const waiting = failure(client.submitAndWait(request, { signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    expect(await failure(client.submitAndWait(request, { signal: controller.signal }))).toBeInstanceOf(
      AbortError,
    );
    const { memory } = await setUp();
    const options = { bus: memory.connect(), senderId: "c", request, signal: controller.signal };
    expect(await failure(submitAndWait(options))).toBeInstanceOf(AbortError);
    for (let i = 0; i < 5; i++) await turn();
    expect(cancels).toHaveLength(0);
    expect(clock.pending).toBe(0);
  });

  it(req("cap.client.settled", "close fails what waits, or lets it end within the grace time"), async () => {
    const first = await setUp();
    const waiting = failure(first.client.submitAndWait(request));
    await first.client.close();
    expect(await waiting).toBeInstanceOf(ClosedError);
    expect(await failure(first.client.submitAndWait(request))).toBeInstanceOf(ClosedError);
    expect(await failure(first.client.submit(request))).toBeInstanceOf(ClosedError);
    expect(first.memory.subscriptionCount).toBe(1); // the watcher's
    expect(first.clock.pending).toBe(0);

    const second = await setUp();
    const ending = second.client.submitAndWait(request);
    const closing = second.client.close({ graceMs: 5000 });
    await second.answer(SUBJECT_RESULT, { jobId: "j", status: JobStatus.SUCCEEDED });
    expect((await ending).status).toBe(JobStatus.SUCCEEDED);
    await closing;
    expect(second.clock.pending).toBe(0);
  });

  it(req("cap.client.settled", "the end of the bus fails what waits"), async () => {
    for (const end of ["close", "drain"] as const) {
      const { client, bus } = await setUp();
      const waiting = failure(client.submitAndWait(request));
      await turn();
      await bus[end]();
      expect(await waiting).toBeInstanceOf(ConnectionLostError);
    }
  });

  it("refuses what it cannot send, and a job that is waited for already", async () => {
    const { client, bus, clock } = await setUp();
    expect(await failure(client.submitAndWait({ topic: "" }))).toBeInstanceOf(InvalidInputError);
    const waiting = failure(client.submitAndWait(request));
    expect(await failure(client.submitAndWait(request))).toBeInstanceOf(DuplicateJobError);
    expect(client.waiting).toBe(1);
    await bus.close();
    expect(await waiting).toBeInstanceOf(ConnectionLostError);
    expect(await failure(openJobClient({ bus, senderId: "c" }))).toBeInstanceOf(ClosedError);
    expect(clock.pending).toBe(0);
  });

  it("submits without waiting", async () => {
    const { client } = await setUp();
    expect(await client.submit(request, { traceId: "t" })).toEqual({ jobId: "j", traceId: "t" });
    expect(client.waiting).toBe(0);
  });
});
