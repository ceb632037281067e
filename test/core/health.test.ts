import { describe, expect, it } from "vitest";
import { Agent, type Bus, InMemoryBlobStore, MemoryBus } from "../../src/cap/index.js";
import { health } from "../../src/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";

describe("health", () => {
  it("is false while an agent is starting, reconnecting, deaf or closing", async () => {
    const bus = new MemoryBus().connect();
    let [status, lost] = ["connected" as ReturnType<Bus["status"]>, undefined as Error | undefined];
    const flaky: Bus = {
      publish: (...args) => bus.publish(...args),
      flush: () => bus.flush(),
      drain: () => bus.drain(),
      close: () => bus.close(),
      onStatus: (listener) => bus.onStatus(listener),
      status: () => status,
      subscribe: async (...args) => {
        const subscription = await bus.subscribe(...args);
        return Object.defineProperty(subscription, "lost", { get: () => lost });
      },
    };
    const agent = new Agent({ bus: flaky, store: new InMemoryBlobStore(), logger: false });
    agent.job("job.x", async () => 1);
    const ok = () => health({ agent }).ok;
    expect(health({ agent })).toEqual({ ok: false, workers: { agent: "not serving" } });
    await agent.start();
    expect(health({ agent })).toEqual({ ok: true, workers: { agent: "serving" } });
    status = "reconnecting";
    expect(ok()).toBe(false);
    status = "connected";
    expect(ok()).toBe(true);
    lost = new Error("no permission");
    expect(ok()).toBe(false);
    lost = undefined;
    const closing = agent.close();
    expect(ok()).toBe(false);
    await closing;
    expect(ok()).toBe(false);
  });

  it("is false until a neuron is registered, and after its stop", async () => {
    const brain = await LocalBigBrain.start();
    const neuron = new Neuron({ gatewayUrl: brain.url, neuronId: "n", auth: () => "t", logger: false });
    neuron.handle({ type: "acme/x" }, () => 1);
    expect(health({ neuron }).ok).toBe(false);
    await neuron.start();
    while (!health({ neuron }).ok) await new Promise(setImmediate);
    const stopping = neuron.stop();
    expect(health({ neuron }).ok).toBe(false);
    await stopping;
    await brain.close();
  });

  it("names the worker that is not serving", () => {
    expect(health({ a: { isServing: true }, b: { isServing: false } })).toEqual({
      ok: false,
      workers: { a: "serving", b: "not serving" },
    });
  });
});
