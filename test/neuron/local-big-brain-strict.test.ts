import { afterEach, describe, expect, it } from "vitest";
import type { LocalBigBrainOptions } from "../../src/testing/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { RawNeuron } from "./local-big-brain-client.ts";

const brains: LocalBigBrain[] = [];
afterEach(async () => {
  for (const brain of brains.splice(0)) await brain.close();
});

async function startBrain(options: LocalBigBrainOptions = {}): Promise<LocalBigBrain> {
  const brain = await LocalBigBrain.start(options);
  brains.push(brain);
  return brain;
}

const SENT = "2026-01-01T00:00:00.000Z";

describe("LocalBigBrain: strict", () => {
  const capability = { type: "acme/echo", scope: "any", concurrency: 1 };
  const register = { neuronId: "n-1", protocolVersion: "1.1.0", capabilities: [capability] };

  it.each([
    ["register", { ...register, capabilities: [] }],
    ["register", { ...register, extra: 1 }],
    ["register", { ...register, capabilities: [capability, capability] }],
    ["register", { ...register, capabilities: [{ ...capability, leaseTtlMs: null }] }],
    ["register", { ...register, capabilities: [{ ...capability, type: "echo" }] }],
    ["update-capability", { neuronId: "n-1", capability: { ...capability, concurrency: 0 } }],
    ["heartbeat", { neuronId: "n-1", inFlight: [], sentAt: "2026-01-01T00:00:00" }],
    ["heartbeat", { neuronId: "n-1", inFlight: [], sentAt: "2026-01-01T01:00:00+01:00" }],
    [
      "heartbeat",
      { neuronId: "n-1", inFlight: [{ leaseId: "x", taskId: "y", startedAt: SENT }], sentAt: SENT },
    ],
    ["ack", { leaseId: "lease-1" }],
    ["nack", { leaseId: "lease-1", kind: "retryable", reason: "", failedAt: SENT }],
    ["nack", { leaseId: "lease-1", kind: "odd", reason: "r", failedAt: SENT }],
    ["progress", { leaseId: "lease-1", percent: 101, sentAt: SENT }],
    ["ack", { type: "nack", leaseId: "lease-1", completedAt: SENT }],
  ])(req("neuron.gateway.strict", "%s refuses %j"), async (path, frame) => {
    const brain = await startBrain();
    const neuron = await RawNeuron.serve(brain.url);
    expect(await neuron.post(path, frame)).toEqual({ status: 400, code: "INVALID_FRAME" });
    expect(brain.refused).toHaveLength(1);
  });

  it("refuses what is no JSON, no JSON type, a wrong path, method, token or order", async () => {
    const brain = await startBrain({ tokens: ["t", "u"], maxBodyBytes: 1_000 });
    const neuron = await RawNeuron.open(brain.url, "n-1", "u");
    expect(await neuron.postRaw("ack", "{")).toEqual({ status: 400, code: "INVALID_FRAME" });
    expect(await neuron.postRaw("ack", `"${"x".repeat(1_000)}"`)).toEqual({ status: 413, code: "TOO_LARGE" });
    const text = { "Content-Type": "text/plain" };
    expect((await neuron.postRaw("ack", "{}", text)).status).toBe(415);
    expect((await neuron.postRaw("bark", "{}")).status).toBe(404);
    expect((await neuron.postRaw("events?neuronId=n-1", "{}")).status).toBe(405);
    const stranger = await neuron.postRaw("ack", "{}", { Authorization: "Bearer v" });
    expect(stranger).toEqual({ status: 401, code: "UNAUTHORIZED" });
    const beat = { neuronId: "n-1", inFlight: [], sentAt: SENT };
    expect(await neuron.post("heartbeat", beat)).toEqual({ status: 409, code: "NOT_REGISTERED" });
    expect(await neuron.post("register", { ...register, neuronId: "n-2" })).toEqual({
      status: 409,
      code: "NO_STREAM",
    });
    await expect(RawNeuron.open(brain.url, "n-3", "v")).rejects.toThrow("status 401");
    await expect(RawNeuron.open(brain.url, "")).rejects.toThrow("status 400");
  });

  it(req("neuron.gateway.1.0.0", "an older gateway answers INVALID_FRAME to contracts"), async () => {
    const brain = await startBrain({ protocol: "1.0.0" });
    const neuron = await RawNeuron.open(brain.url);
    const capabilities = [{ ...capability, description: "d", inputSchema: {} }];
    expect(await neuron.post("register", { ...register, capabilities })).toEqual({
      status: 400,
      code: "INVALID_FRAME",
    });
    expect((await neuron.post("register", register)).status).toBe(200);
    const current = await startBrain();
    const second = await RawNeuron.open(current.url);
    expect((await second.post("register", { ...register, capabilities })).status).toBe(200);
    expect((await second.frame("registered")).capabilities).toEqual(capabilities);
  });

  it(req("neuron.gateway.admission", "403 for what is denied or waits for approval"), async () => {
    const brain = await startBrain({ admit: ({ type }) => type !== "acme/hidden" });
    brain.deny("acme/echo");
    const neuron = await RawNeuron.open(brain.url);
    expect(await neuron.post("register", register)).toEqual({ status: 403, code: "CAPABILITY_DENIED" });
    brain.holdForApproval("acme/echo");
    expect(await neuron.post("register", register)).toEqual({
      status: 403,
      code: "CAPABILITY_PENDING_APPROVAL",
    });
    brain.approve("acme/echo");
    const capabilities = [capability, { ...capability, type: "acme/hidden" }];
    expect(await neuron.post("register", { ...register, capabilities })).toEqual({ status: 200 });
    expect((await neuron.frame("registered")).capabilities).toEqual([capability]);
    brain.deny("acme/echo");
    const update = { neuronId: "n-1", capability };
    expect(await neuron.post("update-capability", update)).toEqual({
      status: 403,
      code: "CAPABILITY_DENIED",
    });
    expect(brain.registration("n-1")?.capabilities).toEqual([capability]);
  });
});
