import { describe, expect, it, vi } from "vitest";
import { ComponentRole, JobStatus } from "../../gen/cap/index.js";
import type { Bus, BusStatus } from "../../src/cap/index.js";
import { Agent, InMemoryBlobStore, MemoryBus } from "../../src/cap/index.js";
import { ClosedError, ConflictError, TimeoutError, ValidationError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { bench, gate } from "./agent-bench.ts";

const parts = () => ({ bus: new MemoryBus().connect(), store: new InMemoryBlobStore() });

describe("an agent", () => {
  it(req("cap.agent.defaults", "is named cap-runtime, and workerId wins over senderId"), () => {
    expect(new Agent(parts()).workerId).toBe("cap-runtime");
    expect(new Agent({ ...parts(), senderId: "s" }).workerId).toBe("s");
    expect(new Agent({ ...parts(), senderId: "s", workerId: "w" }).workerId).toBe("w");
  });

  it.each([
    { maxParallel: 1.5 },
    { maxParallel: Number.NaN },
    { retries: -1 },
    { retries: 0.5 },
    { shutdownTimeoutMs: 0 },
    { shutdownTimeoutMs: -1 },
  ])(req("cap.agent.defaults", "refuses %j"), (options) => {
    expect(() => new Agent({ ...parts(), ...options })).toThrow(ValidationError);
  });

  it(req("cap.agent.lifecycle", "goes through its states, once"), async () => {
    const { agent } = await bench();
    const states: string[] = [agent.state];
    agent.on("state", (state) => states.push(state));
    await expect(agent.start()).rejects.toThrow("no handlers registered");
    agent.job("job.echo", () => 1);
    expect(() => agent.job("job.echo", () => 2)).toThrow(ConflictError);
    await agent.start();
    await expect(agent.start()).rejects.toThrow(ConflictError);
    expect(() => agent.job("job.late", () => 1)).toThrow(ConflictError);
    expect(() => agent.use((next) => next)).toThrow(ConflictError);
    const closing = agent.close();
    expect(agent.close()).toBe(closing);
    await closing;
    await agent[Symbol.asyncDispose]();
    expect(states).toEqual(["idle", "starting", "running", "closing", "closed"]);
    await expect(agent.start()).rejects.toThrow(ClosedError);
    expect(() => agent.job("job.late", () => 1)).toThrow(ClosedError);
  });

  it("refuses topics that are no subjects, handlers that are none, schemas that are none", async () => {
    const { agent, memory } = await bench();
    expect(() => agent.job("job.*", () => 1)).toThrow(ValidationError);
    expect(() => agent.job("job.x", {}, undefined as never)).toThrow(ValidationError);
    expect(() => agent.job("job.x", { retries: -1 }, () => 1)).toThrow(ValidationError);
    agent.job("job.x", { input: { type: "nonsense" } }, () => 1);
    await expect(agent.start()).rejects.toThrow("input of job.x");
    expect(agent.state).toBe("idle");
    expect(memory.subscriptionCount).toBe(1);
  });

  it.each([{ privateKey: "nonsense" }, { publicKeys: { a: "nonsense" } }, { workerId: "a b" }])(
    "does not start with %j",
    async (options) => {
      const { agent, memory } = await bench(options);
      agent.job("job.x", () => 1);
      await expect(agent.start()).rejects.toThrow(ValidationError);
      expect(memory.subscriptionCount).toBe(1);
    },
  );

  it("does not start as if there were worker trust where the environment asks for it", async () => {
    vi.stubEnv("CORDUM_SDK_HANDSHAKE", "enforce");
    try {
      const { agent, logged } = await bench();
      agent.job("job.x", () => 1);
      await expect(agent.start()).rejects.toMatchObject({ name: "UnsupportedError", code: "worker_trust" });
      vi.stubEnv("CORDUM_SDK_HANDSHAKE", "warn");
      await agent.start();
      expect(logged.some((line) => line.includes("runs without a session"))).toBe(true);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("a start that fails takes down what it made, and may be tried again", async () => {
    const memory = new MemoryBus();
    let closed = 0;
    let broken = true;
    const store = new InMemoryBlobStore();
    const connections: Bus[] = [];
    const agent = new Agent({
      bus: () => {
        connections.push(memory.connect());
        return connections.at(-1)!;
      },
      store: () => {
        if (broken) throw new Error("store down");
        return Object.assign(store, { close: async () => void closed++ });
      },
    });
    agent.job("job.echo", () => 1);
    await expect(agent.start()).rejects.toThrow("store down");
    expect(connections.map((bus) => bus.status())).toEqual(["closed"]);
    broken = false;
    await agent.start();
    expect(agent.state).toBe("running");
    await agent.close();
    expect(connections.map((bus) => bus.status())).toEqual(["closed", "closed"]);
    expect(closed).toBe(1);
  });

  it(req("cap.agent.close", "leaves open what is the caller's"), async () => {
    const { agent, bus, store, memory } = await bench();
    await store.set("x", new Uint8Array([1]));
    agent.job("job.echo", () => 1);
    await agent.start();
    await agent.close();
    expect(bus.status()).toBe("connected");
    expect(await store.get("x")).toBeDefined();
    expect(memory.subscriptionCount).toBe(1);
  });

  it("a connection that takes too long is no start, and is closed when it comes", async () => {
    const late = gate<Bus>();
    const { agent, clock, memory } = await bench({ bus: () => late.opened });
    agent.job("job.echo", () => 1);
    const starting = agent.start();
    const refused = expect(starting).rejects.toThrow(TimeoutError);
    await clock.advance(5_000);
    await refused;
    const connection = memory.connect();
    late.open(connection);
    await clock.settle();
    expect(connection.status()).toBe("closed");
  });

  it("closing while it starts ends the start", async () => {
    const late = gate<Bus>();
    const { agent, clock, memory } = await bench({ bus: () => late.opened });
    agent.job("job.echo", () => 1);
    const refused = expect(agent.start()).rejects.toThrow(ClosedError);
    const closing = agent.close();
    const connection = memory.connect();
    late.open(connection);
    await refused;
    await closing;
    await clock.settle();
    expect([agent.state, connection.status(), memory.subscriptionCount]).toEqual(["closed", "closed", 1]);
  });

  it(req("cap.agent.lifecycle", "run starts and blocks until the agent is closed"), async () => {
    const { agent, clock } = await bench();
    agent.job("job.echo", () => 1);
    let over = false;
    const running = agent.run().then(() => {
      over = true;
    });
    await clock.settle();
    expect([agent.state, over]).toEqual(["running", false]);
    await agent.close();
    await running;
    expect(over).toBe(true);
  });

  it("run follows a signal, and rejects when the bus is closed by somebody else", async () => {
    const first = await bench();
    first.agent.job("job.echo", () => 1);
    const controller = new AbortController();
    const running = first.agent.run({ signal: controller.signal });
    await first.clock.settle();
    controller.abort();
    await running;
    expect(first.agent.state).toBe("closed");

    const second = await bench();
    second.agent.job("job.echo", () => 1);
    const lost = expect(second.agent.run()).rejects.toThrow("the bus was closed");
    await second.clock.settle();
    await second.bus.close();
    await lost;
    expect(second.errors).toHaveLength(1);
  });

  it(
    req("cap.agent.signals", "closes on a signal of the process only where that was asked for"),
    async () => {
      const { agent, clock } = await bench({ handleSignals: ["SIGUSR2"] });
      agent.job("job.echo", () => 1);
      await agent.start();
      expect(process.listenerCount("SIGUSR2")).toBe(1);
      process.emit("SIGUSR2", "SIGUSR2");
      await agent.close();
      expect([agent.state, process.listenerCount("SIGUSR2")]).toEqual(["closed", 0]);
      const other = await bench();
      other.agent.job("job.echo", () => 1);
      const before = process.listenerCount("SIGTERM");
      await other.agent.start();
      expect(process.listenerCount("SIGTERM")).toBe(before);
      const third = await bench({ handleSignals: true });
      third.agent.job("job.echo", () => 1);
      await third.agent.start();
      expect(process.listenerCount("SIGTERM")).toBe(before + 1);
      await third.agent.close();
      expect(process.listenerCount("SIGTERM")).toBe(before);
      await clock.settle();
    },
  );
});

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
      maxParallel: 3,
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
    expect(heartbeats()).toHaveLength(3);
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
      maxParallel: 2,
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
    await agent.close();
    expect(listeners.size).toBe(0);
  });

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

describe("subjects", () => {
  it(req("cap.agent.subjects", "each topic in its queue group, and the direct subject in none"), async () => {
    const set = await bench();
    const asked: [string, string | undefined][] = [];
    const bus: Bus = Object.assign(
      {},
      {
        ...bound(set.bus),
        subscribe: (subject: string, run: never, options: { queue?: string } = {}) => {
          asked.push([subject, options.queue]);
          return set.bus.subscribe(subject, run, options);
        },
      },
    );
    const agent = new Agent({ bus, store: set.store, workerId: "w-2" });
    agent.job("job.a", () => 1).job("job.b", () => 1);
    await agent.start();
    expect(asked).toEqual([
      ["sys.job.cancel", undefined],
      ["job.a", "job.a"],
      ["job.b", "job.b"],
      ["worker.w-2.jobs", undefined],
    ]);
  });

  it(
    req("cap.agent.direct", "the direct subject goes by the topic; an unknown one is only warned about"),
    async () => {
      const { agent, send, output, results, logged } = await bench();
      agent.job("job.a", () => "a").job("job.b", () => "b");
      await agent.start();
      await send({ jobId: "1", topic: "job.b" }, { subject: "worker.w-1.jobs" });
      await send({ jobId: "2", topic: "job.c" }, { subject: "worker.w-1.jobs" });
      expect(await output("1")).toBe("b");
      expect(results()).toHaveLength(1);
      expect(logged.filter((line) => line.startsWith("no handler for the topic"))).toHaveLength(1);
    },
  );

  it(req("cap.agent.topic-not-compared", "a topic's subject goes by the subject"), async () => {
    const { agent, send, output } = await bench();
    agent.job("job.a", () => "a").job("job.b", () => "b");
    await agent.start();
    await send({ jobId: "1", topic: "job.b" }, { subject: "job.a" });
    expect(await output("1")).toBe("a");
  });

  it(req("cap.agent.never", "a reply subject is left alone"), async () => {
    const { agent, bus, client, results, clock, store } = await bench();
    let answered = 0;
    await bus.subscribe("inbox.1", () => answered++);
    agent.job("job.echo", () => 1);
    await agent.start();
    await store.set("x", new TextEncoder().encode("1"));
    const value = { jobId: "j", topic: "job.echo", contextPtr: "redis://x" };
    await client.send("job.echo", { case: "jobRequest", value }, "t", (subject, bytes) =>
      bus.publish(subject, bytes, { reply: "inbox.1" }),
    );
    await clock.settle();
    expect(results()).toMatchObject([{ status: JobStatus.SUCCEEDED }]);
    expect(answered).toBe(0);
  });

  it("other payloads and refused packets give no result, and are counted", async () => {
    const { agent, bus, client, results, clock } = await bench();
    agent.job("job.echo", () => 1);
    const refused: string[] = [];
    agent.on("refused", (error) => refused.push(error.name));
    await agent.start();
    await client.send("job.echo", { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } });
    await bus.publish("job.echo", new Uint8Array([1, 2, 3]));
    await clock.settle();
    expect(agent.counts).toMatchObject({ received: 2, refused: 1 });
    expect([results().length, refused]).toEqual([0, ["MalformedPacketError"]]);
  });
});

/** A bus that can be spread: its methods are those of the original. */
function bound(bus: Bus): Bus {
  return {
    publish: (...given) => bus.publish(...given),
    subscribe: (...given) => bus.subscribe(...given),
    request: (...given) => bus.request(...given),
    flush: () => bus.flush(),
    drain: () => bus.drain(),
    close: () => bus.close(),
    status: () => bus.status(),
    onStatus: (listener) => bus.onStatus(listener),
  };
}
