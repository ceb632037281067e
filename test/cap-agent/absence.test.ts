/** What an agent does with jobs and cancels that were sent while it was away, and how it leaves. */
import { describe, expect, it } from "vitest";
import type { JobResult } from "../../gen/cap/index.js";
import { JobStatus, STREAM_MAX_AGE_MS, SUBJECT_CANCEL, SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { Bus, BusStatus } from "../../src/cap/index.js";
import { Agent, InMemoryBlobStore, MemoryBus, openJobClient } from "../../src/cap/index.js";
import { createPacket, decodePacket, encodePacket } from "../../src/cap/packet.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/index.js";
import { bound } from "../cap/bound-bus.ts";
import { req } from "../requirements/index.ts";
import { bench, gate, text } from "./agent-bench.ts";
import { stream } from "./stream.ts";
import { CANCELLED, TIMEOUT } from "./waiting.ts";

const MINUTE = 60_000;

/** The bytes of a job that was sent at a moment. */
function jobSentAt(createdMs: number, deadlineMs: bigint, jobId = "j"): Uint8Array {
  const value = { jobId, topic: "job.echo", contextPtr: "redis://ctx:j", budget: { deadlineMs } };
  const packet = createPacket({ case: "jobRequest", value }, { senderId: "client" });
  packet.createdAt!.seconds = BigInt(Math.floor(createdMs / 1000));
  packet.createdAt!.nanos = 0;
  return encodePacket(packet);
}

describe("a deadline", () => {
  it.each([
    ["is over for a job that waited longer than it", -MINUTE, 30_000n, "expired"],
    ["has the rest left for a job that waited", -MINUTE, 90_000n, 30_000],
    ["counts from the arrival where clocks may differ", -5_000, 1_000n, 1_000],
    ["is not longer for a sender whose clock is ahead", MINUTE, 1_000n, 1_000],
    ["counts from the arrival for a packet from 1970", -1e12, 1_000n, 1_000],
  ] as const)(req("cap.agent.packet-age", "%s"), async (_, offsetMs, deadlineMs, expected) => {
    const { agent, memory, clock, store, results } = await bench();
    await clock.advance(1.1e12);
    await store.set("ctx:j", text(1));
    let deadline: number | undefined;
    let ran = 0;
    agent.job("job.echo", (_input, ctx) => {
      ran++;
      deadline = ctx.deadline;
      return 1;
    });
    await agent.start();
    await memory.connect().publish("job.echo", jobSentAt(clock.now() + offsetMs, deadlineMs));
    await clock.settle();
    if (expected === "expired") {
      expect([ran, results()]).toMatchObject([0, [TIMEOUT]]);
    } else {
      expect([ran, deadline! - clock.now()]).toEqual([1, expected]);
    }
    await agent.close();
    expect(clock.pending).toBe(0);
  });
});

describe("a cancel", () => {
  const named = { tenantId: "t", principalId: "p" };
  const dispatch = { dispatchId: "d", attempt: 1n };
  it.each([
    ["the id alone ends the job", {}, dispatch, true],
    ["all that it is ends the job", { identity: named, dispatch }, dispatch, true],
    ["another tenant is about another job", { identity: { tenantId: "other" } }, dispatch, false],
    ["another principal is about another job", { identity: { principalId: "other" } }, dispatch, false],
    [
      "another dispatch is about another job",
      { dispatch: { dispatchId: "other", attempt: 1n } },
      dispatch,
      false,
    ],
    ["a dispatch is about no job without one", { dispatch }, undefined, false],
    ["another id is about another job", { jobId: "k" }, dispatch, false],
  ])(req("cap.agent.cancel", "that names %s"), async (_, cancel, ofJob, isMeant) => {
    const { agent, send, client, results, clock } = await bench();
    agent.job(
      "job.echo",
      (_, { signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
    );
    await agent.start();
    await send({ jobId: "j", ...named, dispatch: ofJob });
    const value = { jobId: "j", reason: "enough", requestedBy: "client", ...cancel };
    await client.send(SUBJECT_CANCEL, { case: "jobCancel", value });
    await clock.settle();
    expect(results()).toMatchObject(isMeant ? [CANCELLED] : []);
    await clock.until(agent.close());
  });
});

describe("cancels that a stream has kept", () => {
  async function away() {
    let kept!: ReturnType<typeof stream>;
    const set = await bench({
      durable: (bus) => {
        kept = stream(bus);
        kept.kept.push({ subject: SUBJECT_CANCEL, data: cancelAt(set.clock, "j", "not wanted") });
        return kept.durable;
      },
    });
    const ran: string[] = [];
    set.agent.job("job.echo", (_, { jobId }) => {
      ran.push(jobId);
      return 1;
    });
    return { ...set, ran, stream: () => kept };
  }

  function cancelAt(clock: FakeClock, jobId: string, reason: string): Uint8Array {
    const value = { jobId, reason, requestedBy: "client" };
    return encodePacket(createPacket({ case: "jobCancel", value }, { senderId: "client", clock }));
  }

  it(req("cap.agent.kept-cancels", "are read before any job is taken"), async () => {
    const { clock, agent, send, results, ran, stream: told } = await away();
    await agent.start();
    // All that the stream has, and before the agent subscribes to jobs.
    const sinceMs = clock.now() - STREAM_MAX_AGE_MS;
    expect(told().replays).toEqual([{ subject: SUBJECT_CANCEL, sinceMs, subscribed: 0 }]);
    await send({ jobId: "j" });
    await send({ jobId: "other" });
    expect(results()).toMatchObject([
      { ...CANCELLED, jobId: "j", errorMessage: "not wanted" },
      { jobId: "other", status: JobStatus.SUCCEEDED },
    ]);
    expect(ran).toEqual(["other"]);
    expect(told().told).toContain("ack 1");
  });

  it(req("cap.agent.kept-cancels", "do not hold back a job that was sent again later"), async () => {
    const { agent, send, results, clock } = await away();
    await agent.start();
    await clock.advance(5_001);
    await send({ jobId: "j" });
    expect(results()).toMatchObject([{ jobId: "j", status: JobStatus.SUCCEEDED }]);
  });

  it(req("cap.agent.kept-cancels", "that come while the job is elsewhere are remembered"), async () => {
    const { agent, send, cancel, results, ran } = await away();
    await agent.start();
    await cancel("redelivered");
    await send({ jobId: "redelivered" });
    expect([results()[0]?.status, ran]).toEqual([JobStatus.CANCELLED, []]);
  });

  it(
    req("cap.agent.kept-cancels", "are read again after a reconnect, from before the connection was lost"),
    async () => {
      const { memory, store, clock } = await bench();
      const listeners = new Set<(status: BusStatus) => void>();
      const bus: Bus = {
        ...bound(memory.connect()),
        onStatus: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
      const told = stream(bus);
      const agent = new Agent({ bus, store, clock, workerId: "w-3", durable: told.durable, logger: false });
      agent.job("job.echo", () => 1);
      await agent.start();
      const lostMs = clock.now();
      const say = (status: BusStatus) => {
        for (const listener of listeners) listener(status);
      };
      say("reconnecting");
      await clock.advance(MINUTE);
      say("reconnecting");
      say("connected");
      await clock.settle();
      expect(told.replays[1]).toMatchObject({ subject: SUBJECT_CANCEL, sinceMs: lostMs - 2 * MINUTE });
      say("connected");
      await clock.settle();
      expect(told.replays).toHaveLength(2);
      await agent.close();
    },
  );

  it("only cause a warning where the stream cannot be read", async () => {
    const { agent, logged, send, results } = await bench({
      durable: (bus) => ({ ...stream(bus).durable, replay: () => Promise.reject(new Error("stream gone")) }),
    });
    agent.job("job.echo", () => 1);
    await agent.start();
    expect(
      logged.filter((line) => line.startsWith("could not read earlier cancels from the stream")),
    ).toHaveLength(1);
    await send();
    expect(results()).toHaveLength(1);
  });
});

describe("goodbye", () => {
  it(req("cap.agent.goodbye", "offers nothing, and still takes what is on its way"), async () => {
    const { agent, heartbeats, send, results, clock } = await bench({ concurrency: 2, goodbyeMs: 500 });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.settle();
    const closing = agent.close();
    await clock.settle();
    expect(heartbeats().at(-1)).toMatchObject({
      workerId: "w-1",
      pool: "",
      activeJobs: 2,
      maxParallelJobs: 2,
    });
    await send({}, { subject: "worker.w-1.jobs" });
    expect(results()).toHaveLength(1);
    await clock.advance(499);
    expect(agent.state).toBe("closing");
    await clock.advance(1);
    await closing;
    expect([agent.state, clock.pending]).toEqual(["closed", 0]);
  });

  it(req("cap.agent.goodbye", "costs no time without a pool, or without a connection"), async () => {
    const without = await bench({ pool: undefined, goodbyeMs: 500 });
    without.agent.job("job.echo", () => 1);
    await without.agent.start();
    await without.agent.close();
    const cut = await bench({ goodbyeMs: 500 });
    cut.agent.job("job.echo", () => 1);
    await cut.agent.start();
    await cut.bus.close();
    await cut.agent.close();
    expect([without.clock.monotonic(), cut.clock.monotonic()]).toEqual([0, 0]);
  });

  it(req("cap.agent.goodbye", "a scheduler that keeps a worker for 30 s loses no job"), async () => {
    const clock = new FakeClock();
    const memory = new MemoryBus();
    const store = new InMemoryBlobStore();
    const scheduler = await LocalScheduler.start({
      bus: memory.connect(),
      clock,
      pools: { topics: { "job.echo": "echo" }, pools: { echo: {} } },
    });
    const { opened, open } = gate();
    const agents = ["a", "b"].map((workerId) => {
      const agent = new Agent({
        bus: memory.connect(),
        store,
        clock,
        workerId,
        pool: "echo",
        concurrency: 50,
      });
      return agent.job("job.echo", () => (workerId === "a" ? opened : 1));
    });
    for (const agent of agents) await agent.start();
    await clock.settle();
    const results: JobResult[] = [];
    await memory.connect().subscribe(SUBJECT_RESULT, ({ data }) => {
      results.push(decodePacket(data).payload.value as JobResult);
    });
    const client = await openJobClient({ bus: memory.connect(), senderId: "c", store, clock });
    const submit = (n: number) =>
      Promise.all(Array.from({ length: n }, () => client.submit({ topic: "job.echo", input: 1 })));
    await submit(10);
    await clock.settle();
    const closing = agents[0]!.close(); // it still has jobs, so it stays for a while
    await clock.advance(1_000);
    await submit(10);
    await clock.settle();
    open();
    await clock.until(closing);
    await submit(10);
    await clock.settle();
    expect(results.filter(({ status }) => status === JobStatus.SUCCEEDED)).toHaveLength(30);
    await client.close();
    await clock.until(agents[1]!.close());
    await scheduler.close();
  });
});
