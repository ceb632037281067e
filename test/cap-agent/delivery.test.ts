import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { JobResult } from "../../gen/cap/index.js";
import { JobResultSchema, JobStatus, SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { AgentOptions, Bus, ResultCache } from "../../src/cap/index.js";
import { Agent, ConnectionLostError, MemoryBus, PublishFailedError } from "../../src/cap/index.js";
import { Party } from "../../src/cap/party.js";
import type { JobIdentity } from "../../src/cap/result-cache.js";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";
import { stream } from "./stream.ts";

/** A store of finished jobs in memory. */
function memory(fault?: { find?: unknown; keep?: unknown }) {
  const kept = new Map<string, JobResult>();
  const key = ({ idempotencyKey, tenantId, jobId }: JobIdentity) =>
    idempotencyKey ? `${tenantId}/${idempotencyKey}` : jobId;
  const finished: ResultCache = {
    async find(job) {
      if (fault?.find) throw fault.find;
      return kept.get(job.jobId) ?? kept.get(key(job));
    },
    async keep(job, result) {
      if (fault?.keep) throw fault.keep;
      const first = kept.get(job.jobId) ?? kept.get(key(job)) ?? result;
      kept.set(job.jobId, first);
      kept.set(key(job), first);
      return first;
    },
    close: async () => {},
  };
  return { finished, kept };
}

async function durably(options: Partial<AgentOptions> = {}, handler: (input: unknown) => unknown = (x) => x) {
  let tell!: ReturnType<typeof stream>;
  const set = await bench({
    durable: (bus) => {
      tell = stream(bus);
      return tell.durable;
    },
    ...options,
  });
  set.agent.job("job.echo", handler);
  await set.agent.start();
  return { ...set, ...tell };
}

describe("with streams", () => {
  it(
    req("cap.agent.durable", "jobs come from the streams only, and are acknowledged after the result"),
    async () => {
      const { asked, send, told, results, agent } = await durably();
      expect(asked).toEqual([
        ["job.echo", "job.echo"],
        ["worker.w-1.jobs", undefined],
      ]);
      await send();
      expect(results()).toMatchObject([{ jobId: "j", status: JobStatus.SUCCEEDED }]);
      expect(told).toEqual(["stored sys.job.result:j", "ack 1"]);
      expect(agent.inFlight).toBe(0);
    },
  );

  it(
    req("cap.agent.durable", "nobody takes over the jobs of a worker that is gone, until one has its id"),
    async () => {
      const { asked, agent, bus, memory, store, clock, send, results } = await durably();
      const start = async (workerId: string) => {
        const made = stream(memory.connect());
        const parts = { store, clock, workerId, goodbyeMs: 0, logger: false as const, durable: made.durable };
        const other = new Agent({ ...parts, bus: memory.connect() });
        other.job("job.echo", (input) => input);
        await other.start();
        return { other, asked: made.asked };
      };
      const two = await start("w-2");
      // They share a consumer for the topic, and each has one of its own.
      expect(two.asked[0]).toEqual(asked[0]);
      expect([asked[1], two.asked[1]]).toEqual([
        ["worker.w-1.jobs", undefined],
        ["worker.w-2.jobs", undefined],
      ]);
      await agent.close();
      await bus.close();
      await send({ jobId: "direct" }, { subject: "worker.w-1.jobs" });
      await send({ jobId: "topic" });
      expect(results()).toMatchObject([{ jobId: "topic", workerId: "w-2" }]);
      const again = await start("w-1");
      await send({ jobId: "direct" }, { subject: "worker.w-1.jobs" });
      expect(results()).toMatchObject([{ jobId: "topic" }, { jobId: "direct", workerId: "w-1" }]);
      await Promise.all([two.other.close(), again.other.close()]);
      const guide = readFileSync(new URL("../../docs/cap-delivery.md", import.meta.url), "utf8");
      expect(guide.replace(/\s+/g, " ")).toContain(
        "if the worker never returns, such jobs stay in the stream",
      );
    },
  );

  it(req("cap.agent.durable", "tells the stream of jobs that run and that wait"), async () => {
    const end = gate();
    const { send, told, clock } = await durably({}, () => end.opened);
    await send({ jobId: "1" });
    await send({ jobId: "2" });
    await clock.advance(10_000);
    expect(told).toEqual(["working 1", "working 2"]);
    end.open();
    await clock.settle();
    await clock.advance(30_000);
    expect(told.slice(2)).toEqual(["stored sys.job.result:1", "ack 1", "stored sys.job.result:2", "ack 2"]);
  });

  it(req("cap.agent.durable", "a delivery of a job in hand is acknowledged with it"), async () => {
    const end = gate();
    const { send, told, clock, agent } = await durably({}, () => end.opened);
    await send();
    await send();
    end.open();
    await clock.settle();
    expect(told).toEqual(["stored sys.job.result:j", "ack 1", "ack 2"]);
    expect(agent.stats).toMatchObject({ runs: 1, repeated: 1 });
  });

  it(req("cap.agent.durable", "packets that are refused, and jobs nobody can do, are dropped"), async () => {
    const { bus, send, told, client, clock, agent } = await durably();
    await bus.publish("job.echo", new Uint8Array([1, 2, 3]));
    await clock.settle();
    await client.send("job.echo", { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } });
    await clock.settle();
    await send({ topic: "job.other" }, { subject: "worker.w-1.jobs" });
    expect(told).toMatchObject([
      expect.stringMatching(/^drop 1 /),
      "drop 2 not a job request",
      "drop 3 no handler for the topic",
    ]);
    expect(agent.stats).toMatchObject({ received: 3, refused: 1 });
  });

  it(req("cap.agent.durable", "a job whose result no stream takes is given back"), async () => {
    const { send, told, errors, refuseWith, clock, agent } = await durably({ resendForMs: 1_000 });
    refuseWith(new PublishFailedError("no stream"));
    await send();
    expect(told).toEqual([]);
    await clock.advance(1_000);
    expect(told).toEqual(["back 1 1000"]);
    expect(errors).toHaveLength(1);
    expect([agent.inFlight, agent.activeJobs, agent.stats.unpublished]).toEqual([0, 0, 1]);
  });

  it("a stream that comes back in time gets the result", async () => {
    const { send, told, refuseWith, clock } = await durably();
    refuseWith(new PublishFailedError("no leader"));
    await send();
    refuseWith(undefined);
    await clock.advance(500);
    expect(told).toEqual(["stored sys.job.result:j", "ack 1"]);
  });

  it(
    req("cap.agent.close", "jobs that wait are given back at once, running ones when time is over"),
    async () => {
      const { send, told, agent, clock, results } = await durably(
        { graceMs: 2_000 },
        () => new Promise(() => {}),
      );
      await send({ jobId: "1" });
      await send({ jobId: "2" });
      const closing = agent.close();
      await clock.settle();
      expect(told).toEqual(["back 2 now"]);
      await clock.advance(2_000);
      await closing;
      expect(told).toEqual(["back 2 now", "back 1 now"]);
      expect(results()).toEqual([]);
    },
  );

  it("a store of finished jobs that is down gives jobs back: two results could differ", async () => {
    const fault: { find?: unknown; keep?: unknown } = { find: new Error("redis down") };
    const { send, told, agent, errors } = await durably({ dedupe: memory(fault).finished });
    await send({ jobId: "1" });
    expect([told, agent.stats.runs]).toEqual([["back 1 1000"], 0]);
    delete fault.find;
    fault.keep = new Error("redis down");
    await send({ jobId: "2" });
    expect(told).toEqual(["back 1 1000", "back 2 1000"]);
    expect(errors).toHaveLength(2);
  });
});

describe("with finished jobs", () => {
  it(req("cap.agent.repeat", "a job that comes again is answered with the result it had"), async () => {
    let n = 0;
    const { finished } = memory();
    const set = await bench({ dedupe: finished });
    set.agent.job("job.echo", () => ++n);
    await set.agent.start();
    await set.send({}, { traceId: "t-1" });
    await set.send({}, { traceId: "t-2" });
    expect(n).toBe(1);
    expect(set.results()).toHaveLength(2);
    expect(set.results()[1]).toEqual(set.results()[0]);
    expect(set.resultPackets().map(({ traceId }) => traceId)).toEqual(["t-1", "t-2"]);
    expect(set.agent.stats).toMatchObject({ succeeded: 1, repeated: 1, runs: 1 });
  });

  it(req("cap.agent.repeat", "so is one with the same idempotency key of the same tenant"), async () => {
    let n = 0;
    const { finished } = memory();
    const set = await bench({ dedupe: finished, concurrency: 3 });
    const end = gate();
    set.agent.job("job.echo", async () => {
      n++;
      await end.opened;
    });
    await set.agent.start();
    const meta = { idempotencyKey: "k" };
    await set.send({ jobId: "1", meta, tenantId: "a" });
    await set.send({ jobId: "2", meta, env: { tenant_id: "a" } });
    await set.send({ jobId: "3", meta, tenantId: "b" });
    expect(n).toBe(2);
    end.open();
    await set.clock.settle();
    expect(n).toBe(2);
    const results = Object.fromEntries(set.results().map((result) => [result.jobId, result]));
    expect(results["2"]).toMatchObject({ resultPtr: "redis://res:1", workerId: "w-1" });
    expect(results["3"]).toMatchObject({ resultPtr: "redis://res:3" });
  });

  it("the first result counts, also when another worker was faster", async () => {
    const { finished, kept } = memory();
    const set = await bench({ dedupe: finished });
    const end = gate();
    set.agent.job("job.echo", () => end.opened);
    await set.agent.start();
    await set.send();
    const theirs = { jobId: "j", workerId: "w-2", status: JobStatus.FAILED, errorMessage: "theirs" };
    kept.set("j", create(JobResultSchema, theirs));
    end.open();
    await set.clock.settle();
    expect(set.results()).toMatchObject([
      { jobId: "j", workerId: "w-1", status: JobStatus.FAILED, errorMessage: "theirs" },
    ]);
  });

  it("FAILED_RETRYABLE is no end: the job is done again", async () => {
    const { finished } = memory();
    const set = await bench({ dedupe: finished, granularStatus: true });
    set.agent.job("job.echo", () => Promise.reject(new Error("x")));
    await set.agent.start();
    await set.send();
    await set.send();
    expect(set.agent.stats.runs).toBe(2);
  });

  it("a store that is down or slow does not keep jobs of a plain bus from being done", async () => {
    const fault = { find: new Error("redis down"), keep: new Error("redis down") };
    const set = await bench({ dedupe: memory(fault).finished });
    set.agent.job("job.echo", () => 1);
    await set.agent.start();
    await set.send({ jobId: "1" });
    expect(set.results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    const slow = await bench({
      dedupe: {
        find: () => new Promise(() => {}),
        keep: () => new Promise(() => {}),
        close: async () => {},
      },
    });
    slow.agent.job("job.echo", () => 1);
    await slow.agent.start();
    await slow.send({ jobId: "1" });
    await slow.clock.advance(10_000);
    expect(slow.results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
  });
});

describe("results that cannot be published", () => {
  const failing = (bus: Bus, error: () => unknown): Bus =>
    ({
      subscribe: (...given) => bus.subscribe(...given),
      onStatus: (listener) => bus.onStatus(listener),
      status: () => bus.status(),
      publish: (subject, data) => {
        const problem = subject === SUBJECT_RESULT ? error() : undefined;
        if (problem !== undefined) throw problem;
        return bus.publish(subject, data);
      },
    }) as Bus;

  it("wait for the connection, and go out then", async () => {
    let lost = true;
    const memoryBus = new MemoryBus();
    const plain = memoryBus.connect();
    const set = await bench({
      bus: failing(plain, () => {
        if (!lost) return undefined;
        lost = false;
        return new ConnectionLostError("away");
      }),
    });
    const seen: unknown[] = [];
    set.agent.on("result", (result) => seen.push(result.status));
    set.agent.job("job.echo", () => 1);
    await set.agent.start();
    await set.store.set("x", new TextEncoder().encode("1"));
    const value = { jobId: "j", topic: "job.echo", contextPtr: "redis://x" };
    await new Party({ bus: memoryBus.connect(), senderId: "c" }).send("job.echo", {
      case: "jobRequest",
      value,
    });
    await set.clock.settle();
    expect(seen).toEqual([JobStatus.SUCCEEDED]);
  });

  it("are given up when a bus that says it is connected goes on refusing them", async () => {
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Math, "random").mockReturnValue(0); // no jitter: at once, and after 50, 100, 200, 400 and 800 ms
    const set = await bench();
    let tries = 0;
    const agent = new Agent({
      bus: failing(set.bus, () => {
        tries++;
        return new ConnectionLostError("away");
      }),
      store: set.store,
      clock: set.clock,
      workerId: "w-4",
      resendForMs: 2_000,
    });
    const errors: unknown[] = [];
    agent.on("error", (error) => errors.push(error));
    agent.job("job.echo", () => 1);
    await agent.start();
    await set.send();
    await set.clock.advance(2_000);
    expect([tries, errors.length, agent.inFlight]).toEqual([7, 1, 0]);
  });

  it("are told of when they are lost, and replaced when they could never be sent", async () => {
    const set = await bench();
    let problem: unknown = new PublishFailedError("too large", { retryable: false });
    const agent = new Agent({
      bus: failing(set.bus, () => {
        const once = problem;
        if (problem instanceof PublishFailedError) problem = undefined;
        return once;
      }),
      store: set.store,
      clock: set.clock,
      workerId: "w-3",
    });
    const errors: unknown[] = [];
    agent.on("error", (error) => errors.push(error));
    agent.job("job.echo", () => 1);
    await agent.start();
    await set.send({ jobId: "1" });
    expect(set.results()).toMatchObject([
      { jobId: "1", status: JobStatus.FAILED, errorMessage: "result cannot be sent" },
    ]);
    problem = new TypeError("odd");
    await set.send({ jobId: "2" });
    expect(errors).toEqual([problem]);
    expect(agent.stats).toMatchObject({ failed: 1, unpublished: 1 });
    expect(agent.inFlight).toBe(0);
  });
});
