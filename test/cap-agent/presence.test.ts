import { describe, expect, it } from "vitest";
import { ComponentRole } from "../../gen/cap/index.js";
import type { Bus, BusStatus } from "../../src/cap/index.js";
import { Agent, SubscribeFailedError } from "../../src/cap/index.js";
import type { AgentwireError } from "../../src/core/errors.js";
import { bound } from "../cap/bound-bus.ts";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";

describe("what an agent tells schedulers", () => {
  it(req("cap.agent.handshake", "who it is and which topics it serves"), async () => {
    const { agent, handshakes } = await bench({
      agentName: " Echo \n bot ",
      capabilities: { "x-org-a": true },
    });
    agent.job("job.b", () => 1).job("job.a", () => 1);
    await agent.start();
    expect(handshakes()).toMatchObject([
      {
        componentId: "w-1",
        role: ComponentRole.WORKER,
        supportedVersions: [1],
        capabilities: { "job.a": true, "job.b": true, "x-org-a": true },
        readyTopics: ["job.a", "job.b"],
        agentName: "Echo bot",
        sdkVersion: expect.stringMatching(/^agentwire\//),
      },
    ]);
  });

  it(req("cap.agent.first-heartbeat", "that it is there, at once and after every interval"), async () => {
    const { agent, heartbeats, heard, clock } = await bench({
      concurrency: 3,
      labels: { zone: "a" },
      type: "cpu",
    });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.settle();
    expect(heartbeats()).toMatchObject([
      {
        workerId: "w-1",
        pool: "echo",
        activeJobs: 0,
        maxParallelJobs: 3,
        labels: { zone: "a" },
        type: "cpu",
      },
    ]);
    const packet = heard.find(({ subject }) => subject === "sys.heartbeat")!.packet;
    expect(packet).toMatchObject({ traceId: "w-1", senderId: "w-1" });
    await clock.advance(5_000);
    await clock.advance(5_000);
    expect(heartbeats()).toHaveLength(3);
    await agent.close();
    await clock.advance(60_000);
    expect(heartbeats()).toHaveLength(4); // the last one says goodbye
    expect(clock.pending).toBe(0);
  });

  it("heartbeats come every 5 s where the interval makes no sense", async () => {
    const { agent, heartbeats, clock } = await bench({ heartbeatIntervalMs: -1 });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.advance(5_000);
    expect(heartbeats()).toHaveLength(2);
  });

  it(req("cap.agent.load", "how busy it is, and what it does now"), async () => {
    const done = gate();
    const { agent, heartbeats, send, clock } = await bench({
      load: () => ({ cpuLoad: 12.5, memoryLoad: 30, gpuUtilization: 1 }),
      concurrency: 2,
    });
    agent.job("job.echo", async (_, ctx) => {
      ctx.progress({ percent: 40, message: "reading" });
      await done.opened;
    });
    await agent.start();
    await send();
    await clock.advance(5_000);
    expect(heartbeats().at(-1)).toMatchObject({
      cpuLoad: 12.5,
      memoryLoad: 30,
      gpuUtilization: 1,
      activeJobs: 1,
      progressPct: 40,
      lastMemo: "reading",
    });
    done.open();
    await clock.advance(5_000);
    expect(heartbeats().at(-1)).toMatchObject({ activeJobs: 0, progressPct: 0, lastMemo: "" });
  });

  it("measures this process where nothing else is given", async () => {
    const { agent, heartbeats, clock } = await bench({ load: undefined });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.settle();
    const { cpuLoad, memoryLoad } = heartbeats()[0]!;
    expect(memoryLoad).toBeGreaterThan(0);
    expect(memoryLoad).toBeLessThanOrEqual(100);
    expect(cpuLoad).toBeGreaterThanOrEqual(0);
    expect(cpuLoad).toBeLessThanOrEqual(100);
  });

  it(req("cap.agent.load", "at once that it has a place again, when it has told of none"), async () => {
    const done = gate();
    const { agent, heartbeats, send, clock } = await bench();
    agent.job("job.echo", () => done.opened);
    await agent.start();
    await send();
    await clock.advance(5_000);
    expect(heartbeats().at(-1)).toMatchObject({ activeJobs: 1, maxParallelJobs: 1 });
    done.open();
    await clock.settle();
    expect(heartbeats()).toHaveLength(3);
    expect(heartbeats().at(-1)).toMatchObject({ activeJobs: 0 });
  });

  it("a heartbeat can be changed, but for whose it is; a failing hook is told of", async () => {
    let fail = false;
    const { agent, heartbeats, errors, clock } = await bench({
      heartbeat: (planned) => {
        if (fail) throw new Error("hook");
        return { ...planned, workerId: "x", region: "eu" };
      },
    });
    agent.job("job.echo", () => 1);
    await agent.start();
    await clock.settle();
    expect(heartbeats()).toMatchObject([{ workerId: "w-1", region: "eu" }]);
    fail = true;
    await clock.advance(5_000);
    fail = false;
    await clock.advance(5_000);
    expect([heartbeats().length, errors.length]).toEqual([2, 1]);
  });

  it(req("cap.agent.reconnect", "again after a reconnect"), async () => {
    const set = await bench();
    const listeners = new Set<(status: BusStatus) => void>();
    const bus: Bus = Object.assign(
      {},
      {
        ...bound(set.bus),
        onStatus: (listener: (status: BusStatus) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    );
    const agent = new Agent({ bus, store: set.store, clock: set.clock, workerId: "w-2", pool: "p" });
    agent.job("job.echo", () => 1);
    await agent.start();
    await set.clock.settle();
    expect([set.handshakes().length, set.heartbeats().length]).toEqual([1, 1]);
    const tell = (status: BusStatus) => {
      for (const listener of [...listeners]) listener(status);
    };
    tell("connected");
    await set.clock.settle();
    expect(set.handshakes()).toHaveLength(1);
    tell("reconnecting");
    tell("connected");
    await set.clock.settle();
    expect([set.handshakes().length, set.heartbeats().length]).toEqual([2, 2]);
    await set.clock.until(agent.close());
    expect(listeners.size).toBe(0);
  });

  it(
    req("cap.agent.deaf", "that it takes nothing while a subscription is lost, and that it does again"),
    async () => {
      const set = await bench();
      let report!: (status: BusStatus, error?: AgentwireError) => void;
      let lost: AgentwireError | undefined;
      const inner = bound(set.bus);
      const bus: Bus = {
        ...inner,
        subscribe: async (subject, onMessage, options) => {
          const subscription = await inner.subscribe(subject, onMessage, options);
          return Object.defineProperties(subscription, { lost: { get: () => lost } });
        },
        onStatus: (listener) => {
          report = listener;
          return () => {};
        },
      };
      const options = { bus, store: set.store, clock: set.clock, workerId: "w-2", pool: "p", concurrency: 3 };
      const agent = new Agent({ ...options, goodbyeMs: 0, logger: false });
      const errors: unknown[] = [];
      agent.on("error", (error) => errors.push(error));
      agent.job("job.echo", () => 1);
      await agent.start();
      await set.clock.settle();
      lost = new SubscribeFailedError("permission denied", { details: { subject: "job.echo" } });
      report("connected", lost);
      await set.clock.settle();
      await set.clock.advance(5_000);
      lost = undefined;
      report("connected");
      await set.clock.settle();
      expect(set.heartbeats().map(({ activeJobs }) => activeJobs)).toEqual([0, 3, 3, 0]);
      expect(errors).toHaveLength(1);
      await agent.close();
    },
  );

  it(req("cap.agent.pool", "a warning when no pool is set"), async () => {
    const { agent, logged } = await bench({ pool: undefined });
    agent.job("job.echo", () => 1);
    await agent.start();
    expect(logged.filter((line) => line.startsWith("no pool is set"))).toHaveLength(1);
    const other = await bench();
    other.agent.job("job.echo", () => 1);
    await other.agent.start();
    expect(other.logged.join("\n")).not.toContain("no pool");
  });
});
