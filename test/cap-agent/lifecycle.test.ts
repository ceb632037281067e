import { describe, expect, it, vi } from "vitest";
import { JobStatus } from "../../gen/cap/index.js";
import type { Bus } from "../../src/cap/index.js";
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
    { concurrency: 1.5 },
    { concurrency: Number.NaN },
    { retries: -1 },
    { retries: 0.5 },
    { graceMs: 0 },
    { graceMs: -1 },
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

  it(
    req(
      "cap.trust.config",
      "does not start without its enrollment where the environment asks for trust, in warn too",
    ),
    async () => {
      for (const mode of ["enforce", "warn"]) {
        vi.stubEnv("CORDUM_SDK_HANDSHAKE", mode);
        try {
          const { agent, memory } = await bench();
          agent.job("job.x", () => 1);
          await expect(agent.start()).rejects.toMatchObject({
            name: "ValidationError",
            code: "TRUST_CONFIG",
          });
          expect(memory.subscriptionCount).toBe(1);
        } finally {
          vi.unstubAllEnvs();
        }
        const { agent } = await bench({ env: { CORDUM_SDK_HANDSHAKE: mode } });
        agent.job("job.x", () => 1);
        await expect(agent.start()).rejects.toMatchObject({ code: "TRUST_CONFIG" });
      }
    },
  );

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

  it("tells of what happens, one after the other, until it is closed", async () => {
    const { agent, send, clock } = await bench();
    agent.job("job.echo", () => 1);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { type } of agent.events()) seen.push(type);
    })();
    await agent.start();
    await clock.settle();
    await send();
    await agent.close();
    await reading;
    expect(seen).toEqual(["state", "heartbeat", "state", "job", "result", "state", "heartbeat", "state"]);
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
    req(
      "cap.agent.signals",
      "run() closes on SIGTERM and SIGINT and publishes what is in flight; start() does not",
    ),
    async () => {
      for (const name of ["SIGTERM", "SIGINT"] as const) {
        const { agent, clock, send, results } = await bench();
        const before = process.listenerCount(name);
        const { opened, open } = gate();
        agent.job("job.echo", () => opened);
        const running = agent.run();
        await clock.settle();
        expect(process.listenerCount(name)).toBe(before + 1);
        await send();
        process.emit(name, name);
        await clock.settle();
        expect([agent.state, results()]).toEqual(["closing", []]);
        // A second signal does what it does without an agent.
        expect(process.listenerCount(name)).toBe(before);
        open();
        await running;
        expect([agent.state, results()[0]?.status]).toEqual(["closed", JobStatus.SUCCEEDED]);
      }
      const other = await bench();
      other.agent.job("job.echo", () => 1);
      const before = process.listenerCount("SIGTERM");
      await other.agent.start();
      expect(process.listenerCount("SIGTERM")).toBe(before);
      await other.agent.close();
    },
  );
});
