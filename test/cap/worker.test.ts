import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BusPacketSchema, JobStatus } from "../../gen/cap/index.js";
import { toSigningKey, toVerifyingKey } from "../../src/cap/crypto/key-ring.js";
import type { VerifyingKey, WorkerOptions } from "../../src/cap/index.js";
import { MemoryBus, runWorker } from "../../src/cap/index.js";
import { createPacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import { ValidationError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { cleanups, clientKeys, overNetwork, setUp, turn, workerKeys } from "./worker-bench.ts";

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
      expect(logged.join()).toContain("sent the worker's own instead");
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
    expect([worker.stats.succeeded, second.stats.succeeded]).toEqual([3, 3]);
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
    expect(worker.stats.failed).toBe(1);
    expect(JSON.stringify(result, (_, v: unknown) => (typeof v === "bigint" ? `${v}` : v))).not.toContain(
      "detail",
    );
    expect(logged.filter((line) => line.startsWith("handler failed"))).toHaveLength(
      Number(message === "handler failed"),
    );
  });

  it("logs what a handler throws at error, with its stack", async () => {
    const { dispatch, settled, logged } = await setUp({
      handler: () => Promise.reject(new Error("disk full")),
    });
    await dispatch({ jobId: "j-1" });
    await settled(1);
    const line = logged.find((text) => text.startsWith("handler failed"))!;
    for (const part of ["disk full", "worker.test.ts", '"jobId":"j-1"']) expect(line).toContain(part);
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
    expect(worker.stats).toMatchObject({ succeeded: 0, failed: 1, unpublished: 0 });
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

  it(req("cap.worker.parallel", "runs at most concurrency handlers, in the order of arrival"), async () => {
    const started: string[] = [];
    const ends: (() => void)[] = [];
    const { worker, dispatch, settled } = await setUp({
      concurrency: 2,
      handler: async ({ jobId }) => {
        started.push(jobId);
        await new Promise<void>((resolve) => ends.push(resolve));
        return {};
      },
    });
    for (let i = 0; i < 4; i++) await dispatch({ jobId: `j-${i}` });
    while (worker.stats.received < 4) await turn();
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
        order.push(`${name} ${call.id}`);
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
      expect(worker.stats).toMatchObject({ received: 2, refused: 1, succeeded: 1 });
      expect(refused).toHaveLength(1);
      expect(logged.filter((line) => line.startsWith("packet refused"))).toHaveLength(1);
      expect(results).toHaveLength(1);
    },
  );

  it("takes jobs in the order they came, however long each signature takes to verify", async () => {
    const { publicKeyPem, privateKeyPem } = clientKeys;
    const real = toVerifyingKey("client-1", publicKeyPem);
    const waits = [20, 1, 0];
    const slow: VerifyingKey = {
      verify: async (data, signature) => {
        for (let turns = waits.shift() ?? 0; turns > 0; turns--) await turn();
        return real.verify(data, signature);
      },
    };
    const { bus, settled } = await setUp({ publicKeys: { "client-1": slow }, concurrency: 1 });
    for (const jobId of ["first", "second", "third"]) {
      const packet = createPacket(
        { case: "jobRequest", value: { jobId, topic: "job.echo" } },
        { senderId: "client-1" },
      );
      await bus.publish("job.echo", await sealPacket(packet, { key: toSigningKey(privateKeyPem) }));
    }
    const jobs = (await settled(3)).map(({ result }) => result.jobId);
    expect(jobs).toEqual(["first", "second", "third"]);
  });

  it("other payloads on its subject are not its business", async () => {
    const { bus, worker, results } = await setUp();
    const cancel = createPacket(
      { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } },
      { senderId: "c" },
    );
    await bus.publish("job.echo", encodePacket(cancel));
    await turn();
    expect(worker.stats).toMatchObject({ received: 1, refused: 0 });
    expect(results).toHaveLength(0);
  });

  it(
    req(
      "cap.worker.unverified",
      "without keys everything is taken, with one warning; with an empty set nothing is",
    ),
    async () => {
      const inProcess = await setUp();
      await inProcess.dispatch({ jobId: "j" });
      await inProcess.settled(1);
      expect(inProcess.logged.join()).not.toContain("unverified");
      const memory = new MemoryBus();
      const open = await setUp({}, memory, overNetwork(memory.connect()));
      await open.dispatch({ jobId: "j" });
      await open.settled(1);
      expect(open.logged.filter((line) => line.includes("accepted unverified"))).toHaveLength(1);
      const strict = await setUp({ publicKeys: {} });
      await strict.dispatch({ jobId: "j" });
      while (strict.worker.stats.refused === 0) await turn();
      expect(strict.results).toHaveLength(0);
      expect(strict.logged.join()).not.toContain("accepted unverified");
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
