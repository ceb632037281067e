/** Frames: which are taken, which are refused and with what reason, and what an older gateway gets of them. */
import { describe, expect, it } from "vitest";
import type { ClientFrame } from "../../gen/neuron/index.js";
import { ProtocolError, ValidationError } from "../../src/core/errors.js";
import {
  capabilityFor,
  checkClientFrame,
  isClientFrameType,
  leaseIdInStart,
  parseServerFrame,
  postFrame,
} from "../../src/neuron/frames.js";
import { memoryTransport } from "../../src/neuron/index.js";

const at = "2030-01-01T00:00:00Z";
const task = { taskId: "t", workflowId: "w", capability: "a/b", input: 1, attempt: 2 };
const lease = { leaseId: "L1", expiresAt: at, task };
const capability = { type: "a/b", scope: "any", concurrency: 1 };
const server: Record<string, object> = {
  registered: { sessionId: "s", capabilities: [capability], acceptedAt: at },
  lease: { lease, sentAt: at },
  cancel: { leaseId: "L1", reason: "r", cancelledAt: at },
  "capability-revoked": { capability: "a/b", reason: "r", revokedAt: at },
  disconnect: { reason: "r", reconnectable: true, sentAt: at },
};
const inFlight = { leaseId: "L1", taskId: "t", startedAt: at };
const client: Record<string, object> = {
  register: { neuronId: "n", protocolVersion: "1.1.0", capabilities: [capability] },
  "update-capability": { neuronId: "n", capability },
  heartbeat: { neuronId: "n", inFlight: [inFlight], sentAt: at },
  ack: { leaseId: "L1", output: null, completedAt: at },
  nack: { leaseId: "L1", kind: "terminal", reason: "r", code: "C", details: {}, failedAt: at },
  progress: { leaseId: "L1", percent: 100, message: "", data: [], sentAt: at },
};

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("a frame of the gateway", () => {
  it.each(Object.keys(server))(
    "of type %s is taken, as text and as an object, with members that are new",
    (type) => {
      const frame = { type, ...server[type], "x-new": { a: 1 } };
      expect(parseServerFrame(JSON.stringify(frame))).toEqual(frame);
      expect(parseServerFrame(frame)).toEqual(frame);
      expect(isClientFrameType(type)).toBe(false);
    },
  );

  const { attempt: _, ...noAttempt } = task;
  it.each<[string, object, string, number]>([
    ["sentAt", { lease }, "", 2],
    ["attempt", { lease: { ...lease, task: noAttempt }, sentAt: at }, at, 0],
    ["either", { lease: { ...lease, task: noAttempt } }, "", 0],
  ])("a lease may come without %s", (_, frame, sentAt, attempt) => {
    const whole = { type: "lease", lease: { ...lease, task: { ...task, attempt } }, sentAt };
    expect(parseServerFrame({ type: "lease", ...frame })).toEqual(whole);
  });

  it.each<[unknown, string, object | undefined]>([
    ["", "BAD_FRAME", undefined],
    ["{", "BAD_FRAME", undefined],
    ["[]", "BAD_FRAME", undefined],
    [null, "BAD_FRAME", undefined],
    [7, "BAD_FRAME", undefined],
    [{}, "UNKNOWN_FRAME", undefined],
    [{ type: ["lease"] }, "UNKNOWN_FRAME", undefined],
    [{ type: "toString" }, "UNKNOWN_FRAME", undefined],
    [{ type: "ack", ...client.ack }, "UNKNOWN_FRAME", undefined],
    [{ type: "cancel", leaseId: "L1" }, "INVALID_FRAME", { problem: "cancel.reason is missing" }],
    [
      { type: "cancel", ...server.cancel, leaseId: 7 },
      "INVALID_FRAME",
      { problem: "cancel.leaseId must be string" },
    ],
    [{ type: "lease", lease: 1, sentAt: at }, "INVALID_FRAME", { problem: "lease.lease must be object" }],
    [
      { type: "lease", lease: { ...lease, task: null } },
      "INVALID_FRAME",
      { problem: "lease.lease.task must be object", leaseId: "L1" },
    ],
    [
      { type: "lease", lease: { ...lease, leaseId: "" }, sentAt: at },
      "INVALID_FRAME",
      { problem: "lease.lease.leaseId breaks minLength 1" },
    ],
    [
      { type: "lease", lease: { ...lease, leaseId: 7 }, sentAt: at },
      "INVALID_FRAME",
      { problem: "lease.lease.leaseId must be string" },
    ],
    [
      { type: "cancel", lease, reason: "r", cancelledAt: at },
      "INVALID_FRAME",
      { problem: "cancel.leaseId is missing" },
    ],
  ])("%j is refused as %s %j", (given, code, details) => {
    const error = thrownBy(() => parseServerFrame(given));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code });
    expect((error as ProtocolError).details).toEqual(details);
  });

  it("of a type that is not known is named in short", () => {
    const messageOf = (type: unknown) => (thrownBy(() => parseServerFrame({ type })) as Error).message;
    expect(messageOf("x".repeat(99))).toBe(`a frame of unknown type: ${"x".repeat(40)}`);
    expect(messageOf(7)).toBe("a frame of unknown type: number");
  });
});

describe("a frame for the gateway", () => {
  it.each(Object.keys(client))("of type %s is posted to its path, with the signal", async (type) => {
    const frame = { type, ...client[type] } as ClientFrame;
    expect(isClientFrameType(type)).toBe(true);
    const { transport } = memoryTransport();
    const posted: unknown[] = [];
    const { signal } = new AbortController();
    await postFrame({ ...transport, post: async (...args) => void posted.push(args) }, frame, signal);
    expect(posted).toEqual([[`/neuron/${type}`, frame, { signal }]]);
    await expect(
      postFrame(transport, { ...frame, more: 1 } as object as ClientFrame, signal),
    ).rejects.toMatchObject({
      code: "INVALID_FRAME",
    });
  });

  const first = "register.capabilities[0]";
  it.each<[string, string, object]>([
    ["register.more is not known", "register", { more: 1, other: 2 }],
    ["register.neuronId is missing", "register", { neuronId: undefined }],
    ["register.neuronId breaks minLength 1", "register", { neuronId: "" }],
    ["register.capabilities breaks minItems 1", "register", { capabilities: [] }],
    [
      `${first}.concurrency must be integer`,
      "register",
      { capabilities: [{ ...capability, concurrency: 0.5 }] },
    ],
    [
      `${first}.concurrency breaks exclusiveMinimum 0`,
      "register",
      { capabilities: [{ ...capability, concurrency: 0 }] },
    ],
    [
      `${first}.inputSchema must be object or boolean`,
      "register",
      { capabilities: [{ ...capability, inputSchema: 1 }] },
    ],
    [`${first}.more is not known`, "register", { capabilities: [{ ...capability, more: 1 }] }],
    [
      `${first}.type must match ^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`,
      "register",
      { capabilities: [{ ...capability, type: "one" }] },
    ],
    [
      `${first}.scope has none of the forms that the protocol allows`,
      "register",
      { capabilities: [{ ...capability, scope: "all" }] },
    ],
    [
      "heartbeat.inFlight[1].taskId is missing",
      "heartbeat",
      { inFlight: [inFlight, { leaseId: "L2", startedAt: at }] },
    ],
    [
      'nack.kind must be "retryable" or "terminal" or "schema-mismatch" or "cancelled"',
      "nack",
      { kind: "other" },
    ],
    ["progress.percent breaks maximum 100", "progress", { percent: 101 }],
    ["progress.percent must be a finite number", "progress", { percent: Infinity }],
  ])("is not sent where %s", (problem, type, change) => {
    const error = thrownBy(() => checkClientFrame({ type, ...client[type], ...change } as ClientFrame));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ code: "INVALID_FRAME", message: problem });
  });

  it.each([
    ["1.0.0", ["type", "scope", "concurrency", "leaseTtlMs"]],
    ["1.1.0", ["type", "scope", "concurrency", "leaseTtlMs", "description", "inputSchema", "outputSchema"]],
  ])("has the members of a capability that %s knows", (version, members) => {
    const given = { ...capability, leaseTtlMs: 1_000, description: "d", inputSchema: {}, outputSchema: true };
    expect(Object.keys(capabilityFor(given, version))).toEqual(members);
    expect(Object.keys(capabilityFor({ ...capability, leaseTtlMs: undefined }, version))).toHaveLength(3);
  });
});

describe("the lease id in the start of a frame", () => {
  it.each<[string, string | undefined]>([
    ["", undefined],
    ['{"type":"lease","lease":{"leaseId":"L1"', "L1"],
    ['{"lease":{"task":{"input":[{"a":["b"]},"c"]},"leaseId":"L1"', "L1"],
    ['{"a":["x","lease",{"leaseId":"no"}],"lease":{"b":[],"leaseId":"L1"', "L1"],
    ['["x","lease",{"leaseId":"no"}]', undefined],
    ['{"lease":{"leaseId":"\\x"', undefined],
    ['{"lease":{"leaseId":"L', undefined],
    ['{"type":"lease"}', undefined],
    ['{"type":"cancel","lease":{"leaseId":"no"', undefined],
    ['{"lease":{"type":"other","leaseId":"L1"', "L1"],
    ['{"ty":{"pe":"other"},"le":{"ase/leaseId":"no"},"x":"type","lease":{"leaseId":"L1"', "L1"],
    ['{"lease":{"leaseId":"","leaseId":"no"', undefined],
    ['{"lease":{"leaseId":7,"x":"no"', undefined],
    ['{"lease":[{"leaseId":"no"}]', undefined],
  ])("%s: %s", (text, id) => {
    expect(leaseIdInStart(text)).toBe(id);
  });
});
