import { describe, expect, it } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import { JobStatus, SUBJECT_SUBMIT } from "../../gen/cap/index.js";
import { MemoryBus, submitJob } from "../../src/cap/index.js";
import { Party } from "../../src/cap/party.js";
import { ValidationError } from "../../src/core/errors.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { req } from "../requirements/index.ts";
import { cleanups, clientKeys, setUp, turn } from "./worker-bench.ts";

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
      const scheduler = await LocalScheduler.start({ bus: memory.connect() });
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
      expect(worker.stats.succeeded).toBe(1);
      expect(scheduler.job("j")).toMatchObject({ status: JobStatus.SUCCEEDED, traceId: "t" });
    },
  );

  it("tells of a job whose topic is no subject, and lives on", async () => {
    const memory = new MemoryBus();
    const bus = memory.connect();
    const scheduler = await LocalScheduler.start({ bus: memory.connect() });
    const errors: unknown[] = [];
    scheduler.on("error", (error) => errors.push(error));
    const peer = new Party({ bus, senderId: "c", logger: false }); // one that checks less than submitJob does
    await peer.send(SUBJECT_SUBMIT, { case: "jobRequest", value: { jobId: "j", topic: "no subject" } });
    while (errors.length === 0) await turn();
    expect(scheduler.job("j")?.status).toBe(JobStatus.FAILED);
    await scheduler.close();
    await scheduler.close();
    expect(memory.subscriptionCount).toBe(0);
  });
});
