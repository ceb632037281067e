import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { Lease } from "../../gen/neuron/index.js";
import { ajvValidator } from "../../src/core/ajv-validator.js";
import { UnsupportedError } from "../../src/core/errors.js";
import type { JsonSchema } from "../../src/core/json-schema.js";
import { serve } from "../../src/neuron/capability.js";
import { memoryTransport, Neuron } from "../../src/neuron/index.js";
import { SchemaBook, type SchemaSource } from "../../src/neuron/schemas.js";
import { req } from "../requirements/index.ts";

interface Case {
  readonly id: number;
  readonly schema: JsonSchema | null;
  readonly instance: unknown;
  readonly verdict: "valid" | "invalid" | "invalid-schema" | "validator-raises";
}

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/neuron/schema_cases.json"), "utf8"),
) as Case[];

const lease = (inputSchema?: unknown): Lease => ({
  leaseId: "L",
  expiresAt: "",
  task: { taskId: "t", workflowId: "w", capability: "a/b", input: null, attempt: 0 },
  ...(inputSchema === undefined ? {} : { inputSchema }),
});

const capability = (inputSchema?: JsonSchema) =>
  serve({ type: "a/b", scope: "any", concurrency: 1, inputSchema }, () => 1);

/** Known differences of the validator itself: see core/schema-cases in expected-differences.yaml. */
const listed = new Set([118, 125, 202]);

describe("schemas of leases", () => {
  it(
    req(
      "neuron.schema.verdicts",
      "give the 163 recorded verdicts; one that cannot be used counts against the value",
    ),
    async () => {
      const book = new SchemaBook({ source: "registered-first" });
      const served = capability();
      await book.prepare(served);
      const differ: number[] = [];
      for (const { id, schema, instance, verdict } of cases) {
        const { ok } = await book.judge(served, lease(schema), "input", instance);
        // A boolean schema on a lease counts as none, as in the peers.
        const expected = typeof schema === "boolean" || verdict === "valid";
        if (ok !== expected) differ.push(id);
      }
      expect(cases).toHaveLength(163);
      expect(differ.filter((id) => !listed.has(id))).toEqual([]);
      expect(differ).toHaveLength(listed.size);
    },
  );

  it.each<[SchemaSource, boolean, boolean]>([
    ["registered-first", false, false],
    ["lease-first", true, false],
    ["registered-only", false, true],
  ])(req("neuron.schema.source", "%s: who judges"), async (source, leaseWins, leaseIgnored) => {
    const book = new SchemaBook({ source });
    const strict = capability({ type: "string" });
    const open = capability();
    await book.prepare(strict);
    await book.prepare(open);
    const number = lease({ type: "number" });
    expect((await book.judge(strict, number, "input", 1)).ok).toBe(leaseWins);
    expect((await book.judge(open, number, "input", "x")).ok).toBe(leaseIgnored);
    for (const none of [undefined, null, {}, false, true]) {
      expect((await book.judge(strict, lease(none), "input", 1)).ok).toBe(false);
      expect((await book.judge(open, lease(none), "input", 1)).ok).toBe(true);
    }
  });

  it(req(
    "neuron.schema.remote",
    "are bounded in size and number, and refer to nothing outside",
  ), async () => {
    const validator = ajvValidator({ unresolvedRefs: "when-reached" });
    const book = new SchemaBook({ validator, source: "registered-first" });
    const served = capability();
    await book.prepare(served);
    const judge = (schema: object) => book.judge(served, lease(schema), "input", { n: 1 });
    const large = await judge({ description: "x".repeat(300_000) });
    expect(large).toMatchObject({ ok: false });
    const remote = await judge({ $ref: "https://schemas.example/x.json" });
    expect(remote).toMatchObject({ ok: false });
    expect(await judge({ type: "strnig" })).toMatchObject({ ok: false });

    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const distinct = async (from: number, count: number) => {
      for (let i = from; i < from + count; i++) {
        const { ok } = await judge({ type: "object", properties: { n: { type: "integer", maximum: i } } });
        expect(ok).toBe(i > 0);
      }
      collect();
      return process.memoryUsage().heapUsed / 1e6;
    };
    const after1000 = await distinct(1, 1_000);
    const after10000 = await distinct(1_001, 9_000);
    expect(validator.stats()).toMatchObject({ held: 100 });
    expect(validator.stats().evicted).toBeGreaterThan(9_800);
    // 9,000 more schemas leave nothing behind but noise; kept, they would take more than 100 MB.
    expect(after10000 - after1000).toBeLessThan(30);
  }, 120_000);
});

describe("a lease with a schema that would block the process", () => {
  const nested = (links: number) =>
    Object.fromEntries(
      Array.from({ length: links + 1 }, (_, i) => {
        const next = { $ref: `#/$defs/n${i + 1}` };
        return [`n${i}`, i === links ? { type: "string" } : { anyOf: [next, next] }];
      }),
    );
  const exponential = { $ref: "#/$defs/n0", $defs: nested(40) };

  it("is answered as a mismatch with a log line, before its handler runs", async () => {
    const { transport, gateway } = memoryTransport();
    const warnings: unknown[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (...line: unknown[]) => void warnings.push(line),
    };
    const neuron = new Neuron({ neuronId: "n", transport, logger });
    let runs = 0;
    neuron.handle({ type: "a/b", concurrency: 4 }, () => ++runs);
    const answered = new Promise<unknown[]>((resolve) => {
      const answers: unknown[] = [];
      neuron.on("lease:answered", ({ answer }) => answers.push(answer) === 3 && resolve(answers));
    });
    await neuron.start();
    const send = (leaseId: string, inputSchema: unknown, input: unknown) => {
      const sentAt = new Date().toISOString();
      const expiresAt = new Date(Date.now() + 60_000).toISOString();
      const task = { taskId: leaseId, workflowId: "w", capability: "a/b", input, attempt: 0 };
      gateway.send({ type: "lease", lease: { leaseId, expiresAt, task, inputSchema }, sentAt });
    };
    send("L1", exponential, 1);
    send("L2", { properties: { big: { $ref: "#anchor" } }, pattern: "^(a)\\1$" }, "a");
    send("L3", { pattern: "^(a+)+$" }, `${"a".repeat(200)}!`);
    expect(await answered).toEqual([
      expect.objectContaining({ type: "nack", kind: "schema-mismatch", code: "INPUT_SCHEMA_MISMATCH" }),
      expect.objectContaining({ type: "nack", kind: "schema-mismatch", code: "INPUT_SCHEMA_MISMATCH" }),
      expect.objectContaining({ type: "nack", kind: "schema-mismatch", code: "INPUT_SCHEMA_MISMATCH" }),
    ]);
    expect(runs).toBe(0);
    expect(JSON.stringify(warnings)).toMatch(/SCHEMA_TOO_COMPLEX.*SCHEMA_TOO_COMPLEX/);
    await neuron.stop();
  });

  it("is bounded in form for an injected validator too", async () => {
    const compiled: unknown[] = [];
    const validator = {
      compile: async (schema: JsonSchema) => {
        compiled.push(schema);
        return { validate: (value: unknown) => ({ ok: true as const, value }) };
      },
    };
    const book = new SchemaBook({ validator, source: "registered-first" });
    const served = capability();
    await book.prepare(served);
    const wide = { properties: Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`p${i}`, {}])) };
    expect(await book.judge(served, lease(wide), "input", 1)).toMatchObject({ ok: false });
    expect(compiled).toEqual([]);
    expect(await book.judge(served, lease({ type: "string" }), "input", 1)).toMatchObject({ ok: true });
  });

  it("leaves the author's own schemas without these bounds", async () => {
    const book = new SchemaBook({ source: "registered-first" });
    const wide = { properties: Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`p${i}`, {}])) };
    const served = capability(wide);
    await book.prepare(served);
    expect(await book.judge(served, lease(), "input", {})).toMatchObject({ ok: true });
  });
});

it("a number that is not finite is refused on the way in as well", async () => {
  const book = new SchemaBook({ source: "registered-first" });
  const served = capability({ properties: { n: { type: "integer" } } });
  await book.prepare(served);
  const verdict = await book.judge(served, lease(), "input", JSON.parse('{"n":1e400}'));
  expect(verdict).toEqual({ ok: false, errors: ["/n must be a finite number"] });
});

describe("where code generation is forbidden", () => {
  it(req("neuron.schema.unsupported", "start() says which option helps"), async () => {
    const neuron = new Neuron({
      neuronId: "n",
      transport: memoryTransport().transport,
      validator: {
        compile: () => Promise.reject(new UnsupportedError("pass a SchemaValidator as `validator`")),
      },
    });
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1, inputSchema: { type: "string" } }, () => 1);
    await expect(neuron.start()).rejects.toBeInstanceOf(UnsupportedError);
  });
});
