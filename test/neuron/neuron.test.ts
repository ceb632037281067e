import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type AgentwireError,
  AuthError,
  ConflictError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { defineHandler } from "../../src/handler/index.js";
import type { CapabilityRegistration, Handler, Neuron as NeuronType } from "../../src/neuron/index.js";
import {
  defineCapability,
  memoryTransport,
  Neuron,
  RegistrationRejectedError,
} from "../../src/neuron/index.js";
import { req } from "../requirements/index.ts";
import { gate, setUp, stopAll } from "./set-up.ts";

afterEach(stopAll);

const notJson = (reason: string) => ({
  kind: "terminal",
  code: "OUTPUT_NOT_SERIALIZABLE",
  reason: expect.stringContaining(reason),
});

describe("handlers", () => {
  it(req("neuron.readme.quick-start", "the quick start: progress, then the echo"), async () => {
    const { lease, clock, gateway } = await setUp({
      prepare: (neuron) =>
        neuron.handle(
          {
            type: "example/echo",
            scope: "any",
            concurrency: 4,
            inputSchema: { type: "object" },
            outputSchema: { type: "object", properties: { echo: {} }, required: ["echo"] },
          },
          async (input, ctx) => {
            ctx.progress({ percent: 50, message: "halfway" });
            return { echo: input };
          },
        ),
    });
    lease("L1", "example/echo", { x: 1 });
    await clock.settle();
    expect(gateway.posted.map(({ path }) => path)).toEqual([
      "/neuron/register",
      "/neuron/progress",
      "/neuron/ack",
    ]);
    expect(gateway.posted[2]!.frame).toMatchObject({ leaseId: "L1", output: { echo: { x: 1 } } });
  });

  it(req("neuron.handler.contract", "see the task, the lease, a signal and a deadline"), async () => {
    const seen: unknown[] = [];
    const calls: unknown[] = [];
    const { lease, clock, logged } = await setUp({
      middleware: [
        (next) =>
          ({ ctx, ...call }) => {
            calls.push(call);
            return next({ ctx, ...call });
          },
      ],
      handlers: {
        "a/b": (input, ctx) => {
          seen.push(
            input,
            ctx.task.taskId,
            ctx.leaseId,
            ctx.signal.aborted,
            ctx.deadline,
            typeof ctx.log.info,
          );
          ctx.log.info("hello", { more: 1 });
        },
      },
    });
    lease("L1", "a/b", 7);
    await clock.settle();
    expect(logged.at(-1)).toBe('hello {"leaseId":"L1","taskId":"t-L1","more":1}');
    expect(calls).toEqual([{ protocol: "neuron", id: "L1", name: "a/b", input: 7 }]);
    // A minute by its own clock, whatever that of the gateway says.
    expect(seen).toEqual([7, "t-L1", "L1", false, Date.UTC(2026, 0, 1, 0, 1), "function"]);
  });

  it.each<[string, Handler, object | string]>([
    ["returns", () => 1, { type: "ack", output: 1 }],
    ["returns null", () => null, { type: "ack", output: null }],
    [
      "fails for good",
      (_, c) => c.fail("bad", { code: "X" }),
      { kind: "terminal", reason: "bad", code: "X" },
    ],
    ["fails without a code", (_, c) => c.fail("bad"), { kind: "terminal", code: "HANDLER_TERMINAL" }],
    ["fails without a reason", (_, c) => c.fail(""), { kind: "terminal", reason: "handler failed" }],
    [
      "throws",
      () => Promise.reject(new Error("boom")),
      { kind: "retryable", reason: "boom", code: "HANDLER_THREW" },
    ],
    [
      "throws an empty error",
      () => Promise.reject(new RangeError()),
      { kind: "retryable", reason: "RangeError" },
    ],
    ["throws no error", () => Promise.reject(""), { kind: "retryable", reason: "handler failed" }],
    [
      "returns a cycle",
      () => {
        const a: object[] = [];
        a.push(a);
        return a;
      },
      notJson("the output cannot be written as JSON"),
    ],
    [
      "returns a function",
      () => () => 1,
      notJson("the output cannot be written as JSON: its type is function"),
    ],
    ["returns a bigint deep inside", () => ({ n: [1n] }), notJson("the output cannot be written as JSON")],
  ])(req("neuron.lease.outcomes", "one that %s gets its frame"), async (_, handler, frame) => {
    const { lease, clock, gateway, neuron } = await setUp({ handlers: { "a/b": handler } });
    lease("L1");
    await clock.settle();
    const answers = gateway.posted.filter(({ frame: { type } }) => type === "ack" || type === "nack");
    expect(answers).toHaveLength(1);
    expect(answers[0]!.frame).toMatchObject(frame as object);
    expect(neuron.inFlight).toBe(0);
  });

  it(
    req("neuron.lease.outcomes", "say when they ended, and heartbeats say since when they run"),
    async () => {
      const { handler, open } = gate();
      const { lease, clock, frames } = await setUp({ handlers: { "a/b": handler } });
      const began = clock.now();
      const at = (ms: number) => new Date(began + ms).toISOString();
      lease("L1");
      await clock.advance(10_000);
      open();
      await clock.settle();
      lease("L2");
      await clock.advance(5_000);
      open();
      await clock.settle();
      expect(frames("heartbeat")).toEqual([
        {
          type: "heartbeat",
          neuronId: "n-1",
          inFlight: [{ leaseId: "L1", taskId: "t-L1", startedAt: at(0) }],
          sentAt: at(10_000),
        },
      ]);
      expect(frames("ack").map(({ completedAt }) => completedAt)).toEqual([at(10_000), at(15_000)]);
      lease("L3", "x/y");
      await clock.settle();
      expect(frames("nack")).toEqual([
        {
          type: "nack",
          leaseId: "L3",
          kind: "retryable",
          reason: "no handler registered for capability",
          failedAt: at(15_000),
        },
      ]);
    },
  );

  it("leave out an output that is undefined", async () => {
    const { lease, clock, frames } = await setUp({ handlers: { "a/b": () => undefined } });
    lease("L1");
    await clock.settle();
    expect(Object.keys(frames("ack")[0]!).sort()).toEqual(["completedAt", "leaseId", "type"]);
  });

  it("keep the text of an exception to themselves when told to", async () => {
    const handlers = { "a/b": () => Promise.reject(new Error("password in here")) };
    const levels: string[] = [];
    const error = (message: string, fields?: object): void =>
      void levels.push(`${message} ${JSON.stringify(fields)}`);
    const logger: Logger = { debug() {}, info() {}, warn() {}, error };
    const { lease, clock, frames } = await setUp({ handlers, exposeErrors: false, logger });
    lease("L1");
    await clock.settle();
    expect(frames("nack")[0]).toMatchObject({ reason: "handler failed", code: "HANDLER_THREW" });
    expect(JSON.stringify(frames("nack"))).not.toContain("in here");
    // The log is this side's own, and has the message and the stack.
    expect(levels).toHaveLength(1);
    expect(levels[0]).toMatch(/^handler failed .*in here.*neuron\.test\.ts/);
  });

  it(req("neuron.handler.shared", "of the shared form are served with their schemas"), async () => {
    const upper = defineHandler({
      description: "upper case",
      input: { type: "string" } as const,
      output: { type: "string" } as const,
      run: (input) => String(input).toUpperCase(),
    });
    const { lease, clock, answers, frames } = await setUp({
      prepare: (neuron) => neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, upper),
    });
    expect(frames("register")[0]).toMatchObject({
      protocolVersion: "1.1.0",
      capabilities: [
        { description: "upper case", inputSchema: { type: "string" }, outputSchema: { type: "string" } },
      ],
    });
    lease("L1", "a/b", "x");
    lease("L2", "a/b", 5);
    await clock.settle();
    expect(answers()).toEqual(["ack L1", "schema-mismatch L2 INPUT_SCHEMA_MISMATCH"]);
  });

  it(
    req(
      "neuron.contract.standard-schema",
      "of a contract get transformed input; their transformed output is acked",
    ),
    async () => {
      const standard = <In, Out>(validate: (value: unknown) => Out | undefined) => ({
        "~standard": {
          version: 1 as const,
          vendor: "test",
          validate: (value: unknown) => {
            const result = validate(value);
            return result === undefined ? { issues: [{ message: "no" }] } : { value: result };
          },
          types: undefined as { input: In; output: Out } | undefined,
        },
      });
      const contract = defineCapability({
        type: "a/b",
        input: standard<string, number>((value) => (typeof value === "string" ? Number(value) : undefined)),
        output: standard<number, string>((value) => `<${value as number}>`),
        jsonSchema: { input: { type: "string" } },
      });
      const { lease, clock, frames } = await setUp({
        prepare: (neuron) => neuron.handle(contract, { concurrency: 3 }, (input) => input + 1),
      });
      const { capabilities } = frames("register")[0] as { capabilities: object[] };
      expect(capabilities).toEqual([
        { type: "a/b", scope: "any", concurrency: 3, inputSchema: { type: "string" } },
      ]);
      lease("L1", "a/b", "41");
      await clock.settle();
      expect(frames("ack")[0]).toMatchObject({ output: "<42>" });
    },
  );

  it("have scope any, one slot and schemas of either kind where the registration says no more", async () => {
    const shout = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) =>
          typeof value === "string" ? { value: value.toUpperCase() } : { issues: [{ message: "no text" }] },
      },
    };
    const { lease, clock, frames, answers } = await setUp({
      prepare: (neuron) =>
        neuron.handle({ type: "a/b", input: shout, output: { type: "string" } }, (input) => `${input}!`),
    });
    expect((frames("register")[0] as { capabilities: object[] }).capabilities).toEqual([
      { type: "a/b", scope: "any", concurrency: 1, outputSchema: { type: "string" } },
    ]);
    lease("L1", "a/b", "x");
    lease("L2", "a/b", 5);
    await clock.settle();
    expect(frames("ack")[0]).toMatchObject({ output: "X!" });
    expect(answers()).toEqual(["ack L1", "schema-mismatch L2 INPUT_SCHEMA_MISMATCH"]);
    const fresh = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
    // @ts-expect-error: a number is not a schema
    const bad = () => fresh.handle({ type: "a/b", input: 5 }, () => 1);
    expect(bad).toThrow("input must be a Standard Schema or a JSON Schema");
  });

  it("are not taken after the start, twice, or for a capability that is none", async () => {
    const { neuron } = await setUp({ handlers: { "a/b": () => 1 } });
    const handle = (n: NeuronType, capability: object) =>
      n.handle(
        { type: "c/d", scope: "any", concurrency: 1, ...capability } as CapabilityRegistration,
        () => 1,
      );
    expect(() => handle(neuron, {})).toThrow(ConflictError);
    const fresh = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
    handle(fresh, {});
    expect(() => handle(fresh, {})).toThrow(ConflictError);
    for (const bad of [{ type: "one" }, { type: "a//b" }, { type: "ä/b" }, { type: "a/b/" }]) {
      expect(() => handle(fresh, bad)).toThrow(ValidationError);
    }
    for (const bad of [
      { concurrency: 0 },
      { concurrency: 1.5 },
      { leaseTtlMs: 999 },
      { leaseTtlMs: 3_600_001 },
    ]) {
      expect(() => handle(fresh, { type: "x/y", ...bad })).toThrow(ValidationError);
    }
    for (const scope of ["all", { onBehalfOf: "" }, { onBehalfOf: "u", more: 1 }]) {
      expect(() => handle(fresh, { type: "x/y", scope })).toThrow(ValidationError);
    }
  });
});

describe("leases", () => {
  it(req("neuron.lease.fifo", "run in order, no more at a time than the capability allows"), async () => {
    const first = gate();
    const order: string[] = [];
    const handler: Handler = (input, ctx) => {
      order.push(ctx.leaseId);
      return first.handler(input, ctx);
    };
    const { lease, clock, answers, frames } = await setUp({
      handlers: { "a/b": handler },
      capability: { concurrency: 2 },
    });
    for (const id of ["L1", "L2", "L3", "L4"]) lease(id);
    await clock.advance(10_000);
    expect(order).toEqual(["L1", "L2"]);
    expect((frames("heartbeat")[0]!.inFlight as { leaseId: string }[]).map(({ leaseId }) => leaseId)).toEqual(
      ["L1", "L2"],
    );
    for (let i = 0; i < 4; i++) {
      first.open();
      await clock.settle();
    }
    expect(order).toEqual(["L1", "L2", "L3", "L4"]);
    expect(answers()).toEqual(["ack L1", "ack L2", "ack L3", "ack L4"]);
  });

  it(
    req("neuron.lease.cancel", "that are cancelled are answered so, running or queued, and only once"),
    async () => {
      const { handler } = gate();
      let runs = 0;
      const { lease, cancel, clock, answers, frames, logged } = await setUp({
        handlers: {
          "a/b": (input, ctx) => {
            runs++;
            return handler(input, ctx);
          },
        },
      });
      lease("L1");
      lease("L2");
      cancel("L2");
      cancel("L1");
      cancel("L1");
      cancel("nobody");
      await clock.settle();
      const ignored = logged.filter((line) => line.startsWith("a cancel for no lease"));
      expect(ignored.map((line) => line.slice(line.indexOf("{")))).toEqual([
        '{"leaseId":"L1"}',
        '{"leaseId":"nobody"}',
      ]);
      expect(answers().sort()).toEqual(["cancelled L1 CANCELLED", "cancelled L2 CANCELLED"]);
      const reasons = frames("nack").map(({ leaseId, reason }) => [leaseId, reason]);
      expect(reasons.sort()).toEqual([
        ["L1", "handler aborted"],
        ["L2", "lease cancelled before start"],
      ]);
      expect(runs).toBe(1);
    },
  );

  it("whose handler ignores its signal are answered after a grace time, and what it returns is dropped", async () => {
    let end: (value: string) => void = () => {};
    const { lease, cancel, clock, answers, frames } = await setUp({
      handlers: {
        "a/b": () =>
          new Promise((resolve) => {
            end = resolve;
          }),
      },
      cancelGraceMs: 5_000,
    });
    lease("L1");
    cancel("L1");
    await clock.advance(4_999);
    expect(answers()).toEqual([]);
    await clock.advance(1);
    expect(answers()).toEqual(["cancelled L1 CANCELLED"]);
    expect(frames("nack")[0]!.reason).toBe("handler aborted");
    end("late");
    await clock.settle();
    expect(answers()).toHaveLength(1);
  });

  it("are answered as failed, and not as cancelled, where their run cannot begin", async () => {
    const { lease, clock, answers } = await setUp({ handlers: { "a/b": () => 1 } });
    vi.spyOn(clock, "now").mockImplementationOnce(() => {
      throw new Error("no time");
    });
    lease("L1");
    lease("L2");
    await clock.settle();
    expect(answers().sort()).toEqual(["ack L2", "retryable L1 HANDLER_THREW"]);
  });

  it(req("neuron.lease.duplicate", "that come twice run once, in hand or answered"), async () => {
    const { handler, open } = gate();
    const { lease, clock, answers, logged } = await setUp({ handlers: { "a/b": handler } });
    lease("L1");
    lease("L1");
    open();
    await clock.settle();
    lease("L1");
    await clock.settle();
    expect(answers()).toEqual(["ack L1"]);
    const ignored = 'a lease came twice; the second one is ignored {"leaseId":"L1"}';
    expect(logged.slice(-2)).toEqual([ignored, ignored]);
  });

  it(
    req("neuron.lease.retry", "are answered again while the gateway is in trouble, with the same answer"),
    async () => {
      let refuse = 4;
      const kept = { n: 1 };
      const { lease, clock, gateway, neuron } = await setUp({
        handlers: { "a/b": () => kept },
        onPost: (path) => {
          if (path === "/neuron/ack") kept.n++;
          if (path === "/neuron/ack" && refuse-- > 0) throw new UpstreamError("busy", { status: 503 });
        },
      });
      lease("L1");
      await clock.advance(60_000);
      const acks = gateway.posted
        .filter(({ path }) => path === "/neuron/ack")
        .map(({ frame }) => JSON.stringify(frame));
      expect(acks).toHaveLength(5);
      expect(new Set(acks).size).toBe(1);
      expect(acks[0]).toContain('"output":{"n":1}');
      expect(neuron.inFlight).toBe(0);
    },
  );

  it("are given up when their life is over, with an error event", async () => {
    const { lease, clock, neuron, errors } = await setUp({
      handlers: { "a/b": () => "out" },
      onPost: (path) => {
        if (path !== "/neuron/register") throw new UpstreamError("down", { status: 503 });
      },
    });
    lease("L1");
    await clock.advance(120_000);
    expect(neuron.inFlight).toBe(0);
    expect(errors.map(({ message }) => message)).toEqual(["down"]);
  });

  it(
    req("neuron.lease.duplicate", "whose answer was not accepted run again when they come again"),
    async () => {
      let runs = 0;
      let isDown = true;
      const { lease, clock, answers, errors } = await setUp({
        handlers: { "a/b": () => ++runs },
        onPost: (path) => {
          if (path === "/neuron/ack" && isDown) throw new ConflictError("not now", { status: 409 });
        },
      });
      lease("L1");
      await clock.advance(1_000);
      expect(errors.map(({ message }) => message)).toEqual(["not now"]);
      isDown = false;
      lease("L1");
      await clock.advance(1_000);
      lease("L1");
      await clock.advance(1_000);
      expect(runs).toBe(2);
      expect(answers()).toEqual(["ack L1", "ack L1"]);
    },
  );

  it("are reported with their answer, and whether the gateway took it", async () => {
    let isDown = true;
    const { lease, clock, neuron, logged } = await setUp({
      handlers: { "a/b": (input) => input },
      onPost: (path) => {
        if (path === "/neuron/ack" && isDown) throw new ConflictError("not now", { status: 409 });
      },
    });
    const reported: unknown[] = [];
    neuron.on("lease:answered", ({ task: { taskId }, answer: { type, leaseId }, delivered }) =>
      reported.push([taskId, type, leaseId, delivered]),
    );
    lease("L1");
    await clock.settle();
    isDown = false;
    lease("L2");
    await clock.settle();
    lease("L3", "x/y");
    await clock.settle();
    expect(reported).toEqual([
      ["t-L1", "ack", "L1", false],
      ["t-L2", "ack", "L2", true],
      ["t-L3", "nack", "L3", true],
    ]);
    expect(logged.filter((line) => line.startsWith("a lease could not be answered"))).toEqual([
      'a lease could not be answered {"leaseId":"L1","answer":"ack","reason":"not now"}',
    ]);
  });

  it("are kept alive by heartbeats while their answer waits", async () => {
    let up = false;
    const { lease, clock, answers } = await setUp({
      handlers: { "a/b": () => "out" },
      onPost: (path) => {
        if (path === "/neuron/ack" && !up) throw new UpstreamError("down", { status: 503 });
      },
    });
    lease("L1", "a/b", {}, {}, 15_000);
    await clock.advance(120_000);
    up = true;
    await clock.advance(10_000);
    expect(new Set(answers())).toEqual(new Set(["ack L1"]));
  });

  it.each([400, 413, 422])(
    "whose output the gateway refuses with %d are answered as failed",
    async (status) => {
      const { lease, clock, answers, frames } = await setUp({
        handlers: { "a/b": () => "out" },
        onPost: (path) => {
          if (path === "/neuron/ack") throw new ValidationError("too large", { status });
        },
      });
      lease("L1");
      await clock.settle();
      expect(answers()).toEqual(["ack L1", "terminal L1 OUTPUT_REFUSED"]);
      expect(frames("nack")[0]!.reason).toBe("the gateway refused the output: too large");
    },
  );

  it(
    req("neuron.lease.unreadable", "whose frame is broken are answered when their id can be read"),
    async () => {
      const { gateway, clock, answers, frames, neuron, logged } = await setUp({
        handlers: { "a/b": () => 1 },
      });
      const reported: unknown[] = [];
      neuron.on("lease:answered", ({ task }) => reported.push(task));
      neuron.on("frame", (frame) => reported.push(frame));
      const broken = { type: "lease", lease: { leaseId: "L1", task: {} }, sentAt: "x" };
      gateway.send(broken);
      await clock.settle();
      gateway.send(broken);
      for (const odd of [42, null, [], "x", { type: "lease" }, { type: "lease", lease: { leaseId: 7 } }, {}])
        gateway.send(odd);
      await clock.settle();
      expect(answers()).toEqual(["terminal L1 INVALID_LEASE"]);
      const { reason, details } = frames("nack")[0]!;
      expect(reason).toBe("the lease frame could not be read");
      expect(details).toEqual({ errors: ["lease.lease.expiresAt is missing"] });
      const dropped = (problem: string) => `a frame of the gateway is dropped {"reason":"${problem}"}`;
      expect(logged.slice(1, 4)).toEqual([
        ...Array(2).fill(dropped("lease.lease.expiresAt is missing")),
        dropped("a frame must be a JSON object"),
      ]);
      const task = { taskId: "unknown", workflowId: "unknown", capability: "unknown/unknown" };
      expect(reported).toEqual([{ ...task, input: null, attempt: 0 }]);
    },
  );

  it("without sentAt, or a task without attempt, run", async () => {
    const { gateway, clock, answers } = await setUp({ handlers: { "a/b": () => 1 } });
    const task = { taskId: "t", workflowId: "w", capability: "a/b", input: {} };
    const expiresAt = new Date(clock.now() + 60_000).toISOString();
    gateway.send({ type: "lease", lease: { leaseId: "L1", expiresAt, task } });
    gateway.send({ type: "lease", lease: { leaseId: "L2", expiresAt, task: { ...task, attempt: 2 } } });
    await clock.settle();
    expect(answers()).toEqual(["ack L1", "ack L2"]);
  });

  it(
    req("neuron.lease.expired", "that expired in the queue run, or are handed back when told so"),
    async () => {
      for (const expired of ["run", "refuse"] as const) {
        const { handler, open } = gate();
        const { lease, clock, answers } = await setUp({ handlers: { "a/b": handler }, expired });
        lease("L1");
        lease("L2", "a/b", {}, {}, 15_000);
        await clock.advance(15_000); // the heartbeat after 10 seconds does not list what waits
        open();
        await clock.settle();
        open();
        await clock.settle();
        expect(answers()).toEqual(["ack L1", expired === "run" ? "ack L2" : "retryable L2 LEASE_EXPIRED"]);
      }
    },
  );

  it(req("neuron.lease.dedupe", "of a finished task are answered with its result when told so"), async () => {
    let runs = 0;
    const { lease, clock, frames } = await setUp({ handlers: { "a/b": () => ++runs }, dedupeTasks: 10 });
    lease("L1");
    await clock.settle();
    const again = { taskId: "t-L1", workflowId: "w", capability: "a/b", input: {}, attempt: 1 };
    lease("L2", "a/b", {}, { task: again });
    await clock.settle();
    expect(frames("ack").map(({ leaseId, output }) => [leaseId, output])).toEqual([
      ["L1", 1],
      ["L2", 1],
    ]);
  });

  it(
    req(
      "neuron.lease.dedupe",
      "of a task with the same id in another workflow or capability are other tasks",
    ),
    async () => {
      let runs = 0;
      const handler = () => ++runs;
      const { lease, clock, frames } = await setUp({
        handlers: { "a/b": handler, "c/d": handler },
        dedupeTasks: 10,
      });
      const task = { taskId: "t", workflowId: "w", capability: "a/b", input: {}, attempt: 0 };
      lease("L1", "a/b", {}, { task });
      lease("L2", "a/b", {}, { task: { ...task, workflowId: "other" } });
      lease("L3", "c/d", {}, { task: { ...task, capability: "c/d" } });
      lease("L4", "a/b", {}, { task: { ...task, taskId: "other" } });
      await clock.settle();
      expect(frames("ack").map(({ output }) => output)).toHaveLength(4);
      expect(runs).toBe(4);
    },
  );

  it(
    req("neuron.lease.dedupe", "of a task that failed run again, also where finished ones are remembered"),
    async () => {
      let runs = 0;
      const { lease, clock, answers } = await setUp({
        handlers: {
          "a/b": () => {
            if (++runs === 1) throw new Error("not yet");
            return runs;
          },
        },
        dedupeTasks: 10,
      });
      lease("L1");
      await clock.settle();
      const again = { taskId: "t-L1", workflowId: "w", capability: "a/b", input: {}, attempt: 1 };
      lease("L2", "a/b", {}, { task: again });
      await clock.settle();
      expect([runs, answers()]).toEqual([2, ["retryable L1 HANDLER_THREW", "ack L2"]]);
    },
  );

  it(
    req("neuron.lease.cancel", "that are cancelled while their input is judged never reach their handler"),
    async () => {
      let runs = 0;
      const { lease, cancel, clock, answers } = await setUp({ handlers: { "a/b": () => ++runs } });
      lease("L1", "a/b", {}, { inputSchema: { type: "object" } });
      cancel("L1");
      await clock.settle();
      expect([runs, answers()]).toEqual([0, ["cancelled L1 CANCELLED"]]);
    },
  );

  it(
    req(
      "neuron.capability.revoked",
      "of a revoked capability fail, the others go on, until it is registered again",
    ),
    async () => {
      const a = gate();
      const b = gate();
      const { lease, clock, gateway, answers, neuron } = await setUp({
        handlers: { "a/b": a.handler, "c/d": b.handler },
      });
      const revoked: object[] = [];
      neuron.on("capability:revoked", (told) => revoked.push(told));
      const registered: object[] = [];
      neuron.on("connection:registered", (told) => registered.push(told));
      const taken: string[] = [];
      neuron.on("frame", ({ type }) => taken.push(type));
      lease("L1");
      lease("L2", "c/d");
      gateway.send({
        type: "capability-revoked",
        capability: "a/b",
        reason: "admin",
        revokedAt: "2030-01-01T00:00:00Z",
      });
      lease("L3");
      await clock.settle();
      b.open();
      await clock.settle();
      expect(answers().sort()).toEqual([
        "ack L2",
        "cancelled L1 CANCELLED",
        "retryable L3 CAPABILITY_REVOKED",
      ]);
      expect(revoked).toEqual([{ type: "a/b", reason: "admin" }]);
      // What this neuron does not serve is no concern of it.
      const other = { type: "x/y", scope: "any", concurrency: 1 };
      const capabilities = [{ ...other, type: "a/b" }, other];
      gateway.send({ type: "capability-revoked", capability: "x/y", reason: "admin", revokedAt: "x" });
      gateway.send({ type: "registered", sessionId: "s", capabilities, acceptedAt: "2030-01-01T00:00:00Z" });
      expect(registered).toEqual([{ sessionId: "s", capabilities: 2 }]);
      const bye = { type: "disconnect", reason: "r", reconnectable: true, sentAt: "x" };
      const disconnects: object[] = [];
      neuron.on("disconnect", (frame) => disconnects.push(frame));
      gateway.send(bye);
      expect(disconnects).toEqual([bye]);
      const revoke = "capability-revoked";
      expect(taken).toEqual(["lease", "lease", revoke, "lease", revoke, "registered", "disconnect"]);
      lease("L4");
      a.open();
      a.open();
      await clock.settle();
      expect(answers()).toContain("ack L4");
    },
  );
});

describe("registration", () => {
  it(
    req("neuron.register.fallback", "falls back to 1.0.0 without contracts, once, and remembers it"),
    async () => {
      let isClosed = false;
      const { gateway, frames, clock, neuron, logged } = await setUp({
        handlers: { "a/b": () => 1 },
        capability: { description: "d", inputSchema: { type: "object" } },
        onPost: (path, frame) => {
          if (path !== "/neuron/register" || !("protocolVersion" in frame)) return;
          if (isClosed || frame.protocolVersion !== "1.0.0")
            throw new ValidationError("strict", { status: 422 });
        },
      });
      gateway.drop();
      gateway.open();
      await clock.settle();
      expect(
        frames("register").map(({ protocolVersion, capabilities }) => [
          protocolVersion,
          Object.keys((capabilities as object[])[0]!).length,
        ]),
      ).toEqual([
        ["1.1.0", 5],
        ["1.0.0", 3],
        ["1.0.0", 3],
      ]);
      expect(logged.find((line) => line.startsWith("the gateway takes protocol 1.0.0 only"))).toContain(
        '{"reason":"strict"}',
      );
      await neuron.updateCapability({ type: "a/b", concurrency: 2 });
      expect(frames("update-capability").map(({ capability }) => capability)).toEqual([
        { type: "a/b", scope: "any", concurrency: 2 },
      ]);
      isClosed = true;
      gateway.drop();
      gateway.open();
      await clock.settle();
      expect(frames("register").map(({ protocolVersion }) => protocolVersion)).toEqual([
        "1.1.0",
        ...Array(3).fill("1.0.0"),
      ]);
    },
  );

  it.each([400, 422])("reports the first refusal when the second is one too: %d", async (status) => {
    const { errors, clock, frames } = await setUp({
      handlers: { "a/b": () => 1 },
      onPost: (_, frame) => {
        throw new ValidationError(`no ${(frame as { protocolVersion: string }).protocolVersion}`, { status });
      },
    });
    await clock.advance(60_000);
    expect(frames("register")).toHaveLength(2);
    expect(errors[0]).toBeInstanceOf(RegistrationRejectedError);
    expect(errors[0]!.message).toContain("registration rejected by gateway: no 1.1.0");
    expect(frames("heartbeat")).toEqual([]);
  });

  it(req("neuron.register.retry", "waits as long as the gateway asks"), async () => {
    let refuse = 1;
    const { clock, frames, errors, logged } = await setUp({
      handlers: { "a/b": () => 1 },
      onPost: (path) => {
        if (path === "/neuron/register" && refuse-- > 0)
          throw new RateLimitError("later", { status: 429, retryAfterMs: 7_000 });
      },
    });
    await clock.advance(6_999);
    expect(logged).toEqual(['the registration failed; retrying {"delayMs":7000,"reason":"later"}']);
    expect(frames("register")).toHaveLength(1);
    await clock.advance(1);
    expect(frames("register")).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it.each(["before", "after"])(
    "ends with the stream, where its refusal comes %s that, and begins with the next one",
    async (when) => {
      let refuse = (): void => {};
      const held = new Promise<void>((resolve) => (refuse = resolve));
      const { clock, frames, gateway, lease, neuron } = await setUp({
        handlers: { "a/b": () => 1 },
        onPost: async (path) => {
          if (path === "/neuron/register" && when === "after") await held;
          throw new UpstreamError("busy", { status: 503 });
        },
      });
      // What is too short for the usual heartbeats is served before there are any.
      lease("L1", "a/b", {}, {}, 4_000);
      await clock.settle();
      expect(frames("ack")).toHaveLength(1);
      gateway.drop();
      refuse();
      await clock.advance(60_000);
      expect(frames("register")).toHaveLength(1);
      expect(neuron.isServing).toBe(false);
      gateway.open();
      await clock.advance(499);
      expect(frames("register")).toHaveLength(2);
    },
  );

  it(req("neuron.register.retry", "is trouble where only the older frame met with it"), async () => {
    let isDown = true;
    const { clock, frames, errors } = await setUp({
      handlers: { "a/b": () => 1 },
      onPost: (path, frame) => {
        if (path !== "/neuron/register") return;
        const { protocolVersion } = frame as { protocolVersion?: string };
        if (protocolVersion === "1.1.0") throw new ValidationError("strict", { status: 422 });
        if (isDown) throw new UpstreamError("busy", { status: 503 });
      },
    });
    isDown = false;
    await clock.advance(500);
    const versions = frames("register").map(({ protocolVersion }) => protocolVersion);
    expect(versions).toEqual(["1.1.0", "1.0.0", "1.1.0", "1.0.0"]);
    expect(errors).toEqual([]);
  });

  it(req("neuron.register.retry", "is tried again while the gateway is in trouble"), async () => {
    let refuse = 3;
    const { clock, frames } = await setUp({
      handlers: { "a/b": () => 1 },
      onPost: (path) => {
        if (path === "/neuron/register" && refuse-- > 0) throw new UpstreamError("busy", { status: 503 });
      },
    });
    await clock.advance(500 + 1_000 + 2_000);
    expect(frames("register")).toHaveLength(4);
    await clock.advance(10_000);
    expect(frames("heartbeat")).toHaveLength(1);
  });

  it.each<[string, () => Error, number]>([
    ["401", () => new AuthError("no", { status: 401 }), 5],
    ["403", () => new PolicyDeniedError("no", { status: 403, reason: "CAPABILITY_PENDING_APPROVAL" }), 5],
    [
      "409",
      () => new ConflictError("no", { status: 409, headers: new Headers({ a: "b" }), body: { c: 1 } }),
      5,
    ],
    ["a redirect", () => new ProtocolError("no", { code: "REDIRECT", status: 302 }), 5],
    ["an error of no kind", () => new Error("no"), 5],
    ["400", () => new ValidationError("no", { status: 400 }), 1],
    ["422", () => new ValidationError("no", { status: 422 }), 1],
    ["no status", () => new ValidationError("no"), 1],
  ])(
    req("neuron.register.refused", "that is refused with %s is repeated until it is taken"),
    async (_, refusal, refusals) => {
      const given = refusal() as AgentwireError;
      let approved = false;
      const { clock, errors, frames, lease, answers, gateway, logged } = await setUp({
        handlers: { "a/b": () => 1 },
        protocolVersion: "1.1.0",
        onPost: (path) => {
          if (path === "/neuron/register" && !approved) throw given;
        },
      });
      await clock.advance(20_000);
      expect(errors).toHaveLength(refusals);
      expect(errors.every((error) => error instanceof RegistrationRejectedError)).toBe(true);
      const factsOf = (error: AgentwireError) => [error.status, error.reason, error.headers, error.body];
      const [first] = errors as AgentwireError[];
      expect(factsOf(first!)).toEqual(factsOf(given));
      expect(first!.cause).toBe(given);
      const delayMs = refusals === 1 ? 300_000 : 1_000;
      expect(logged[0]).toBe(`registration rejected by gateway: no {"delayMs":${delayMs}}`);
      expect(frames("register")).toHaveLength(refusals);
      approved = true;
      await clock.advance(300_000);
      expect(errors).toHaveLength(refusals);
      expect(frames("register")).toHaveLength(refusals + 1);
      expect(frames("heartbeat").length).toBeGreaterThan(0);
      lease("L1");
      await clock.settle();
      expect(answers()).toEqual(["ack L1"]);
      approved = false;
      gateway.drop();
      await clock.advance(600_000);
      // Without a stream there is nothing to register for.
      expect(frames("register")).toHaveLength(refusals + 1);
    },
  );

  it(req("neuron.register.filtered", "that is cut down is warned about, by name"), async () => {
    const { gateway, logged } = await setUp({ handlers: { "a/b": () => 1, "c/d": () => 1 } });
    expect(logged).toEqual(['the neuron serves {"neuronId":"n-1","capabilities":["a/b","c/d"]}']);
    const of = (type: string) => ({ type, scope: "any", concurrency: 1, new: "member" });
    for (const capabilities of [[of("a/b")], [of("a/b"), of("c/d")]])
      gateway.send({ type: "registered", sessionId: "s", capabilities, acceptedAt: "2030-01-01T00:00:00Z" });
    expect(logged.slice(1)).toEqual([
      expect.stringMatching(/refused some capabilities.*{"missing":\["c\/d"\]}/),
    ]);
  });

  it(req("neuron.start.author", "is not tried without a handler or with an invalid schema"), async () => {
    const neuron = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
    await expect(neuron.start()).rejects.toThrow("requires at least one handler");
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1, inputSchema: { type: "strnig" } }, () => 1);
    await expect(neuron.start()).rejects.toMatchObject({ code: "INVALID_SCHEMA" });
    await expect(neuron.start()).rejects.toThrow("a/b: input schema");
  });
});

describe("updateCapability", () => {
  it(req("neuron.update", "opens slots at once and tells the gateway the whole capability"), async () => {
    const { handler } = gate();
    const started: string[] = [];
    let isDown = false;
    const { neuron, lease, clock, frames, gateway, logged } = await setUp({
      onPost: (path) => {
        if (path === "/neuron/update-capability" && isDown) throw new UpstreamError("down");
      },
      handlers: {
        "a/b": (input, ctx) => {
          started.push(ctx.leaseId);
          return handler(input, ctx);
        },
      },
      capability: { leaseTtlMs: 5_000 },
    });
    for (const id of ["L1", "L2", "L3"]) lease(id);
    await neuron.updateCapability({ type: "a/b", concurrency: 2 });
    await clock.settle();
    expect(started).toEqual(["L1", "L2"]);
    expect(frames("update-capability")[0]!.capability).toEqual({
      type: "a/b",
      scope: "any",
      concurrency: 2,
      leaseTtlMs: 5_000,
    });
    gateway.drop();
    await neuron.updateCapability({ type: "a/b", concurrency: 5 });
    expect(logged.filter((line) => line.includes("new concurrency"))).toEqual([]);
    gateway.open();
    await clock.settle();
    expect(frames("update-capability")).toHaveLength(1);
    expect((frames("register")[1]!.capabilities as object[])[0]).toMatchObject({ concurrency: 5 });
    isDown = true;
    await neuron.updateCapability({ type: "a/b", concurrency: 6 });
    expect(logged.at(-1)).toMatch(/did not accept the new concurrency.* {"type":"a\/b","reason":"down"}$/);
    await expect(neuron.updateCapability({ type: "a/b", concurrency: 0 })).rejects.toThrow(ValidationError);
    await expect(neuron.updateCapability({ type: "x/y", concurrency: 1 })).rejects.toThrow(ConflictError);
  });
});

describe("stop", () => {
  it(
    req("neuron.stop.drain", "hands back what waits, lets handlers end, and beats until the last answer"),
    async () => {
      const { handler, open } = gate();
      const { neuron, lease, clock, answers, frames } = await setUp({ handlers: { "a/b": handler } });
      lease("L1");
      lease("L2");
      const stopped = neuron.stop({ timeoutMs: 100_000 });
      expect(neuron.stop()).toBe(stopped);
      await clock.settle();
      expect(answers()).toEqual(["retryable L2 -"]);
      lease("L3");
      await clock.advance(30_000);
      expect(answers()).toEqual(["retryable L2 -", "retryable L3 -"]);
      expect(frames("nack").map(({ reason }) => reason)).toEqual([
        "lease cancelled before start",
        "neuron shutting down",
      ]);
      expect(frames("heartbeat")).toHaveLength(3);
      open();
      await clock.until(stopped);
      expect(answers().at(-1)).toBe("ack L1");
      expect(clock.pending).toBe(0);
    },
  );

  it(req("neuron.stop.timeout", "aborts what does not end in time; every lease is answered"), async () => {
    const { handler } = gate();
    const { neuron, lease, clock, answers } = await setUp({
      handlers: { "a/b": handler, "c/d": () => new Promise(() => {}) },
    });
    lease("L1");
    lease("L2", "c/d");
    await clock.until(neuron.stop({ timeoutMs: 500 }));
    expect(answers()).toEqual(["cancelled L1 CANCELLED", "cancelled L2 CANCELLED"]);
    expect(clock.pending).toBe(0);
  });

  it.each([0, 1_000, 30_000])("with a timeout of %d ms takes two seconds more at most", async (timeoutMs) => {
    const never = () => new Promise<never>(() => {});
    const { neuron, lease, clock } = await setUp({
      handlers: { "a/b": never, "c/d": () => "out" },
      onPost: (path) => (path === "/neuron/register" ? undefined : never()),
    });
    lease("L1");
    lease("L2", "c/d");
    await clock.settle();
    const began = clock.monotonic();
    await clock.until(neuron.stop({ timeoutMs }));
    expect(clock.monotonic() - began).toBeLessThanOrEqual(timeoutMs + 2_000);
    expect(clock.pending).toBe(0);
  });

  it("ends before the start, and there is no start after it", async () => {
    const neuron = new Neuron({ neuronId: "n", transport: memoryTransport().transport });
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, () => 1);
    await neuron.stop();
    await expect(neuron.start()).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("secrets", () => {
  it(req("neuron.auth.secret", "never show when a neuron is printed"), () => {
    const neuron = new Neuron({
      neuronId: "n",
      gatewayUrl: "http://127.0.0.1:1",
      auth: () => "planted-token",
    });
    const shown = inspect(neuron, { depth: 10, showHidden: true }) + JSON.stringify(neuron);
    expect(shown).not.toContain("planted-token");
  });
});
