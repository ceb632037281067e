import { afterEach, describe, expect, it } from "vitest";
import type { BigBrainFault } from "../../src/testing/big-brain/faults.js";
import type { Observation } from "../../src/testing/http/observe.js";
import { FakeClock, LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { RawNeuron } from "./local-big-brain-client.ts";

let brain: LocalBigBrain;
afterEach(() => brain.close());

async function withFaults(...faults: BigBrainFault[]): Promise<void> {
  brain = await LocalBigBrain.start();
  brain.faults.add(...faults);
}

describe("LocalBigBrain: faults", () => {
  it(
    req("neuron.gateway.faults", "answers with a status so many times, after so many requests"),
    async () => {
      await withFaults({ kind: "status", on: "ack", status: 503, body: {}, after: 1, times: 2 });
      const neuron = await RawNeuron.serve(brain.url);
      const outcome = brain.submit({ capability: "acme/echo" });
      const { leaseId } = (await neuron.frame("lease")).lease;
      expect((await neuron.ack("lease-0")).status).toBe(404);
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await neuron.ack(leaseId)).status);
      expect(statuses).toEqual([503, 503, 200]);
      expect((await outcome).status).toBe("completed");
      expect(brain.faults.pending).toBe(0);
    },
  );

  it("refuses a stream with 401, of one neuron only", async () => {
    await withFaults({ kind: "status", on: "openEvents", status: 401, neuronId: "n-2" });
    await RawNeuron.open(brain.url, "n-1");
    await expect(RawNeuron.open(brain.url, "n-2")).rejects.toThrow("status 401");
    await RawNeuron.open(brain.url, "n-2");
  });

  it("breaks a request off before it is taken, or after it", async () => {
    await withFaults(
      { kind: "drop", on: "ack", when: "before" },
      { kind: "drop", on: "ack", when: "after", after: 1 },
    );
    const neuron = await RawNeuron.serve(brain.url);
    const outcome = brain.submit({ capability: "acme/echo" });
    await neuron.frame("lease");
    await expect(neuron.ack("lease-1")).rejects.toThrow();
    expect(brain.stats().answered).toBe(0);
    await expect(neuron.ack("lease-1")).rejects.toThrow();
    expect((await outcome).status).toBe("completed");
    expect((await neuron.ack("lease-1")).status).toBe(200);
    expect(brain.stats()).toMatchObject({ answered: 1, repeats: 1, answeredTwice: 0 });
  });

  it("is slow", async () => {
    const clock = new FakeClock();
    let seen = (): void => {};
    const asked = new Promise<void>((resolve) => {
      seen = resolve;
    });
    const observe = ({ operation }: Observation) => operation === "register" && seen();
    brain = await LocalBigBrain.start({ clock, observe });
    brain.faults.add({ kind: "delay", on: "register", delayMs: 60_000 });
    const neuron = await RawNeuron.open(brain.url);
    const capabilities = [{ type: "acme/echo", scope: "any", concurrency: 1 }];
    const answer = neuron.post("register", { neuronId: "n-1", protocolVersion: "1.0.0", capabilities });
    await asked;
    await clock.settle();
    expect(brain.registration("n-1")).toBeUndefined();
    await clock.advance(60_000);
    expect((await answer).status).toBe(200);
  });

  it("writes a lease twice, in pieces, or drops the stream under it", async () => {
    await withFaults(
      { kind: "duplicate", on: "lease" },
      { kind: "split", on: "lease", bytes: 7, after: 1 },
      { kind: "drop-stream", on: "lease", how: "end", after: 2 },
    );
    const neuron = await RawNeuron.serve(brain.url);
    void brain.submit({ capability: "acme/echo", input: "ü" });
    expect((await neuron.frame("lease", 1)).lease.leaseId).toBe("lease-1");
    await neuron.ack("lease-1");
    const before = neuron.chunks.length;
    void brain.submit({ capability: "acme/echo", input: "ü" });
    brain.send("n-1", ": after\n\n");
    expect((await neuron.frame("lease", 2)).lease.task.input).toBe("ü");
    expect(neuron.chunks.slice(before).join("").indexOf("event: lease")).toBe(0);
    await neuron.ack("lease-2");
    void brain.submit({ capability: "acme/echo" });
    await neuron.ended;
    expect(neuron.frames.at(-1)).toMatchObject({ lease: { leaseId: "lease-3" } });
  });

  it("writes a lease that is not JSON, and cuts the stream instead of writing one", async () => {
    await withFaults({ kind: "malformed", on: "lease" }, { kind: "drop", on: "lease" });
    const neuron = await RawNeuron.serve(brain.url);
    const outcome = brain.submit({ capability: "acme/echo" });
    await neuron.ended;
    const [text = ""] = /\{"type":"lease".*/.exec(neuron.chunks.join("")) ?? [];
    expect(text).toContain('"leaseId":"lease-1"');
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    const again = await RawNeuron.serve(brain.url);
    await again.ended;
    expect(again.chunks.join("")).not.toContain('"type":"lease"');
    const third = await RawNeuron.serve(brain.url);
    await third.ack((await third.frame("lease")).lease.leaseId);
    expect(await outcome).toMatchObject({ status: "completed", attempts: 3 });
  });

  it("cancels a lease that is on its way", async () => {
    await withFaults({ kind: "cancel", on: "lease", reason: "changed my mind" });
    const neuron = await RawNeuron.serve(brain.url);
    const outcome = brain.submit({ capability: "acme/echo" });
    expect(await neuron.frame("cancel")).toMatchObject({ leaseId: "lease-1", reason: "changed my mind" });
    await neuron.nack("lease-1", "cancelled");
    expect(await outcome).toMatchObject({ status: "cancelled", reason: "changed my mind" });
  });

  it(req("neuron.gateway.restart", "goes down and up on the same port; tasks and leases stay"), async () => {
    await withFaults({ kind: "restart", on: "heartbeat" });
    const neuron = await RawNeuron.serve(brain.url);
    const outcome = brain.submit({ capability: "acme/echo" });
    await neuron.frame("lease");
    const url = brain.url;
    const beat = { neuronId: "n-1", inFlight: [], sentAt: "2026-01-01T00:00:00.000Z" };
    await neuron.post("heartbeat", beat).catch(() => {});
    await neuron.ended;
    // Waits for the restart in hand.
    await brain.restart();
    const again = await RawNeuron.serve(url);
    expect((await again.frame("lease")).lease.task).toMatchObject({ taskId: "task-1", attempt: 1 });
    expect((await again.ack("lease-1", "from before")).status).toBe(200);
    expect(await outcome).toMatchObject({ output: "from before" });
  });

  it("keeps an idle stream alive with comments", async () => {
    const clock = new FakeClock();
    brain = await LocalBigBrain.start({ clock, keepAliveMs: 1_000 });
    const neuron = await RawNeuron.serve(brain.url);
    await neuron.frame("registered");
    const beats = brain.until("disconnected");
    await clock.advance(3_500);
    brain.dropStreams({ how: "end" });
    await Promise.all([neuron.ended, beats]);
    expect(neuron.chunks.join("").split(": keep-alive\n\n")).toHaveLength(4);
    await clock.settle();
    expect(clock.pending).toBe(1);
  });
});
