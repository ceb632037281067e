import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { ajvValidator } from "../../src/core/ajv-validator.ts";
import { ValidationError } from "../../src/core/errors.ts";
import {
  type JsonSchema,
  jsonSchema,
  type SchemaValidator,
  type TypedJsonSchema,
} from "../../src/core/json-schema.ts";
import { isStandardSchema, issuePointer, type StandardSchemaV1 } from "../../src/core/standard-schema.ts";
import {
  checkerFor,
  type InferInput,
  type InferOutput,
  type OutputRules,
  outputCheckerFor,
  refusal,
  type Schema,
} from "../../src/core/validate.ts";
import { req } from "../requirements/index.ts";

/** A schema as a library would offer it: takes decimal text, gives a number. */
const decimal: StandardSchemaV1<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (value) =>
      typeof value === "string" && value !== "" && Number.isFinite(Number(value))
        ? { value: Number(value) }
        : {
            issues: [
              { message: "no decimal", path: ["list", 0, { key: "a/b~c" }, Symbol("s")] },
              { message: "second" },
            ],
          },
  },
};

describe("checkerFor", () => {
  it(req("core.schema.standard", "lets a Standard Schema judge and transform by itself"), async () => {
    const validator: SchemaValidator = { compile: vi.fn() };
    const checker = await checkerFor(decimal, validator);
    expect(await checker.check("1.5")).toEqual({ ok: true, value: 1.5 });
    expect(await checker.check("x")).toEqual({
      ok: false,
      issues: [
        { path: "/list/0/a~1b~0c/Symbol(s)", message: "no decimal" },
        { path: "", message: "second" },
      ],
    });
    expect(validator.compile).not.toHaveBeenCalled();
  });

  it("judges by a JSON Schema through the validator it is given", async () => {
    const checker = await checkerFor(jsonSchema<{ n: number }>({ required: ["n"] }), ajvValidator());
    const value = { n: 1 };
    expect(await checker.check(value)).toEqual({ ok: true, value });
    expect(await checker.check({})).toMatchObject({ ok: false });
    const compile = vi.fn(async () => ({ validate: () => ({ ok: true as const, value: "injected" }) }));
    const injected = await checkerFor({ type: "null" }, { compile });
    expect(await injected.check(1)).toEqual({ ok: true, value: "injected" });
    expect(compile).toHaveBeenCalledWith({ type: "null" });
  });

  it("judges by ajv where no validator is given", async () => {
    for (let times = 0; times < 2; times++) {
      const checker = await checkerFor({ type: "string" });
      expect([await checker.check("x"), await checker.check(5)]).toMatchObject([{ ok: true }, { ok: false }]);
    }
  });

  it("hands on what a schema throws", async () => {
    const thrower = {
      "~standard": { version: 1, vendor: "t", validate: () => expect.fail("inside") },
    } as const;
    const checker = await checkerFor(thrower, ajvValidator());
    await expect(checker.check(1)).rejects.toThrow("inside");
    await expect(checkerFor({ type: "strnig" }, ajvValidator())).rejects.toMatchObject({
      code: "INVALID_SCHEMA",
    });
  });

  it("refuses what is no schema", async () => {
    for (const bad of [undefined, null, [], "string", 5]) {
      const made = checkerFor(bad as unknown as Schema, ajvValidator());
      await expect(made).rejects.toMatchObject({ code: "INVALID_SCHEMA" });
      await expect(made).rejects.toBeInstanceOf(ValidationError);
      const compile = vi.fn();
      await expect(checkerFor(bad as unknown as Schema, { compile })).rejects.toMatchObject({
        code: "INVALID_SCHEMA",
      });
      expect(compile).not.toHaveBeenCalled();
    }
  });
});

describe("outputCheckerFor", () => {
  /** Takes whatever `judge` returns a value for. */
  const standard = (judge: (value: never) => unknown): StandardSchemaV1 => ({
    "~standard": {
      version: 1,
      vendor: "test",
      validate(value) {
        const passed = judge(value as never);
        return passed === undefined ? { issues: [{ message: "refused" }] } : { value: passed };
      },
    },
  });
  const check = async (schema: Schema, value: unknown, rules?: OutputRules) =>
    (await outputCheckerFor(schema, ajvValidator(), rules)).check(value);

  it("shows a Standard Schema the value itself, then the JSON of it", async () => {
    const date = standard((value: unknown) => (value instanceof Date ? value : undefined));
    expect(await check(date, new Date(0))).toEqual({ ok: true, value: "1970-01-01T00:00:00.000Z" });
    const text = standard((value: unknown) => (typeof value === "string" ? value : undefined));
    expect(await check(text, new Date(0))).toEqual({ ok: true, value: "1970-01-01T00:00:00.000Z" });
    const bigint = standard((value: bigint) => String(value));
    expect(await check(bigint, 1n)).toEqual({ ok: true, value: "1" });
  });

  it("refuses what a Standard Schema passes on if JSON loses its content", async () => {
    const anything = standard((value: unknown) => value);
    for (const value of [Number.NaN, new Map([[1, 2]]), { a: new Set([1]) }, [new Uint8Array(1)]]) {
      expect(await check(anything, value)).toMatchObject({ ok: false });
    }
    const entries = standard((value: Map<string, number>) => Object.fromEntries(value));
    expect(await check(entries, new Map([["a", 1]]))).toEqual({ ok: true, value: { a: 1 } });
  });

  it("asks a schema once about a value that it takes, and passes on what it made of it", async () => {
    const judge = vi.fn((value: unknown) => (typeof value === "string" ? Number(value) : undefined));
    expect(await check(standard(judge), "1.5")).toEqual({ ok: true, value: 1.5 });
    expect(judge).toHaveBeenCalledOnce();
  });

  it("does not take the JSON of a value if JSON loses content of it", async () => {
    const withoutMap = standard((value: { m: unknown }) => (value.m instanceof Map ? undefined : value));
    expect(await check(withoutMap, { m: new Map([[1, 2]]) })).toEqual({
      ok: false,
      issues: [{ path: "", message: "refused" }],
    });
  });

  it("judges the JSON that an object chose with toJSON", async () => {
    const numbered = standard((value: { n: unknown }) => (typeof value.n === "number" ? value : undefined));
    expect(await check(numbered, { n: 1, toJSON: () => ({ n: "x" }) })).toMatchObject({ ok: false });
    expect(await check(numbered, { n: 1, toJSON: () => ({ n: 2 }) })).toEqual({ ok: true, value: { n: 2 } });
    expect(await check(numbered, { toJSON: () => ({ n: 1 }) })).toEqual({ ok: true, value: { n: 1 } });
  });

  it("sends undefined and bytes as the protocol says", async () => {
    const anything = standard((value: unknown) => value ?? { none: true });
    const bytes = new Uint8Array([1]);
    expect(await check(anything, bytes, { bytes: true })).toEqual({ ok: true, value: bytes });
    expect(await check(anything, bytes)).toMatchObject({ ok: false });
    const date = "1970-01-01T00:00:00.000Z";
    expect(await check(anything, new Date(0), { bytes: true })).toEqual({ ok: true, value: date });
    expect(await check({ type: "object" }, bytes, { bytes: true })).toMatchObject({ ok: false });
    expect(await check({ type: "null" }, undefined, { absent: null })).toEqual({ ok: true, value: null });
    expect(await check({ type: "null" }, undefined)).toMatchObject({ ok: false });
  });
});

it("refuses a number that is not finite under any schema", async () => {
  const anything: StandardSchemaV1 = {
    "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
  };
  for (const schema of [{}, { type: "object", properties: { n: { type: "integer" } } }, anything]) {
    const checker = await checkerFor<unknown>(schema, ajvValidator());
    expect(await checker.check(JSON.parse('{"n":1e400}'))).toEqual({
      ok: false,
      issues: [{ path: "/n", message: "must be a finite number" }],
    });
  }
  const compiled = await ajvValidator().compile({ type: "integer" });
  expect(compiled.validate(Infinity)).toMatchObject({ ok: false });
});

describe("types", () => {
  it("are inferred from schemas of either kind", () => {
    expectTypeOf<InferOutput<typeof decimal>>().toEqualTypeOf<number>();
    expectTypeOf<InferInput<typeof decimal>>().toEqualTypeOf<string>();
    const typed = jsonSchema<{ n: number }>({ type: "object" });
    expectTypeOf<InferOutput<typeof typed>>().toEqualTypeOf<{ n: number }>();
    expectTypeOf<InferInput<typeof typed>>().toEqualTypeOf<{ n: number }>();
    expectTypeOf<InferInput<{ type: "string" }>>().toEqualTypeOf<unknown>();
    const inferred = <T>(schema: Schema<T>): ((value: T) => void) => {
      expect(schema).toBeDefined();
      return () => {};
    };
    expectTypeOf(inferred(decimal)).toEqualTypeOf<(value: number) => void>();
    expectTypeOf(inferred(typed)).toEqualTypeOf<(value: { n: number }) => void>();
    expectTypeOf<TypedJsonSchema<string>>().toExtend<Schema<string>>();
  });
});

describe("the type of a JSON Schema literal", () => {
  const typeOf = <const S>(_schema: S): InferOutput<S> => undefined as InferOutput<S>;

  it("follows type, properties, required, items, enum and const", () => {
    const value = typeOf({
      type: "object",
      properties: {
        name: { type: "string" },
        tags: { type: "array", items: { type: "string" } },
        size: { enum: ["s", "l"] },
        at: { type: ["integer", "null"] },
        kind: { const: "x" },
        rest: { $ref: "#/$defs/rest" },
      },
      required: ["name", "kind"],
    });
    type Value = NonNullable<typeof value>;
    expectTypeOf<Value["name"]>().toEqualTypeOf<string>();
    expectTypeOf<Value["kind"]>().toEqualTypeOf<"x">();
    expectTypeOf<Value["tags"]>().toEqualTypeOf<string[] | undefined>();
    expectTypeOf<Value["size"]>().toEqualTypeOf<"s" | "l" | undefined>();
    expectTypeOf<Value["at"]>().toEqualTypeOf<number | null | undefined>();
    expectTypeOf<Value["rest"]>().toEqualTypeOf<unknown>();
    expect(value).toBeUndefined();
  });

  it("is unknown where the schema does not say, or is no literal", () => {
    expectTypeOf<InferOutput<{ properties: { a: { type: "string" } } }>>().toEqualTypeOf<unknown>();
    expectTypeOf<InferOutput<{ type: string }>>().toEqualTypeOf<unknown>();
    expectTypeOf<InferOutput<JsonSchema>>().toEqualTypeOf<unknown>();
    expectTypeOf<InferOutput<true>>().toEqualTypeOf<unknown>();
    expectTypeOf<InferOutput<{ type: "array"; prefixItems: []; items: { type: "string" } }>>().toEqualTypeOf<
      unknown[]
    >();
    expectTypeOf<InferOutput<{ type: "object" }>>().toEqualTypeOf<Record<string, unknown>>();
  });
});

describe("isStandardSchema", () => {
  it("knows objects and functions that carry the interface", () => {
    const callable = Object.assign(() => true, decimal);
    expect([decimal, callable].every(isStandardSchema)).toBe(true);
    const odd = [
      null,
      undefined,
      "~standard",
      {},
      { "~standard": null },
      { "~standard": { validate: 1 } },
      () => {},
    ];
    expect(odd.some(isStandardSchema)).toBe(false);
  });
});

describe("issuePointer", () => {
  it("writes a JSON Pointer", () => {
    expect(issuePointer()).toBe("");
    expect(issuePointer([])).toBe("");
    expect(issuePointer([""])).toBe("/");
    expect(issuePointer(["a", 0, { key: "b" }])).toBe("/a/0/b");
  });
});

describe("refusal", () => {
  it("names the first issues in its message and holds all in its details", () => {
    const issues = ["a", "b", "c", "d"].map((name) => ({ path: `/${name}`, message: "must be string" }));
    const error = refusal("the input", issues);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toBe(
      "the input does not match its schema: /a must be string; /b must be string; /c must be string; and 1 more",
    );
    expect(error.details).toEqual({ issues });
    expect(refusal("x", issues.slice(0, 3)).message).not.toContain("more");
    expect(refusal("x", [{ path: "", message: "must be object" }]).message).toContain(": must be object");
  });
});
