import { afterEach, describe, expect, it, vi } from "vitest";
import { UnsupportedError } from "../../src/core/errors.js";
import type { LocalBigBrainOptions, TaskSubmission } from "../../src/testing/index.js";
import { FakeClock, LocalBigBrain } from "../../src/testing/index.js";
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

/** A gateway with one task of acme/echo and a neuron that holds its lease. */
async function leased(task: Partial<TaskSubmission> = {}, options: LocalBigBrainOptions = {}) {
  const brain = await startBrain(options);
  const neuron = await RawNeuron.serve(brain.url);
  const outcome = brain.submit({ capability: "acme/echo", input: { a: 1 }, ...task });
  const { lease } = await neuron.frame("lease");
  return { brain, neuron, outcome, lease };
}

const SENT = "2026-01-01T00:00:00.000Z";

describe("LocalBigBrain: a lease", () => {
  it(req("neuron.gateway.lease", "carries the task, and its ack is the outcome"), async () => {
    const clock = new FakeClock();
    const { brain, neuron, outcome, lease } = await leased(
      { taskId: "t-1", workflowId: "w", metadata: { k: 1 }, outputSchema: true },
      { clock, leaseTtlMs: 5_000 },
    );
    expect(lease).toEqual({
      leaseId: "lease-1",
      expiresAt: "2026-01-01T00:00:05.000Z",
      task: {
        taskId: "t-1",
        workflowId: "w",
        capability: "acme/echo",
        input: { a: 1 },
        attempt: 0,
        metadata: { k: 1 },
      },
      outputSchema: true,
    });
    const progress = { leaseId: "lease-1", percent: 50, sentAt: SENT };
    expect(await neuron.post("progress", progress)).toEqual({ status: 200 });
    expect(await neuron.ack("lease-1", null)).toEqual({ status: 200 });
    expect(await outcome).toEqual({
      taskId: "t-1",
      attempts: 1,
      progress: [{ type: "progress", ...progress }],
      status: "completed",
      output: null,
    });
    expect(brain.stats()).toMatchObject({ leases: 1, answered: 1, open: 0, pendingTasks: 0 });
  });

  it(
    req("neuron.gateway.answer-once", "the same answer again is fine, another one is refused and counted"),
    async () => {
      const { brain, neuron, outcome } = await leased();
      expect((await neuron.ack("lease-1", 1)).status).toBe(200);
      expect((await neuron.ack("lease-1", 1)).status).toBe(200);
      expect(await neuron.nack("lease-1", "terminal")).toEqual({ status: 409, code: "LEASE_ANSWERED" });
      expect(await outcome).toMatchObject({ status: "completed", output: 1 });
      expect(brain.stats()).toMatchObject({ answered: 1, answeredTwice: 1, repeats: 1 });
      expect(await neuron.ack("lease-9")).toEqual({ status: 404, code: "LEASE_NOT_FOUND" });
    },
  );

  it(req("neuron.gateway.concurrency", "no more than the concurrency are unanswered, in order"), async () => {
    const brain = await startBrain();
    const neuron = await RawNeuron.serve(brain.url, [{ type: "acme/echo", scope: "any", concurrency: 2 }]);
    const outcomes = [1, 2, 3, 4].map((input) => brain.submit({ capability: "acme/echo", input }));
    await neuron.frame("lease", 1);
    expect(brain.stats().leases).toBe(2);
    for (let i = 0; i < 4; i++) {
      const { lease } = await neuron.frame("lease", i);
      expect(lease.task.input).toBe(i + 1);
      await neuron.ack(lease.leaseId, lease.task.input);
    }
    expect((await Promise.all(outcomes)).map((outcome) => outcome.status)).toEqual(
      Array(4).fill("completed"),
    );
    const capability = { type: "acme/echo", scope: "any", concurrency: 3 };
    const update = await neuron.post("update-capability", { neuronId: "n-1", capability });
    expect(update).toEqual({ status: 200 });
    for (let i = 0; i < 5; i++) void brain.submit({ capability: "acme/echo" });
    await neuron.frame("lease", 6);
    expect(brain.stats()).toMatchObject({ leases: 7, open: 3 });
  });

  it(
    req("neuron.gateway.ttl", "expires unless a heartbeat lists it, and comes again with attempt + 1"),
    async () => {
      const clock = new FakeClock();
      const { brain, neuron, outcome } = await leased({}, { clock, leaseTtlMs: 5_000 });
      await clock.advance(4_000);
      const inFlight = [{ leaseId: "lease-1", taskId: "task-1", startedAt: SENT }];
      const beat = { neuronId: "n-1", inFlight, sentAt: SENT };
      expect(await neuron.post("heartbeat", beat)).toEqual({ status: 200 });
      await clock.advance(4_000);
      expect(brain.stats()).toMatchObject({ leases: 1, open: 1 });
      await clock.advance(2_000);
      const { lease } = await neuron.frame("lease", 1);
      expect(lease).toMatchObject({ leaseId: "lease-2", task: { taskId: "task-1", attempt: 1 } });
      // The first answer of the task counts, though its lease was given up.
      expect((await neuron.ack("lease-1", "late")).status).toBe(200);
      expect(await outcome).toMatchObject({ output: "late", attempts: 2 });
    },
  );

  it("has the life that the capability or the task asks for", async () => {
    const clock = new FakeClock();
    const brain = await startBrain({ clock });
    const neuron = await RawNeuron.serve(brain.url, [
      { type: "acme/echo", scope: "any", concurrency: 2, leaseTtlMs: 7_000 },
    ]);
    void brain.submit({ capability: "acme/echo" });
    void brain.submit({ capability: "acme/echo", leaseTtlMs: 1_000 });
    expect((await neuron.frame("lease", 0)).lease.expiresAt).toBe("2026-01-01T00:00:07.000Z");
    expect((await neuron.frame("lease", 1)).lease.expiresAt).toBe("2026-01-01T00:00:01.000Z");
  });

  it(
    req("neuron.gateway.redeliver", "goes to the next stream when its own ends, at once or on expiry"),
    async () => {
      const { brain, neuron } = await leased();
      const lost = brain.until("lost");
      await neuron.close();
      expect((await lost).state).toBe("lost");
      const second = await RawNeuron.serve(brain.url);
      expect((await second.frame("lease")).lease).toMatchObject({ leaseId: "lease-2", task: { attempt: 1 } });

      const patient = await leased({}, { redeliver: "on-expiry" });
      const gone = patient.brain.until("disconnected");
      await patient.neuron.close();
      await gone;
      expect(patient.brain.stats()).toMatchObject({ leases: 1, open: 1, lost: 0 });
    },
  );
});

describe("LocalBigBrain: nacks", () => {
  it(
    req("neuron.gateway.retry", "a retryable one is tried again only where the task says so, with backoff"),
    async () => {
      const clock = new FakeClock();
      const retry = { maxRetries: 2, backoffMs: 1_000, backoffMultiplier: 3, maxBackoffMs: 2_000 };
      const { brain, neuron, outcome } = await leased({ retry }, { clock });
      for (const [index, waitMs] of [1_000, 2_000].entries()) {
        await neuron.nack(`lease-${index + 1}`, "retryable", { code: "HANDLER_THREW" });
        await clock.advance(waitMs - 1);
        expect(brain.stats().leases).toBe(index + 1);
        await clock.advance(1);
        expect((await neuron.frame("lease", index + 1)).lease.task.attempt).toBe(index + 1);
      }
      await neuron.nack("lease-3", "retryable", { code: "HANDLER_THREW" });
      expect(await outcome).toMatchObject({ status: "failed", kind: "retryable", attempts: 3 });
    },
  );

  it.each(["retryable", "terminal", "schema-mismatch", "cancelled"])(
    "%s with a code and without retries is the end",
    async (kind) => {
      const { neuron, outcome } = await leased();
      await neuron.nack("lease-1", kind, { code: "C", details: { errors: ["e"] } });
      expect(await outcome).toMatchObject({ status: "failed", kind, code: "C", details: { errors: ["e"] } });
    },
  );

  it("a retryable one without a code hands the task back: to others, or after a new registration", async () => {
    const { brain, neuron } = await leased();
    await neuron.nack("lease-1", "retryable");
    const other = await RawNeuron.serve(brain.url, undefined, "n-2");
    expect((await other.frame("lease")).lease.task).toMatchObject({ taskId: "task-1", attempt: 1 });
    await other.nack("lease-2", "retryable");
    expect(neuron.frames.filter(({ type }) => type === "lease")).toHaveLength(1);
    const capabilities = [{ type: "acme/echo", scope: "any", concurrency: 1 }];
    await neuron.post("register", { neuronId: "n-1", protocolVersion: "1.0.0", capabilities });
    expect((await neuron.frame("lease", 1)).lease.task.attempt).toBe(2);
  });
});

describe("LocalBigBrain: cancel", () => {
  it(req("neuron.gateway.cancel", "at once while it waits, by a frame while it is leased"), async () => {
    const { brain, neuron, outcome } = await leased();
    const waiting = brain.submit({ capability: "acme/echo", taskId: "second" });
    expect(brain.cancel("second", "not needed")).toBe(true);
    expect(await waiting).toMatchObject({ status: "cancelled", reason: "not needed", attempts: 0 });
    expect(brain.cancel("task-1", "stop")).toBe(true);
    expect(await neuron.frame("cancel")).toMatchObject({ leaseId: "lease-1", reason: "stop" });
    await neuron.nack("lease-1", "cancelled", { code: "CANCELLED" });
    expect(await outcome).toMatchObject({ status: "cancelled", reason: "stop" });
    expect(brain.cancel("task-1")).toBe(false);
  });

  it("reaches a neuron that comes back, and an ack all the same is the outcome", async () => {
    const { brain, neuron, outcome } = await leased({}, { redeliver: "on-expiry" });
    const gone = brain.until("disconnected");
    await neuron.close();
    await gone;
    brain.cancel("task-1", "stop");
    const again = await RawNeuron.serve(brain.url);
    expect(await again.frame("cancel")).toMatchObject({ leaseId: "lease-1" });
    await again.ack("lease-1", "done");
    expect(await outcome).toMatchObject({ status: "completed", output: "done" });
  });
});

describe("LocalBigBrain: whose tasks", () => {
  it("a neuron for one user gets that user's tasks only, one for any gets all", async () => {
    const brain = await startBrain();
    const scoped = { type: "acme/echo", scope: { onBehalfOf: "u1" }, concurrency: 5 };
    const mine = await RawNeuron.serve(brain.url, [scoped], "n-u1");
    void brain.submit({ capability: "acme/echo", input: "any" });
    void brain.submit({ capability: "acme/echo", input: "u2", onBehalfOf: "u2" });
    void brain.submit({ capability: "acme/echo", input: "u1", onBehalfOf: "u1" });
    expect((await mine.frame("lease")).lease.task).toMatchObject({ input: "u1", onBehalfOf: "u1" });
    const all = await RawNeuron.serve(
      brain.url,
      [{ type: "acme/echo", scope: "any", concurrency: 5 }],
      "n-any",
    );
    expect((await all.frame("lease", 0)).lease.task.input).toBe("any");
    expect((await all.frame("lease", 1)).lease.task.input).toBe("u2");
  });

  it("says what it takes away and why it goes", async () => {
    const { brain, neuron } = await leased();
    brain.revoke("acme/echo", "policy");
    expect(await neuron.frame("capability-revoked")).toMatchObject({
      capability: "acme/echo",
      reason: "policy",
    });
    expect(brain.disconnect("n-1", { reason: "update", code: "X", reconnectable: false })).toBe(true);
    expect(await neuron.frame("disconnect")).toMatchObject({ reconnectable: false, code: "X" });
    await neuron.ended;
    expect(brain.isConnected("n-1")).toBe(false);
    expect(brain.disconnect("n-1")).toBe(false);
  });

  it("a second stream of a neuron ends the first", async () => {
    const brain = await startBrain();
    const first = await RawNeuron.serve(brain.url);
    const second = await RawNeuron.serve(brain.url);
    await first.ended;
    void brain.submit({ capability: "acme/echo" });
    expect((await second.frame("lease")).lease.leaseId).toBe("lease-1");
  });

  it(req("neuron.gateway.node-only", "says Unsupported where there is no Node"), async () => {
    vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
    try {
      await expect(LocalBigBrain.start()).rejects.toBeInstanceOf(UnsupportedError);
    } finally {
      vi.unstubAllGlobals();
    }
    const brain = await startBrain();
    await expect(LocalBigBrain.start({ port: Number(new URL(brain.url).port) })).rejects.toMatchObject({
      code: "CONNECTION",
    });
  });

  it("is closed once, and what is in hand is abandoned", async () => {
    const { brain, neuron, outcome } = await leased();
    const never = brain.until("heartbeat");
    await Promise.all([
      brain.close(),
      brain.close(),
      expect(never).rejects.toThrow(expect.objectContaining({ code: "CLOSED" })),
    ]);
    expect((await outcome).status).toBe("abandoned");
    expect((await brain.submit({ capability: "acme/echo" })).status).toBe("abandoned");
    await neuron.ended;
    await expect(RawNeuron.open(brain.url)).rejects.toThrow();
  });
});
