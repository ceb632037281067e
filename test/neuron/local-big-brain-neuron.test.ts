/** Our neuron against our gateway, over real sockets. */
import { afterEach, describe, expect, it } from "vitest";
import { type CapabilityRegistration, type Handler, Neuron } from "../../src/neuron/index.js";
import type { LocalBigBrainOptions } from "../../src/testing/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

let brain: LocalBigBrain;
let neuron: Neuron;
afterEach(async () => {
  await neuron.stop({ drain: false });
  await brain.close();
});

async function serve(
  handler: Handler<unknown, unknown>,
  capability: Partial<CapabilityRegistration> = {},
  options: LocalBigBrainOptions = {},
): Promise<Error[]> {
  brain = await LocalBigBrain.start(options);
  neuron = new Neuron({
    gatewayUrl: brain.url,
    neuronId: "n/ü 1",
    auth: () => "t",
    initialReconnectDelayMs: 1,
  });
  const errors: Error[] = [];
  neuron.on("error", (error) => errors.push(error));
  neuron.handle({ type: "acme/echo", scope: "any", concurrency: 2, ...capability }, handler);
  return errors;
}

/** A handler that waits until it is aborted. */
const waits: Handler<unknown, unknown> = (_input, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

describe("a neuron at LocalBigBrain", () => {
  it(
    req("neuron.gateway.1.0.0", "registers with contracts, and without them at an older gateway"),
    async () => {
      const contract = { description: "d", inputSchema: { type: "object" } };
      await serve((input) => input, contract);
      const registered = brain.until("registered");
      await neuron.start();
      expect(await registered).toMatchObject({ protocolVersion: "1.1.0", capabilities: [contract] });
      await neuron.stop();
      await brain.close();

      await serve((input) => input, contract, { protocol: "1.0.0" });
      const older = brain.until("registered");
      await neuron.start();
      expect((await older).protocolVersion).toBe("1.0.0");
      expect(brain.refused.map(({ code }) => code)).toEqual(["INVALID_FRAME"]);
      const again = brain.until("registered");
      brain.dropStreams();
      expect((await again).protocolVersion).toBe("1.0.0");
      expect(brain.refused).toHaveLength(1);
    },
  );

  it(
    req("neuron.gateway.admission", "says that its registration was refused, and serves once it is let in"),
    async () => {
      const errors = await serve((input) => input);
      brain.deny("acme/echo");
      const refused = brain.until("refused");
      await neuron.start();
      expect(await refused).toMatchObject({ status: 403, code: "CAPABILITY_DENIED" });
      brain.approve("acme/echo");
      const registered = brain.until("registered");
      brain.dropStreams();
      await registered;
      expect(errors[0]?.message).toContain("registration rejected by gateway");
      expect(await brain.submit({ capability: "acme/echo", input: 1 })).toMatchObject({ output: 1 });
    },
  );

  it("gives up what was revoked, and stays away when it is told to", async () => {
    await serve(waits);
    const registered = brain.until("registered");
    await neuron.start();
    await registered;
    const leased = new Promise((resolve) =>
      neuron.on("frame", ({ type }) => type === "lease" && resolve(type)),
    );
    void brain.submit({ capability: "acme/echo" });
    await leased;
    const answered = brain.until("answer");
    brain.revoke("acme/echo");
    expect((await answered).answer.type).toBe("nack");
    const closed = new Promise<string>((resolve) => neuron.on("connection:close", resolve));
    let reconnecting = 0;
    neuron.on("connection:reconnecting", () => reconnecting++);
    brain.disconnect("n/ü 1", { reconnectable: false });
    await closed;
    expect(reconnecting).toBe(0);
  });

  it("runs a lease that comes twice once, and answers a cancel", async () => {
    let runs = 0;
    await serve((input, ctx) => {
      runs++;
      return input === "wait" ? waits(input, ctx) : input;
    });
    brain.faults.add(
      { kind: "duplicate", on: "lease" },
      { kind: "cancel", on: "lease", after: 1, reason: "enough" },
      { kind: "split", on: "lease", bytes: 1, after: 2 },
    );
    await neuron.start();
    expect(await brain.submit({ capability: "acme/echo", input: 1 })).toMatchObject({ output: 1 });
    expect(runs).toBe(1);
    expect(await brain.submit({ capability: "acme/echo", input: "wait" })).toMatchObject({
      status: "cancelled",
    });
    expect(await brain.submit({ capability: "acme/echo", input: "ü€" })).toMatchObject({ output: "ü€" });
    expect(brain.stats()).toMatchObject({ leases: 3, answeredTwice: 0 });
    expect(brain.refused).toEqual([]);
  });
});
