/** Stops at random moments, against a gateway on loopback that also drops streams and cancels leases. */
import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Neuron } from "../../src/neuron/index.js";
import { req } from "../requirements/index.ts";
import { TestGateway, turn } from "./gateway.ts";

/** A small generator of numbers from 0 up to 1 that can be started anew. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Timers and sockets of this process that keep it alive. */
const handles = () =>
  process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name === "TCPSocketWrap").length;

describe("stops at random moments", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await new TestGateway().start();
  });
  afterAll(() => gateway.stop());

  it(req("neuron.stop.any-moment", "all 1,000 settle, answer every lease once, and leave nothing behind"), {
    timeout: 600_000,
  }, async () => {
    const before = handles();
    const random = seeded(42);
    const signals: AbortSignal[] = [];
    let settled = 0;
    let answeredTwice = 0;
    let inHand = 0;
    for (let round = 0; round < 1_000; round++) {
      gateway.requests.length = 0;
      const neuron = new Neuron({
        gatewayUrl: gateway.url,
        neuronId: `n-${round}`,
        auth: () => "tok",
        initialReconnectDelayMs: 1,
        heartbeatIntervalMs: 1,
      });
      neuron.handle({ type: "a/quick", scope: "any", concurrency: 2 }, (input) => input);
      neuron.handle({ type: "a/slow", scope: "any", concurrency: 2 }, (_, ctx) => {
        signals.push(ctx.signal);
        ctx.progress({ percent: 1 });
        return new Promise((resolve, reject) => {
          if (random() < 0.5) setImmediate(resolve);
          else ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason), { once: true });
        });
      });
      const started = neuron.start();
      if (random() < 0.7) await started;
      const steps = Math.floor(random() * 12);
      for (let step = 0; step < steps; step++) {
        const dice = random();
        if (dice < 0.5) gateway.lease(`L-${round}-${step}`, dice < 0.25 ? "a/quick" : "a/slow");
        else if (dice < 0.55) gateway.drop(dice < 0.525 ? "end" : "break");
        else if (dice < 0.65) {
          const leaseId = `L-${round}-${Math.floor(random() * step)}`;
          gateway.send({
            type: "cancel",
            leaseId,
            reason: "x",
            cancelledAt: "2030-01-01T00:00:00Z",
          } as never);
        } else {
          for (let turns = random() * 8; turns > 0; turns--) await turn();
        }
      }
      const drain = random() < 0.5;
      await neuron.stop({ drain, timeoutMs: drain ? 5 : 0 });
      await started.catch(() => {});
      settled++;
      inHand += neuron.inFlight;
      const answers = new Map<string, Set<string>>();
      for (const { body } of gateway.requests) {
        const frame = body as { type?: string; leaseId?: string } | null;
        if (frame?.type !== "ack" && frame?.type !== "nack") continue;
        const given = answers.get(frame.leaseId!) ?? new Set();
        answers.set(frame.leaseId!, given.add(JSON.stringify(frame)));
      }
      answeredTwice += [...answers.values()].filter((given) => given.size > 1).length;
    }
    expect({ settled, inHand, answeredTwice }).toEqual({ settled: 1_000, inHand: 0, answeredTwice: 0 });
    expect(signals.length).toBeGreaterThan(200);
    gateway.drop("break");
    for (let i = 0; i < 1_000 && handles() > before; i++) await turn();
    // Listeners of handlers go with their signals; ours must be gone.
    const finished = signals.filter(({ aborted }) => !aborted);
    expect(finished.filter((signal) => getEventListeners(signal, "abort").length > 1)).toEqual([]);
    expect(handles()).toBeLessThanOrEqual(before);
  });
});
