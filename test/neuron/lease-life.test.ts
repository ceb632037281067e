/** How long a lease lives: renewals, deadlines, leases that are lost, and answers that are not taken at once. */
import { afterEach, describe, expect, it } from "vitest";
import { sleep } from "../../src/core/clock.js";
import { ProtocolError, RateLimitError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { HandlerFailure } from "../../src/handler/index.js";
import type { Handler, HandlerContext } from "../../src/neuron/index.js";
import { req } from "../requirements/index.ts";
import { gate, setUp, stopAll } from "./set-up.ts";

afterEach(stopAll);

const never = () => new Promise<never>(() => {});
const start = Date.UTC(2026, 0, 1);

describe("the deadline of a lease", () => {
  it.each([0, -600_000, 600_000])(
    req("neuron.lease.deadline", "moves with each renewal, also with a gateway whose clock is %d ms off"),
    async (offMs) => {
      let ctx!: HandlerContext;
      const handler: Handler = (_, context) => {
        ctx = context;
        return gate().handler(_, context);
      };
      const { gateway, clock } = await setUp({ handlers: { "a/b": handler } });
      const at = (ms: number) => new Date(start + offMs + ms).toISOString();
      const task = { taskId: "t", workflowId: "w", capability: "a/b", input: 1, attempt: 0 };
      gateway.send({
        type: "lease",
        lease: { leaseId: "L1", expiresAt: at(30_000), task },
        sentAt: at(0),
      });
      await clock.settle();
      expect(ctx.deadline).toBe(start + 30_000);
      await clock.advance(25_000);
      // Renewed by the heartbeats after 10 and 20 seconds.
      expect(ctx.deadline).toBe(start + 50_000);
      await clock.advance(100_000);
      expect(ctx.deadline).toBe(start + 150_000);
      expect(ctx.signal.aborted).toBe(false);
    },
  );

  it(
    req("neuron.lease.deadline", "counts from when a heartbeat was sent, not from when it was accepted"),
    async () => {
      let ctx!: HandlerContext;
      const bench = await setUp({
        handlers: {
          "a/b": (input, context) => {
            ctx = context;
            return gate().handler(input, context);
          },
        },
        onPost: (path) => (path === "/neuron/heartbeat" ? sleep(4_000, { clock: bench.clock }) : undefined),
      });
      bench.lease("L1", "a/b", {}, {}, 30_000);
      await bench.clock.advance(10_000);
      expect(ctx.deadline! - bench.clock.now()).toBe(20_000);
      await bench.clock.advance(4_000);
      expect(ctx.deadline! - bench.clock.now()).toBe(26_000);
    },
  );

  it("is undefined where the gateway's times say nothing", async () => {
    const deadlines: unknown[] = [];
    const { gateway, clock, answers } = await setUp({
      handlers: { "a/b": (_, ctx) => void deadlines.push(ctx.deadline) },
    });
    const task = { taskId: "t", workflowId: "w", capability: "a/b", input: 1 };
    gateway.send({ type: "lease", lease: { leaseId: "L1", expiresAt: "2030-01-01T00:00:00Z", task } });
    gateway.send({ type: "lease", lease: { leaseId: "L2", expiresAt: "soon", task }, sentAt: "now" });
    await clock.settle();
    expect(deadlines).toEqual([undefined, undefined]);
    expect(answers()).toEqual(["ack L1", "ack L2"]);
  });
});

describe("heartbeats", () => {
  it(req("neuron.heartbeat.bounded", "one that hangs does not stop the next"), async () => {
    let hung = 0;
    const { lease, clock, frames, answers, gateway, logged } = await setUp({
      handlers: { "a/b": gate().handler },
      onPost: (path) => (path === "/neuron/heartbeat" && hung++ % 10 === 0 ? never() : undefined),
    });
    lease("L1", "a/b", {}, {}, 40_000);
    await clock.advance(120_000);
    expect(frames("heartbeat").length).toBeGreaterThan(5);
    expect(answers()).toEqual([]);
    const refused = () => logged.filter((line) => line.startsWith("a heartbeat was not accepted")).length;
    expect([hung, refused()]).toEqual([11, 1]);
    gateway.drop(); // ends the one that hangs
    await clock.settle();
    expect(refused()).toBe(1);
  });

  it("that are sent every 100 ms may take 250 ms each, and only what fails is logged", async () => {
    for (const [takesMs, isTaken] of [
      [249, true],
      [251, false],
    ] as const) {
      const bench = await setUp({
        handlers: { "a/b": () => 1 },
        heartbeatIntervalMs: 100,
        onPost: (path) => (path === "/neuron/heartbeat" ? sleep(takesMs, { clock: bench.clock }) : undefined),
      });
      await bench.clock.advance(700);
      await stopAll();
      const reason = '"reason":"a heartbeat';
      const warned = bench.logged.filter((line) => line.startsWith("a heartbeat was not accepted"));
      expect(warned.length > 0 && warned.every((line) => line.includes(reason))).toBe(!isTaken);
    }
  });

  it("go on while costly schemas of other leases are judged", async () => {
    const { lease, clock, frames, answers } = await setUp({
      handlers: { "a/b": gate().handler },
      capability: { concurrency: 8 },
    });
    lease("L1", "a/b", {}, {}, 4_000);
    const inputSchema = { pattern: "^(a+)+$" };
    for (let i = 0; i < 20; i++) {
      lease(`H${i}`, "a/b", `${"a".repeat(2_000)}!`, { inputSchema });
      await clock.advance(1_000);
    }
    await clock.until(
      (async () => {
        while (answers().length < 20) await new Promise(setImmediate);
      })(),
    );
    expect(answers().every((answer) => /^schema-mismatch H\d+ INPUT_SCHEMA_MISMATCH$/.test(answer))).toBe(
      true,
    );
    const beats = frames("heartbeat") as { inFlight: { leaseId: string }[] }[];
    expect(
      beats.filter(({ inFlight }) => inFlight.some(({ leaseId }) => leaseId === "L1")).length,
    ).toBeGreaterThan(8);
  });

  it.each([
    [4_000, 10_000, 2_000],
    [60_000, 10_000, 10_000],
    [60_000, 100_000, 30_000],
    [20_000, 10_000, 10_000],
    [1_000, 10_000, 500],
  ])(
    req("neuron.heartbeat.bounded", "a lease of %d ms is renewed in time at an interval of %d ms"),
    async (ttlMs, heartbeatIntervalMs, everyMs) => {
      const { lease, clock, frames, neuron, errors } = await setUp({
        handlers: { "a/b": gate().handler },
        heartbeatIntervalMs,
      });
      lease("L1", "a/b", {}, {}, ttlMs);
      await clock.advance(everyMs * 12);
      // One that has to be sent sooner than planned is sent at once.
      expect(frames("heartbeat")).toHaveLength(everyMs < heartbeatIntervalMs ? 13 : 12);
      expect(neuron.inFlight).toBe(1);
      expect(errors).toEqual([]);
    },
  );

  it.each<[string, () => unknown]>([
    ["hang", never],
    [
      "are refused",
      () => {
        throw new UpstreamError("no", { status: 503 });
      },
    ],
  ])(
    req("neuron.lease.lost", "that %s for one life lose the lease: aborted, not answered, reported"),
    async (_, beat) => {
      let signal!: AbortSignal;
      let end!: () => void;
      const { lease, clock, answers, neuron, errors, logged } = await setUp({
        handlers: {
          "a/b": (_input, ctx) => {
            signal = ctx.signal;
            return new Promise((resolve) => {
              end = () => resolve("late");
            });
          },
        },
        onPost: (path) => (path === "/neuron/heartbeat" ? beat() : undefined),
        cancelGraceMs: 1_000,
      });
      lease("L1", "a/b", {}, {}, 30_000);
      await clock.advance(29_999);
      expect(signal.aborted).toBe(false);
      await clock.advance(1);
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toMatchObject({ code: "LEASE_LOST" });
      expect(errors.map((error) => (error as { code?: string }).code)).toEqual(["LEASE_LOST"]);
      expect(logged.join("\n")).toContain(
        'a lease is lost; its handler is aborted {"leaseId":"L1","error":{',
      );
      end();
      await clock.advance(60_000);
      expect(answers()).toEqual([]);
      expect(neuron.inFlight).toBe(0);
    },
  );

  it.each([
    [200, 1_000],
    [1_500, 1_500],
    [0, 60_000], // over on arrival: it runs all the same
    [-5_000, 60_000],
  ])(
    req("neuron.lease.lost", "that are refused lose a lease of %d ms after %d ms, and not before"),
    async (ttlMs, lostAfterMs) => {
      const { lease, clock, neuron, errors } = await setUp({
        handlers: { "a/b": gate().handler },
        onPost: (path) => {
          if (path === "/neuron/heartbeat") throw new UpstreamError("no", { status: 503 });
        },
      });
      lease("L1", "a/b", {}, {}, ttlMs);
      await clock.advance(lostAfterMs - 1);
      expect([neuron.inFlight, errors]).toEqual([1, []]);
      await clock.advance(1);
      expect(errors).toMatchObject([{ code: "LEASE_LOST" }]);
    },
  );

  it("a stream that is gone for longer than a life loses the lease, a shorter outage does not", async () => {
    for (const outageMs of [25_000, 35_000]) {
      const running = gate();
      const { lease, clock, gateway, answers } = await setUp({ handlers: { "a/b": running.handler } });
      lease("L1", "a/b", {}, {}, 30_000);
      await clock.settle();
      gateway.drop();
      await clock.advance(outageMs);
      gateway.open();
      running.open();
      await clock.settle();
      expect(answers()).toEqual(outageMs < 30_000 ? ["ack L1"] : []);
    }
  });

  it("one slot serves the next lease once the handler of a lost one has ended", async () => {
    const running = gate();
    const { lease, clock, answers } = await setUp({
      handlers: { "a/b": running.handler },
      onPost: (path) => (path === "/neuron/heartbeat" ? never() : undefined),
    });
    lease("L1", "a/b", {}, {}, 5_000);
    lease("L2", "a/b", {}, {}, 60_000);
    await clock.advance(5_000);
    running.open();
    await clock.settle();
    running.open();
    await clock.settle();
    expect(answers()).toEqual(["ack L2"]);
  });
});

describe("an answer that is refused", () => {
  it.each([20_000, 60_000, 120_000, 3_600_000])(
    req("neuron.lease.retry-after", "with a Retry-After of %d ms is posted again while the lease lives"),
    async (retryAfterMs) => {
      let refused = 0;
      const { lease, clock, frames, errors, gateway, logged } = await setUp({
        handlers: { "a/b": () => "out" },
        onPost: (path) => {
          if (path === "/neuron/ack" && refused++ === 0)
            throw new RateLimitError("slow down", { status: 429, retryAfterMs });
        },
      });
      lease("L1");
      await clock.settle();
      const soonest = Math.min(retryAfterMs, 50_000);
      await clock.advance(soonest - 1);
      expect(frames("ack")).toHaveLength(1);
      await clock.advance(59_999 - soonest);
      expect(frames("ack")).toHaveLength(2);
      const delayMs = retryAfterMs < 60_000 ? retryAfterMs : 54_000;
      const fields = JSON.stringify({ leaseId: "L1", delayMs, reason: "slow down" });
      expect(logged).toContain(`the gateway did not accept an answer; retrying ${fields}`);
      expect(errors).toEqual([]);
      expect(gateway.posted.filter(({ path }) => path === "/neuron/nack")).toEqual([]);
    },
  );

  it.each<[number | undefined, boolean]>([
    [undefined, true],
    [299, false],
    [300, true],
    [302, true],
    [399, true],
    [401, true],
    [408, true],
    [403, false],
    [404, false],
    [409, false],
  ])("with %d is posted again: %s", async (status, isPostedAgain) => {
    let refused = 0;
    const { lease, clock, frames, errors } = await setUp({
      handlers: { "a/b": () => "out" },
      onPost: (path) => {
        if (path === "/neuron/ack" && refused++ === 0)
          throw status === undefined ? new Error("no") : new ProtocolError("no", { status });
      },
    });
    lease("L1");
    await clock.advance(60_000);
    expect(frames("ack")).toHaveLength(isPostedAgain ? 2 : 1);
    expect(errors.map(({ message }) => message)).toEqual(isPostedAgain ? [] : ["no"]);
  });

  it.each([
    [1_000, undefined, 30_000],
    [1_000, 12_000, 12_000],
    [1_000, 0, 1_000],
    [20_000, 12_000, 20_000],
  ])(
    req("neuron.lease.retry", "of a lease of %d ms, with answerRetryMs %s, is posted again for %d ms"),
    async (ttlMs, answerRetryMs, totalMs) => {
      const posted: number[] = [];
      const bench = await setUp({
        handlers: { "a/b": () => "out" },
        answerRetryMs,
        onPost: (path) => {
          if (path === "/neuron/ack") posted.push(bench.clock.monotonic());
          if (path !== "/neuron/register") throw new UpstreamError("down", { status: 503 });
        },
      });
      bench.lease("L1", "a/b", {}, {}, ttlMs);
      await bench.clock.advance(120_000);
      const lastMs = posted.at(-1)! - posted[0]!;
      expect(lastMs).toBeLessThanOrEqual(totalMs);
      expect(lastMs).toBeGreaterThan(totalMs * 0.8);
      expect(bench.errors.map(({ message }) => message)).toEqual(["down"]);
    },
  );

  it("every time is given up after one more attempt when its life is over", async () => {
    const { lease, clock, frames, errors } = await setUp({
      handlers: { "a/b": () => "out" },
      onPost: (path) => {
        if (path !== "/neuron/register")
          throw new RateLimitError("slow down", { status: 429, retryAfterMs: 600_000 });
      },
    });
    lease("L1");
    await clock.advance(600_000);
    expect(frames("ack")).toHaveLength(2);
    expect(errors).toHaveLength(1);
  });
});

describe("whatever a handler throws", () => {
  const withMessage = (message: unknown) => Object.assign(new Error(), { message });
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
    revoke();
    return proxy;
  };
  const hostile = () =>
    Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("no");
      },
    });
  const cases: [string, Handler, string | RegExp][] = [
    ["an error whose message is an object", () => Promise.reject(withMessage({ a: 1 })), '{"a":1}'],
    ["an error whose message is a list", () => Promise.reject(withMessage(["a", 1])), "a,1"],
    ["an error whose message is a number", () => Promise.reject(withMessage(404)), "404"],
    ["an object", () => Promise.reject({ code: 404 }), '{"code":404}'],
    ["null", () => Promise.reject(null), "null"],
    ["a symbol", () => Promise.reject(Symbol("s")), "Symbol(s)"],
    ["an error whose message throws", () => Promise.reject(hostile()), "unprintable value"],
    ["a revoked proxy", () => Promise.reject(revoked()), "unprintable value"],
    ["5 MB of text", () => Promise.reject(new Error("é".repeat(5_000_000))), /^é{2047}…$/],
    ["2,048 characters", () => Promise.reject(new Error("x".repeat(2_048))), "x".repeat(2_048)],
    ["text cut in a pair", () => Promise.reject(new Error("😀".repeat(5_000))), /^(😀){1023}…$/u],
    ["an error to ctx.fail", (_, ctx) => ctx.fail(new Error("why") as unknown as string), "why"],
    ["an object to ctx.fail", (_, ctx) => ctx.fail({ a: 1 } as unknown as string), '{"a":1}'],
    ["a number to ctx.fail", (_, ctx) => ctx.fail(7 as unknown as string), "7"],
    [
      "a revoked proxy to ctx.fail",
      (_, ctx) => ctx.fail(revoked() as unknown as string),
      "unprintable value",
    ],
    ["a number as code", (_, ctx) => ctx.fail("why", { code: 404 as unknown as string }), "why"],
    [
      "a failure of its own making",
      () => Promise.reject(new HandlerFailure({ a: 1 } as unknown as string)),
      '{"a":1}',
    ],
  ];
  it.each(cases)(
    req("neuron.nack.text", "%s is answered once, with a short text"),
    async (_, handler, reason) => {
      const { lease, clock, frames } = await setUp({ handlers: { "a/b": handler } });
      lease("L1");
      await clock.settle();
      const nacks = frames("nack");
      expect(nacks).toHaveLength(1);
      if (typeof reason === "string") expect(nacks[0]!.reason).toBe(reason);
      else expect(nacks[0]!.reason).toMatch(reason);
      expect(["string", "undefined"]).toContain(typeof nacks[0]!.code);
    },
  );

  it.each([400, 413, 422])(
    req("neuron.nack.refused", "a nack that is refused with %d is replaced by a short one, once"),
    async (status) => {
      for (const times of [1, 2]) {
        let refusals = 0;
        const { lease, clock, frames, errors, logged } = await setUp({
          handlers: { "a/b": () => Promise.reject(new Error("<html>".repeat(300))) },
          onPost: (path) => {
            if (path === "/neuron/nack" && refusals++ < times) throw new ValidationError("no", { status });
          },
        });
        lease("L1");
        await clock.advance(60_000);
        expect(frames("nack").map(({ kind, code }) => `${kind} ${code}`)).toEqual([
          "retryable HANDLER_THREW",
          "retryable HANDLER_THREW",
        ]);
        expect(frames("nack")[1]!.reason).toBe("handler failed; the gateway refused the full reason");
        expect(
          logged.filter((line) => line.endsWith(JSON.stringify({ leaseId: "L1", reason: "no" }))),
        ).toHaveLength(1);
        expect(errors).toHaveLength(times - 1);
      }
    },
  );
});

describe("a code that the gateway does not take", () => {
  it.each([
    ["c".repeat(64), "c".repeat(64)],
    ["c".repeat(65), undefined],
    ["not a code", undefined],
  ])(req("neuron.nack.refused", "such as %s is left out of the short nack: %s"), async (code, second) => {
    let refusals = 0;
    const { lease, clock, frames } = await setUp({
      handlers: { "a/b": (_, ctx) => ctx.fail("why", { code }) },
      onPost: (path) => {
        if (path === "/neuron/nack" && refusals++ === 0) throw new ValidationError("no", { status: 422 });
      },
    });
    lease("L1");
    await clock.settle();
    const told = frames("nack").map((nack) => [nack.kind, nack.code]);
    expect(told).toEqual([
      ["terminal", code],
      ["terminal", second],
    ]);
  });
});

describe("progress", () => {
  it(
    req("neuron.progress.bounded", "that hangs delays the answer by half a second, and no stop nacks it"),
    async () => {
      for (const stops of [false, true]) {
        const signals: (AbortSignal | undefined)[] = [];
        const { lease, clock, answers, frames, neuron } = await setUp({
          handlers: {
            "a/b": (_, ctx) => {
              for (let i = 0; i < 20; i++) ctx.progress({ percent: i });
              signals.push(ctx.signal);
              return "done";
            },
          },
          onPost: (path) => (path === "/neuron/progress" ? never() : undefined),
        });
        lease("L1");
        await clock.settle();
        expect(answers()).toEqual([]);
        const stopped = stops ? neuron.stop({ drain: false }) : undefined;
        await clock.advance(500);
        expect(answers()).toEqual(["ack L1"]);
        expect(frames("progress")).toHaveLength(1);
        if (stopped !== undefined) await clock.until(stopped);
      }
    },
  );

  it("without an argument, or with one that throws, never disturbs the handler", async () => {
    const odd = [
      undefined,
      null,
      5,
      { percent: "x" },
      Object.freeze({}),
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("no");
          },
        },
      ),
    ];
    const { lease, clock, answers, frames } = await setUp({
      handlers: {
        "a/b": (_, ctx) => {
          for (const update of odd) ctx.progress(update as object);
        },
      },
    });
    lease("L1");
    await clock.settle();
    expect(answers()).toEqual(["ack L1"]);
    expect(frames("progress")).toHaveLength(4);
  });
});
