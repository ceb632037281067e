import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Commit, RecoveryResult, RecoveryStrategy } from "../../gen/aureus/v1/index.js";
import type { Validator } from "../../src/aureus/engine/index.js";
import {
  anomalyDetection,
  CrvGate,
  crossFieldConsistency,
  custom,
  fail,
  maxSize,
  monotonic,
  notNull,
  pass,
  recover,
  schema,
  statisticalBounds,
  temporalMonotonic,
  validateChain,
} from "../../src/aureus/engine/index.js";
import type { RecoveryExecutor } from "../../src/aureus/engine/recovery.js";
import { req } from "../requirements/index.ts";

const commit = (data: unknown, previousState?: unknown): Commit => ({ id: "c", data, previousState });
/** `+` or the failure code, with the confidence. */
async function verdict(validator: Validator, data: unknown, previousState?: unknown): Promise<string> {
  const { valid, failureCode, confidence } = await validator(commit(data, previousState));
  return `${valid ? "+" : failureCode} ${confidence}`;
}
const gate = (validators: Validator[], more: object = {}) =>
  new CrvGate({ name: "g", validators, blockOnFailure: true, ...more });

describe("validators", () => {
  const bounds = statisticalBounds("n", { mean: 10, stddev: 1 });
  const history = [9, 10, 11];
  const rules = [
    { name: "sum", fields: ["a", "b"], predicate: ({ a, b }: Record<string, unknown>) => a === b },
    {
      name: "deep",
      fields: ["a"],
      predicate: ({ a }: Record<string, unknown>) => {
        if (a === "throw") throw new Error("boom");
        return true;
      },
    },
  ];
  const t = (iso: string, version?: number) => ({
    timestamp: iso,
    ...(version !== undefined && { version }),
  });
  const noon = "2026-01-01T12:00:00Z";
  const later = "2026-01-01T12:00:05Z";

  it.each<[string, Validator, unknown, unknown, string]>([
    ["notNull", notNull(), null, undefined, "MISSING_DATA 1"],
    ["notNull: 0 is data", notNull(), 0, undefined, "+ 1"],
    ["schema", schema({ a: "string" }), { a: "x", b: 1 }, undefined, "+ 1"],
    ["schema: absent", schema({ a: "string" }), {}, undefined, "MISSING_DATA 1"],
    ["schema: wrong type", schema({ a: "string" }), { a: 1 }, undefined, "CONFLICT 1"],
    ["schema: null is an object", schema({ a: "object" }), { a: null }, undefined, "+ 1"],
    ["schema: no object", schema({}), 7, undefined, "CONFLICT 1"],
    ["monotonic: first", monotonic(), { version: 1 }, undefined, "+ 1"],
    ["monotonic: equal", monotonic(), { version: 2 }, { version: 2 }, "+ 0.9"],
    ["monotonic: back", monotonic(), { version: 1 }, { version: 2 }, "CONFLICT 1"],
    ["monotonic: 0 does not count", monotonic(), { version: 0 }, { version: 2 }, "+ 0.9"],
    ["maxSize: exactly", maxSize(7), { a: 1 }, undefined, "+ 1"],
    ["maxSize: beyond", maxSize(6), { a: 1 }, undefined, "OUT_OF_SCOPE 1"],
    ["custom", custom("c", () => false), 1, undefined, "POLICY_VIOLATION 1"],
    ["custom: code", custom("c", () => false, "r", "TOOL_ERROR"), 1, undefined, "TOOL_ERROR 1"],
    ["bounds: inside", bounds, { n: 13 }, undefined, "+ 1"],
    ["bounds: 4.5 deviations", bounds, { n: 14.5 }, undefined, "OUT_OF_SCOPE 0.5"],
    ["bounds: far off", bounds, { n: 99 }, undefined, "OUT_OF_SCOPE 0"],
    ["bounds: absent", bounds, {}, undefined, "MISSING_DATA 1"],
    ["bounds: NaN", bounds, { n: Number.NaN }, undefined, "CONFLICT 1"],
    [
      "bounds: constant",
      statisticalBounds("n", { mean: 1, stddev: 0 }),
      { n: 2 },
      undefined,
      "OUT_OF_SCOPE 1",
    ],
    ["bounds: max", statisticalBounds("n", { max: 1 }), { n: 2 }, undefined, "OUT_OF_SCOPE 1"],
    ["anomaly: normal", anomalyDetection("n", history), { n: 10 }, undefined, "+ 1"],
    ["anomaly: at the edge", anomalyDetection("n", history), { n: 13 }, undefined, "+ 0.7"],
    ["anomaly: beyond", anomalyDetection("n", history), { n: 14.5 }, undefined, "OUT_OF_SCOPE 0.5"],
    ["anomaly: little history", anomalyDetection("n", [1]), { n: 99 }, undefined, "+ 0.5"],
    ["anomaly: constant", anomalyDetection("n", [1, 1]), { n: 2 }, undefined, "OUT_OF_SCOPE 1"],
    ["cross: holds", crossFieldConsistency(rules), { a: 1, b: 1 }, undefined, "+ 1"],
    ["cross: absent", crossFieldConsistency(rules), { a: 1 }, undefined, "MISSING_DATA 1"],
    ["cross: broken", crossFieldConsistency(rules), { a: 1, b: 2 }, undefined, "CONFLICT 1"],
    ["cross: throws", crossFieldConsistency(rules), { a: "throw", b: "throw" }, undefined, "TOOL_ERROR 0.5"],
    ["time: first", temporalMonotonic(), t(noon), undefined, "+ 1"],
    ["time: ahead", temporalMonotonic(), t(later, 2), t(noon, 1), "+ 0.95"],
    ["time: equal", temporalMonotonic(), t(noon), t(noon), "CONFLICT 1"],
    ["time: equal allowed", temporalMonotonic({ allowEqual: true }), t(noon, 1), t(noon, 1), "+ 0.95"],
    ["time: version back", temporalMonotonic(), t(later, 1), t(noon, 2), "CONFLICT 1"],
    ["time: drift", temporalMonotonic({ maxTimeDrift: 4_999 }), t(later), t(noon), "NON_DETERMINISM 0.8"],
    ["time: no drift", temporalMonotonic({ maxTimeDrift: 5_000 }), t(later), t(noon), "+ 0.95"],
  ])(req("aureus.engine.validators", "%s"), async (_name, validator, data, previous, expected) => {
    expect(await verdict(validator, data, previous)).toBe(expected);
  });

  // What the engine does with options that are given but empty: it compares them as JavaScript does.
  const empty = <T>(value: unknown) => value as T;
  const wide = { mean: 10, stddev: 1 };
  it.each<[string, Validator, unknown, unknown, string]>([
    ["time: no options at all", temporalMonotonic(empty(null)), t(noon), t(later), "CONFLICT 1"],
    ["time: field undefined", temporalMonotonic({ timestampField: undefined }), t(noon), t(later), "+ 0.95"],
    ["time: field null", temporalMonotonic({ timestampField: null }), t(noon), t(later), "+ 0.95"],
    [
      "time: field empty",
      temporalMonotonic({ timestampField: "" }),
      { ...t(noon), "": 1 },
      { ...t(later), "": 2 },
      "+ 0.95",
    ],
    [
      "time: version undefined",
      temporalMonotonic({ versionField: undefined }),
      { version: 1 },
      { version: 2 },
      "+ 0.95",
    ],
    [
      "time: version null",
      temporalMonotonic({ versionField: null }),
      { version: 1 },
      { version: 2 },
      "+ 0.95",
    ],
    ["time: version empty", temporalMonotonic({ versionField: "" }), { "": 1 }, { "": 2 }, "+ 0.95"],
    [
      "time: the other field still counts",
      temporalMonotonic({ versionField: "" }),
      t(noon),
      t(later),
      "CONFLICT 1",
    ],
    [
      "time: allowEqual undefined",
      temporalMonotonic({ allowEqual: undefined }),
      t(noon),
      t(noon),
      "CONFLICT 1",
    ],
    ["time: allowEqual null", temporalMonotonic({ allowEqual: null }), t(noon), t(noon), "CONFLICT 1"],
    ["time: allowEqual empty", temporalMonotonic({ allowEqual: empty("") }), t(noon), t(noon), "CONFLICT 1"],
    ["time: drift undefined", temporalMonotonic({ maxTimeDrift: undefined }), t(later), t(noon), "+ 0.95"],
    ["time: drift null", temporalMonotonic({ maxTimeDrift: null }), t(later), t(noon), "NON_DETERMINISM 0.8"],
    [
      "time: drift empty",
      temporalMonotonic({ maxTimeDrift: empty("") }),
      t(later),
      t(noon),
      "NON_DETERMINISM 0.8",
    ],
    [
      "bounds: tolerance undefined",
      statisticalBounds("n", { ...wide, tolerance: empty(undefined) }),
      { n: 13 },
      0,
      "+ 1",
    ],
    [
      "bounds: tolerance null",
      statisticalBounds("n", { ...wide, tolerance: empty(null) }),
      { n: 13 },
      0,
      "+ 1",
    ],
    [
      "bounds: tolerance null, outside",
      statisticalBounds("n", { ...wide, tolerance: empty(null) }),
      { n: 14.5 },
      0,
      "OUT_OF_SCOPE 0.5",
    ],
    [
      "bounds: tolerance empty",
      statisticalBounds("n", { ...wide, tolerance: empty("") }),
      { n: 11 },
      0,
      "OUT_OF_SCOPE 0",
    ],
    ["bounds: min undefined", statisticalBounds("n", { min: empty(undefined) }), { n: -1 }, 0, "+ 1"],
    ["bounds: min null", statisticalBounds("n", { min: empty(null) }), { n: -1 }, 0, "OUT_OF_SCOPE 1"],
    ["bounds: min empty", statisticalBounds("n", { min: empty("") }), { n: -1 }, 0, "OUT_OF_SCOPE 1"],
    ["bounds: max undefined", statisticalBounds("n", { max: empty(undefined) }), { n: 1 }, 0, "+ 1"],
    ["bounds: max null", statisticalBounds("n", { max: empty(null) }), { n: 1 }, 0, "OUT_OF_SCOPE 1"],
    ["bounds: max empty", statisticalBounds("n", { max: empty("") }), { n: 1 }, 0, "OUT_OF_SCOPE 1"],
    [
      "bounds: mean undefined",
      statisticalBounds("n", { ...wide, mean: empty(undefined) }),
      { n: 99 },
      0,
      "+ 1",
    ],
    [
      "bounds: mean null",
      statisticalBounds("n", { ...wide, mean: empty(null) }),
      { n: 99 },
      0,
      "OUT_OF_SCOPE 0",
    ],
    [
      "bounds: stddev undefined",
      statisticalBounds("n", { ...wide, stddev: empty(undefined) }),
      { n: 99 },
      0,
      "+ 1",
    ],
    [
      "bounds: stddev null",
      statisticalBounds("n", { ...wide, stddev: empty(null) }),
      { n: 99 },
      0,
      "OUT_OF_SCOPE 0",
    ],
    ["bounds: no bounds, no object", statisticalBounds("n", empty(undefined)), 1, 0, "CONFLICT 1"],
    ["anomaly: threshold undefined", anomalyDetection("n", history, undefined), { n: 13 }, 0, "+ 0.7"],
    ["anomaly: threshold null", anomalyDetection("n", history, empty(null)), { n: 11 }, 0, "OUT_OF_SCOPE 0"],
    ["anomaly: threshold empty", anomalyDetection("n", history, empty("")), { n: 11 }, 0, "OUT_OF_SCOPE 0"],
    ["anomaly: no history, no object", anomalyDetection("n", empty(undefined)), 1, 0, "CONFLICT 1"],
    ["custom: code undefined", custom("c", () => false, undefined, undefined), 1, 0, "POLICY_VIOLATION 1"],
    ["custom: code null", custom("c", () => false, null, null), 1, 0, "POLICY_VIOLATION 1"],
    ["custom: code empty", custom("c", () => false, "", empty("")), 1, 0, "POLICY_VIOLATION 1"],
    ["maxSize: undefined", maxSize(empty(undefined)), 1, 0, "OUT_OF_SCOPE 1"],
    ["maxSize: null", maxSize(empty(null)), 1, 0, "OUT_OF_SCOPE 1"],
    ["schema: type undefined", schema({ a: empty(undefined) }), { a: 1 }, 0, "CONFLICT 1"],
    ["schema: type null", schema({ a: empty(null) }), { a: null }, 0, "CONFLICT 1"],
    ["schema: no fields, no object", schema(empty(null)), 1, 0, "CONFLICT 1"],
    ["cross: no rules, no object", crossFieldConsistency(empty(null)), 1, 0, "CONFLICT 1"],
  ])(
    req("aureus.engine.validators", "an empty option counts as in the engine: %s"),
    async (_n, validator, data, before, expected) => {
      expect(await verdict(validator, data, before)).toBe(expected);
    },
  );

  it.each<[string, Validator, unknown, unknown]>([
    ["bounds that are undefined", statisticalBounds("n", empty(undefined)), { n: 1 }, undefined],
    ["a history that is null", anomalyDetection("n", empty(null)), { n: 1 }, undefined],
    ["a schema that is null", schema(empty(null)), {}, undefined],
    ["rules that are null", crossFieldConsistency(empty(null)), {}, undefined],
    ["a previous state that is no object", temporalMonotonic(), {}, "before"],
  ])(
    req("aureus.engine.validators", "%s: judging throws, as in the engine"),
    (_, validator, data, before) => {
      expect(() => validator(commit(data, before))).toThrow(TypeError);
    },
  );

  it(
    req("aureus.engine.validators", "the metadata of a rule that threw names the error as the engine does"),
    async () => {
      const result = await crossFieldConsistency(rules)(commit({ a: "throw", b: "throw" }));
      expect(result.metadata).toMatchObject({ error: "Error: boom" });
    },
  );

  it(req("aureus.engine.validators", "custom lets its predicate throw"), () => {
    const validator = custom("c", () => {
      throw new Error("predicate");
    });
    expect(() => validator(commit(1))).toThrow("predicate");
  });
});

describe("gate", () => {
  it(req("aureus.engine.gate", "runs all validators and names the first failure with a code"), async () => {
    const silent: Validator = () => ({ valid: false });
    const result = await gate([silent, notNull(), schema({})]).validate(commit(null));
    expect(result.validationResults).toHaveLength(3);
    expect(result).toMatchObject({
      passed: false,
      blockedCommit: true,
      crvStatus: "blocked",
      failureCode: "MISSING_DATA",
    });
  });

  it.each([
    [0.9, 0.8, true],
    [0.8, 0.8, true],
    [0.7, 0.8, false],
    [-0.5, 0, true],
    [0, 0.8, true],
    [0.7, 0, true],
  ])(req("aureus.engine.gate", "confidence %d where %d is required: %s"), async (has, needs, passed) => {
    const result = await gate([() => pass("ok", has)], { requiredConfidence: needs }).validate(commit(1));
    expect(result.passed).toBe(passed);
    expect(result.failureCode).toBeUndefined();
  });

  it(
    req("aureus.engine.gate", "warns without blocking, tells its strategy only then, passes when empty"),
    async () => {
      const recoveryStrategy: RecoveryStrategy = { type: "ignore", justification: "j" };
      const warning = await gate([notNull()], { blockOnFailure: false, recoveryStrategy }).validate(
        commit(null),
      );
      expect(warning).toMatchObject({
        passed: false,
        blockedCommit: false,
        crvStatus: "warning",
        recoveryStrategy,
      });
      const empty = await gate([], { recoveryStrategy }).validate(commit(null));
      expect(empty).toMatchObject({ passed: true, crvStatus: "passed", validationResults: [] });
      expect(empty).not.toHaveProperty("recoveryStrategy");
    },
  );

  it(req("aureus.engine.gate", "a chain stops at the first block, not at a warning"), async () => {
    const warn = gate([notNull()], { blockOnFailure: false });
    const results = await validateChain([warn, gate([notNull()]), gate([])], commit(null));
    expect(results.map(({ crvStatus }) => crvStatus)).toEqual(["warning", "blocked"]);
  });

  it(req("aureus.engine.gate", "rejects with what a validator throws"), async () => {
    const broken: Validator = () => {
      throw new Error("broken validator");
    };
    await expect(gate([broken]).validate(commit(1))).rejects.toThrow("broken validator");
  });

  it.each([
    [Number.NaN, 1],
    [0.5, Number.NaN],
    [Number.NaN, Number.NaN],
  ])(
    "blocks if the required confidence (%d) or the one reported (%d) is not a number",
    async (need, reported) => {
      const config = { blockOnFailure: true, requiredConfidence: need };
      const result = await gate([() => pass("", reported)], config).validate(commit(1));
      expect([result.passed, result.blockedCommit]).toEqual([false, true]);
    },
  );

  it(req("aureus.engine.gate", "blocks exactly when something fails and it may block"), async () => {
    const outcome = fc.record({
      valid: fc.boolean(),
      confidence: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome),
        fc.boolean(),
        fc.double({ min: 0, max: 1 }),
        async (list, block, need) => {
          const validators = list.map(({ valid, confidence }): Validator => {
            return () => (valid ? pass("", confidence) : fail("CONFLICT", "", undefined, confidence));
          });
          const config = { blockOnFailure: block, requiredConfidence: need };
          const result = await gate(validators, config).validate(commit(1));
          const good = list.every(({ valid, confidence }) => valid && confidence >= need);
          expect(result.passed).toBe(good);
          expect(result.blockedCommit).toBe(block && !good);
        },
      ),
    );
  });
});

describe("recovery", () => {
  const answer = (more: Partial<RecoveryResult>): RecoveryResult => ({
    success: true,
    strategy: { type: "ask_user", prompt: "p" },
    message: "m",
    ...more,
  });
  const empty = "Data is null or undefined";
  const why = `CRV gate blocked commit: ${empty}, ${empty}`;
  const run = async (strategy: RecoveryStrategy, given: Partial<RecoveryResult> | Error = {}) => {
    const calls: unknown[][] = [];
    const execute =
      (name: string) =>
      async (...args: unknown[]) => {
        calls.push([name, ...args.slice(0, -1)]);
        if (given instanceof Error) throw given;
        return answer(given);
      };
    const executor: RecoveryExecutor = {
      retryAltTool: execute("retry"),
      askUser: execute("ask"),
      escalate: execute("escalate"),
    };
    const judged: Commit[] = [];
    const strict = gate([
      (item) => {
        judged.push(item);
        return notNull()(item);
      },
      notNull(),
      custom("fine", () => true, "never said"),
    ]);
    const old: Commit = { ...commit(null), metadata: { taskId: "t" } };
    const blocked = await strict.validate(old);
    return { calls, judged, outcome: await recover(strict, old, blocked, strategy, executor) };
  };

  it(req("aureus.engine.recovery", "retry_alt_tool gives data that is judged again"), async () => {
    const strategy: RecoveryStrategy = { type: "retry_alt_tool", toolName: "alt", maxRetries: 2 };
    const good = await run(strategy, { recoveredData: { a: 1 } });
    expect(good.calls).toEqual([["retry", "alt", 2]]);
    expect(good.outcome).toEqual({
      status: "recovered",
      data: { a: 1 },
      result: answer({ recoveredData: { a: 1 } }),
    });
    expect(good.judged[1]).toEqual({
      ...commit({ a: 1 }),
      id: "c-recovered",
      metadata: { taskId: "t", recovered: true, recoveryStrategy: "retry_alt_tool" },
    });
    const bad = await run(strategy, { recoveredData: null });
    expect(bad.outcome).toEqual({
      status: "refused",
      error: `${why}. Recovered data failed validation too: ${empty}, ${empty}`,
      result: answer({ recoveredData: null }),
    });
  });

  it(req("aureus.engine.recovery", "ask_user and escalate may succeed without data"), async () => {
    const asked = await run({ type: "ask_user", prompt: "why?" }, { success: false });
    expect(asked.calls).toEqual([["ask", "why?"]]);
    const result = answer({ success: false });
    expect(asked.outcome).toEqual({ status: "failed", error: `${why}. Recovery failed: m`, result });
    const withData = await run({ type: "ask_user", prompt: "why?" }, { success: false, recoveredData: 1 });
    expect(withData.outcome.status).toBe("failed");
    const escalated = await run({ type: "escalate", reason: "r" });
    expect(escalated.calls).toEqual([["escalate", "r"]]);
    const error = `${why}. Recovery succeeded: m`;
    expect(escalated.outcome).toEqual({ status: "handed_on", error, result: answer({}) });
  });

  it(req("aureus.engine.recovery", "ignore lets the commit through and asks nobody"), async () => {
    const { calls, outcome } = await run({ type: "ignore", justification: "j" });
    expect(calls).toEqual([]);
    const message = "Validation failure ignored: j";
    const strategy = { type: "ignore", justification: "j" };
    expect(outcome).toEqual({ status: "ignored", data: null, result: { success: true, strategy, message } });
  });

  it(
    req("aureus.engine.recovery", "what the executor throws, and an unknown strategy, is a failure"),
    async () => {
      const threw = await run({ type: "escalate", reason: "r" }, new Error("pager is off"));
      expect(threw.outcome).toEqual({
        status: "failed",
        error: "CRV gate blocked commit and recovery failed: pager is off",
        threw: true,
      });
      const unknown = { type: "from_the_future" } as unknown as RecoveryStrategy;
      expect((await run(unknown)).outcome).toMatchObject({
        status: "failed",
        error: `${why}. Recovery failed: Unknown recovery strategy`,
        result: { success: false, strategy: unknown },
      });
    },
  );
});
