import { describe, expect, it } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { req } from "../requirements/index.ts";
import { bench } from "./agent-bench.ts";
import { CANCELLED, waiting } from "./waiting.ts";

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
    const { agent, send, results, clock, begun } = await waiting({ graceMs: 3_000 });
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
      graceMs: 1_000,
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
