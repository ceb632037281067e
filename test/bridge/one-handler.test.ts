import { describe, expect, it } from "vitest";
import { jsonSchema } from "../../src/core/json-schema.js";
import { defineHandler, type HandlerContext } from "../../src/handler/index.js";
import { req } from "../requirements/index.ts";
import { overCap, overNeuron, type WorkerWire } from "./wires.ts";

const number = jsonSchema<{ n: number }>({
  type: "object",
  properties: { n: { type: "number" } },
  required: ["n"],
});

describe.each([
  ["CAP", overCap as (definition: ReturnType<typeof defineHandler>) => Promise<WorkerWire>],
  ["neuron", overNeuron],
])("one handler on %s", (wire, serve) => {
  it(
    req("bridge.handler.output", "gets the input that its schema let through and gives the output"),
    async () => {
      const double = defineHandler({ input: number, output: number, run: ({ n }) => ({ n: n * 2 }) });
      await using on = await serve(double);
      expect(await on.submit({ n: 21 })).toEqual({ ended: "done", output: { n: 42 } });
      expect(await on.submit(null)).toMatchObject({ ended: "failed" });
      expect(await on.submit({ n: "x" })).toMatchObject({ ended: "failed" });
    },
  );

  it("refuses an output that its schema does not let through", async () => {
    const bad = defineHandler({ output: number, run: () => ({ n: "text" }) as never });
    await using on = await serve(bad);
    expect(await on.submit({})).toMatchObject({ ended: "failed" });
  });

  it.each<[string, unknown]>([
    ["NaN", { n: Number.NaN }],
    ["Infinity", { n: Infinity }],
    ["-Infinity", { n: -Infinity }],
    ["a boxed NaN", { n: Object(Number.NaN) }],
    ["NaN under a schema that allows null", { n: 1, maybe: Number.NaN }],
    ["a Map", new Map([["n", 1]])],
    ["a Map in a member", { n: 1, any: new Map([["n", 1]]) }],
    ["a Set in a list", { n: 1, any: [new Set([1])] }],
    ["a typed array", { n: 1, any: new Uint8Array([1]) }],
    ["bytes", new Uint8Array([1])],
    ["an error", { n: 1, any: new Error("x") }],
    ["toJSON that does not match", { n: 1, toJSON: () => ({ n: "1" }) }],
    ["undefined", undefined],
  ])("refuses %s, which leaves as other JSON than the schema allows", async (_, output) => {
    const schema = {
      type: "object",
      properties: { n: { type: "number" }, maybe: { type: ["number", "null"] } },
      required: ["n"],
    } as const;
    await using on = await serve(defineHandler({ output: schema, run: () => output }));
    const ended = await on.submit({});
    expect(ended).toMatchObject({ ended: "failed" });
    if (wire === "neuron") expect(ended.code).toBe("OUTPUT_SCHEMA_MISMATCH");
  });

  it.each<[string, unknown, unknown]>([
    ["drops an undefined member", { n: 1, error: undefined }, { n: 1 }],
    ["writes a Date as text", { n: 1, when: new Date(0) }, { n: 1, when: "1970-01-01T00:00:00.000Z" }],
    ["applies toJSON", { toJSON: () => ({ n: 2 }) }, { n: 2 }],
    ["unboxes a number", { n: Object(3) }, { n: 3 }],
  ])("%s before the schema judges", async (_, output, expected) => {
    const schema = {
      type: "object",
      properties: { n: { type: "number" }, when: { type: "string" } },
      required: ["n"],
      additionalProperties: false,
    } as const;
    await using on = await serve(defineHandler({ output: schema, run: () => output }));
    expect(await on.submit({})).toEqual({ ended: "done", output: expected });
  });

  it("fails for good where an output has no JSON form, with or without a schema", async () => {
    const cyclic: { n: number; self?: unknown } = { n: 1 };
    cyclic.self = cyclic;
    for (const output of [undefined, { type: "object" } as const]) {
      let runs = 0;
      const run = (): unknown => {
        runs++;
        return cyclic;
      };
      await using on = await serve(defineHandler({ output, run }));
      const ended = await on.submit({});
      expect(ended.ended).toBe("failed");
      if (wire === "neuron") expect(ended.code).toBe("OUTPUT_NOT_SERIALIZABLE");
      else expect(ended.reason).toContain("not JSON serializable");
      expect(runs).toBe(1);
    }
  });

  it.each<[string, unknown, string]>([
    [
      "an infinite number in a member",
      { a: [1, -Infinity] },
      "/a/1 must be a finite number, found -Infinity",
    ],
    ["NaN", Number.NaN, "must be a finite number, found NaN"],
    ["a Map", new Map([["n", 1]]), "found Map"],
    ["a Set in a list", [new Set([1])], "/0 must be JSON data, found Set"],
    ["an invalid date", { at: new Date(Number.NaN) }, "/at must be a valid date"],
    ["a function in a list", [() => 1], "/0 must be JSON data, found a function"],
    ["a symbol", Symbol("s"), "its type is symbol"],
  ])("fails for good without a schema on %s, which JSON does not carry", async (_, output, place) => {
    let runs = 0;
    const run = (): unknown => {
      runs++;
      return output;
    };
    await using on = await serve(defineHandler({ run }));
    const ended = await on.submit({});
    expect(ended).toMatchObject({
      ended: "failed",
      code: wire === "neuron" ? "OUTPUT_NOT_SERIALIZABLE" : "RESULT_WRITE_FAILED",
    });
    expect(ended.reason).toContain(wire === "neuron" ? place : "output is not JSON serializable");
    expect(runs).toBe(1);
  });

  it.each<[string, unknown, string | undefined]>([
    ["a symbol", { code: Symbol("s") }, undefined],
    ["an object", { code: {} }, undefined],
    ["null", { code: null }, undefined],
    ["a number", { code: 4711 }, "4711"],
    ["an empty text", { code: "" }, undefined],
    ["no options but null", null, undefined],
    [
      "a getter that throws",
      {
        get code() {
          throw new Error("no");
        },
      },
      undefined,
    ],
  ])("ends for good also where the code of ctx.fail is %s", async (_, options, code) => {
    let runs = 0;
    const run = (_input: unknown, ctx: HandlerContext): never => {
      runs++;
      return ctx.fail("gone", options as { code?: string });
    };
    await using on = await serve(defineHandler({ run }));
    const ownCode = wire === "neuron" ? "HANDLER_TERMINAL" : "HANDLER_FAILED";
    expect(await on.submit({})).toEqual({ ended: "failed", reason: "gone", code: code ?? ownCode });
    expect(runs).toBe(1);
  });

  it(req("bridge.handler.fail", "ends for good with the reason and the code of ctx.fail"), async () => {
    const failing = defineHandler({
      run: (_, ctx) => ctx.fail("the page is gone", { code: "PAGE_GONE" }),
    });
    await using on = await serve(failing);
    expect(await on.submit({})).toEqual({ ended: "failed", code: "PAGE_GONE", reason: "the page is gone" });
  });

  it("says what an exception said where exposeErrors allows it", async () => {
    const throwing = defineHandler({
      run: () => {
        throw new RangeError("out of reach");
      },
    });
    await using on = await serve(throwing);
    expect(await on.submit({})).toMatchObject({
      ended: "failed",
      reason: expect.stringContaining("out of reach"),
    });
  });

  it(req("bridge.handler.progress", "reports progress before its result"), async () => {
    const steps = defineHandler({
      async run(_, ctx) {
        ctx.progress({ percent: 10, message: "begun" });
        ctx.progress({ percent: 90, message: "nearly" });
        return "done";
      },
    });
    await using on = await serve(steps);
    expect(await on.submit({})).toEqual({ ended: "done", output: "done" });
    expect(on.progress()).toEqual(["begun", "nearly"]);
  });

  it(req("bridge.handler.cancel", "is aborted by a cancel, and the work ends as cancelled"), async () => {
    let begun!: () => void;
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let reason: unknown;
    const waiting = defineHandler({
      run: (_, ctx) =>
        new Promise((_, reject) => {
          ctx.signal.addEventListener("abort", () => {
            reason = ctx.signal.reason;
            reject(reason);
          });
          begun();
        }),
    });
    await using on = await serve(waiting);
    const ended = on.submit({}, { id: "work-1" });
    await running;
    await on.cancel("work-1");
    expect(await ended).toMatchObject({ ended: "cancelled" });
    expect(reason).toMatchObject({ name: "AbortError" });
  });

  it(
    req("bridge.handler.context", "is told its deadline, its correlation id and the raw request"),
    async () => {
      let seen: HandlerContext | undefined;
      const looking = defineHandler({
        run(_, ctx) {
          seen = ctx;
          return null;
        },
      });
      await using on = await serve(looking);
      const before = Date.now();
      await on.submit({}, { id: "work-7", deadlineMs: 60_000 });
      expect(seen?.deadline).toBeGreaterThanOrEqual(before + 59_000);
      expect(seen?.deadline).toBeLessThanOrEqual(Date.now() + 61_000);
      expect(seen?.correlationId).toMatch(wire === "CAP" ? /^[0-9a-f]{32}$/ : /^work-7$/);
      expect(seen?.request).toMatchObject(
        wire === "CAP" ? { jobId: "work-7" } : { task: { taskId: "work-7" } },
      );
      expect(seen?.signal).toBeInstanceOf(AbortSignal);
    },
  );
});
