import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { camelCase, fromWire, type KeyMap, type Shape, toWire } from "../../src/core/keys.ts";
import { req } from "../requirements/index.ts";

const keys: KeyMap = {
  Job: {
    job_id: null,
    max_retries: null,
    user_data: null,
    steps: { list: "Step" },
    by_region: { map: "Step" },
    step_groups: { map: { list: "Step" } },
    parent_job: "Job",
  },
  Step: { step_name: null },
};

const wire = {
  job_id: "j1",
  max_retries: 3,
  user_data: { keep_this: { and_this: 1 } },
  steps: [{ step_name: "a", extra_key: 1 }, null, "text"],
  by_region: { eu_west: { step_name: "b" }, job_id: { step_name: "c" } },
  step_groups: { group_one: [{ step_name: "d" }] },
  parent_job: { job_id: "j0", parent_job: null },
  brand_new: { not_known: true },
};
const camel = {
  jobId: "j1",
  maxRetries: 3,
  userData: { keep_this: { and_this: 1 } },
  steps: [{ stepName: "a", extra_key: 1 }, null, "text"],
  byRegion: { eu_west: { stepName: "b" }, job_id: { stepName: "c" } },
  stepGroups: { group_one: [{ stepName: "d" }] },
  parentJob: { jobId: "j0", parentJob: null },
  brand_new: { not_known: true },
};

describe("key conversion", () => {
  it(req("specs.keys.convert", "renames members in lists, maps and nested objects, and nothing else"), () => {
    expect(fromWire(wire, "Job", keys)).toEqual(camel);
    expect(toWire(camel, "Job", keys)).toEqual(wire);
  });

  it("leaves its argument alone and shares what has no shape", () => {
    const copy = structuredClone(wire);
    const result = fromWire(wire, "Job", keys) as typeof camel;
    expect(wire).toEqual(copy);
    expect(result.userData).toBe(wire.user_data);
  });

  it.each([null, undefined, 7, "text", true])(
    "returns %s unchanged where an object was expected",
    (value) => {
      expect(fromWire(value, "Job", keys)).toBe(value);
      expect(toWire({ parentJob: value }, "Job", keys)).toEqual({ parent_job: value });
    },
  );

  it("converts nothing without a shape or under an unknown name", () => {
    expect(fromWire(wire, undefined, keys)).toBe(wire);
    expect(fromWire(wire, "Nobody", keys)).toBe(wire);
    expect(fromWire(wire, "toString", keys)).toBe(wire);
  });

  it("sends a member that already has its wire key, unless the camelCase one is there", () => {
    expect(toWire({ job_id: "a" }, "Job", keys)).toEqual({ job_id: "a" });
    expect(toWire({ jobId: "a", job_id: "b" }, "Job", keys)).toEqual({ job_id: "a" });
    expect(toWire({ job_id: "b", jobId: "a" }, "Job", keys)).toEqual({ job_id: "a" });
    expect(fromWire({ jobId: "b", job_id: "a" }, "Job", keys)).toEqual({ jobId: "a" });
  });

  it("keeps values that write themselves as JSON", () => {
    const date = new Date(0);
    expect(toWire({ parentJob: date }, "Job", keys)).toEqual({ parent_job: date });
    const own = { jobId: "a", toJSON: () => "own" };
    expect(toWire({ parentJob: own }, "Job", keys)).toEqual({ parent_job: own });
  });

  it(req("specs.keys.proto", "keeps a member called __proto__ as data"), () => {
    const hostile = JSON.parse(
      '{"job_id":"a","__proto__":{"admin":true},"by_region":{"__proto__":{"step_name":"x"}}}',
    );
    const result = fromWire(hostile, "Job", keys) as Record<string, unknown>;
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect("admin" in result).toBe(false);
    const data = { value: { admin: true }, enumerable: true, configurable: true, writable: true };
    expect(Object.getOwnPropertyDescriptor(result, "__proto__")).toEqual(data);
    expect(JSON.stringify(result)).toBe(
      '{"jobId":"a","__proto__":{"admin":true},"byRegion":{"__proto__":{"stepName":"x"}}}',
    );
    expect(JSON.stringify(toWire(result, "Job", keys))).toBe(JSON.stringify(hostile));
  });
});

describe("key conversion of any value", () => {
  const camelNames = Object.values(keys).flatMap((members) => Object.keys(members).map(camelCase));
  const wireNames = Object.values(keys).flatMap((members) => Object.keys(members));
  const anyKey = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", ...wireNames));
  const { value: wireValue } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
      fc.array(tie("value"), { maxLength: 4 }),
      // A wire object that holds a camelCase name of its own cannot come back: the names would collide.
      fc
        .array(
          fc.tuple(
            anyKey.filter((key) => wireNames.includes(key) || !camelNames.includes(key)),
            tie("value"),
          ),
          { maxLength: 6 },
        )
        .map((entries) =>
          JSON.parse(
            `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`).join(",")}}`,
          ),
        ),
    ),
  }));
  const shapes: fc.Arbitrary<Shape> = fc.constantFrom<Shape>(
    "Job",
    "Step",
    { list: "Job" },
    { map: "Job" },
    { map: { list: "Job" } },
  );

  it(req("specs.keys.roundtrip", "gives back the same value after a round trip"), () => {
    fc.assert(
      fc.property(wireValue, shapes, (value, shape) => {
        expect(JSON.stringify(toWire(fromWire(value, shape, keys), shape, keys))).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });
});
