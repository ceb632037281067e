import { expect, it } from "vitest";
import type { ClientFrame, ServerToNeuronFrame } from "../../gen/neuron/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { IpcTransport, type NeuronIpcBridge } from "../../src/neuron/ipc/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

function bridge(overrides: Partial<NeuronIpcBridge> = {}) {
  const calls: string[] = [];
  const posted: ClientFrame[] = [];
  let listener: ((frame: ServerToNeuronFrame) => void) | undefined;
  const made: NeuronIpcBridge = {
    attach: async (neuronId) => {
      calls.push(`attach ${neuronId}`);
      return { channel: "c-1" };
    },
    detach: async (neuronId) => void calls.push(`detach ${neuronId}`),
    subscribe: (channel, callback) => {
      calls.push(`subscribe ${channel}`);
      listener = callback;
      return () => void calls.push("off");
    },
    invoke: async (_, frame) => void posted.push(frame),
    ...overrides,
  };
  return { made, calls, posted, send: (frame: ServerToNeuronFrame) => listener?.(frame) };
}

const lease: ServerToNeuronFrame = {
  type: "lease",
  lease: {
    leaseId: "L1",
    expiresAt: "2030-01-01T00:01:00Z",
    task: { taskId: "t", workflowId: "w", capability: "a/b", input: 1, attempt: 0 },
  },
  sentAt: "2030-01-01T00:00:00Z",
};

it(req("neuron.ipc", "serves leases over a bridge, and lets go of it"), async () => {
  const { made, calls, posted, send } = bridge();
  const clock = new FakeClock();
  const neuron = new Neuron({
    neuronId: "n",
    clock,
    transport: new IpcTransport({ bridge: made, neuronId: "n" }),
  });
  neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, (input) => ({ input }));
  await neuron.start();
  send(lease);
  await clock.settle();
  expect(posted.map(({ type }) => type)).toEqual(["register", "ack"]);
  await clock.until(neuron.stop());
  expect(calls).toEqual(["attach n", "subscribe c-1", "off", "detach n"]);
});

it.each(["attach", "subscribe", "invoke", "detach"] as const)(
  "tells of a bridge that throws in %s",
  async (call) => {
    const broken = () => {
      throw new Error("no such bridge");
    };
    const { made } = bridge({ [call]: broken });
    const clock = new FakeClock();
    const neuron = new Neuron({
      neuronId: "n",
      clock,
      transport: new IpcTransport({ bridge: made, neuronId: "n" }),
    });
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, () => 1);
    const errors: string[] = [];
    const logged = neuron.on("error", ({ message }) => errors.push(message));
    await neuron.start();
    await clock.settle();
    await clock.until(neuron.stop());
    logged();
    // A failed registration is tried again, so it is no error yet.
    if (call !== "invoke") expect(errors.join()).toContain(`the bridge failed in ${call}: no such bridge`);
    expect(clock.pending).toBe(0);
  },
);
