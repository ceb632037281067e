import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type AjvValidatorOptions, ajvValidator } from "../../src/core/ajv-validator.ts";
import { UnsupportedError, ValidationError } from "../../src/core/errors.ts";
import type { CompiledSchema, JsonSchema } from "../../src/core/json-schema.ts";
import { req } from "../requirements/index.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const draft = (version: "04" | "06" | "07"): string => `http://json-schema.org/draft-${version}/schema#`;

async function accepts(schema: unknown, value: unknown, options?: AjvValidatorOptions): Promise<boolean> {
  const compiled = await ajvValidator(options).compile(schema as JsonSchema);
  return compiled.validate(value).ok;
}

async function refusedWith(schema: unknown, options?: AjvValidatorOptions): Promise<ValidationError> {
  const error = await ajvValidator(options)
    .compile(schema as JsonSchema)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ValidationError);
  return error as ValidationError;
}

describe("ajvValidator", () => {
  it("hands the value on as it is, and says where and what is wrong", async () => {
    const schema = {
      type: "object",
      properties: { "a/b": { items: { type: "integer" } } },
      additionalProperties: false,
    };
    const compiled = await ajvValidator().compile(schema);
    const value = { "a/b": [1] };
    const result = compiled.validate(value);
    expect(result).toEqual({ ok: true, value });
    expect(result.ok && result.value).toBe(value);
    expect(compiled.validate({ "a/b": [1, "x"] })).toEqual({
      ok: false,
      issues: [{ path: "/a~1b/1", message: "must be integer" }],
    });
    expect(compiled.validate({ extra: 1 })).toEqual({
      ok: false,
      issues: [{ path: "", message: 'must NOT have additional properties: "extra"' }],
    });
  });

  it.each<[JsonSchema, string]>([
    [{ additionalProperties: false }, 'must NOT have additional properties: "ab"'],
    [{ unevaluatedProperties: false }, 'must NOT have unevaluated properties: "ab"'],
    [{ propertyNames: { maxLength: 1 } }, 'property name must be valid: "ab"'],
  ])("by %j names the property that is wrong", async (schema, message) => {
    const result = (await ajvValidator().compile(schema)).validate({ ab: 1 });
    expect(result.ok || result.issues.at(-1)).toEqual({ path: "", message });
  });

  it("names one issue, or all when asked", async () => {
    const schema = { required: ["a", "b"], properties: { c: { type: "string" } } };
    const one = (await ajvValidator().compile(schema)).validate({ c: 1 });
    const all = (await ajvValidator({ allErrors: true }).compile(schema)).validate({ c: 1 });
    expect(one.ok ? 0 : one.issues.length).toBe(1);
    expect(all.ok ? 0 : all.issues.length).toBe(3);
  });

  it("keeps its verdicts apart when values are judged in turn", async () => {
    const compiled = await ajvValidator().compile({ type: "string" });
    const first = compiled.validate(1);
    compiled.validate("fine");
    expect(first).toEqual({ ok: false, issues: [{ path: "", message: "must be string" }] });
  });

  it("refuses a schema that breaks the rules of its revision, and says where", async () => {
    const error = await refusedWith({ properties: { n: { minimum: "1" } } });
    expect(error.code).toBe("INVALID_SCHEMA");
    expect(error.message).toContain("/properties/n/minimum must be number");
    for (const bad of [
      [],
      0,
      "text",
      null,
      undefined,
      { pattern: "(" },
      { type: "strnig" },
      { $schema: 5 },
    ]) {
      expect((await refusedWith(bad)).code).toBe("INVALID_SCHEMA");
    }
    expect((await refusedWith({ default: 1n })).code).toBe("INVALID_SCHEMA");
    expect((await refusedWith({ pattern: "(" })).cause).toBeInstanceOf(SyntaxError);
    const lacking = await refusedWith({ $schema: draft("04"), exclusiveMinimum: true });
    expect(lacking.message).toMatch(/^the schema is not valid: must have property minimum/);
    expect(lacking.details).toMatchObject({ issues: [{ path: "" }] });
  });

  it("tells the revisions apart", async () => {
    expect((await refusedWith({ $schema: draft("06"), enum: [] })).code).toBe("INVALID_SCHEMA");
    const conditional = JSON.parse('{"if":true,"then":false}') as object;
    expect(await accepts({ $schema: draft("06"), ...conditional }, 1)).toBe(true);
    expect(await accepts({ $schema: draft("07"), ...conditional }, 1)).toBe(false);
    expect(await accepts({ $schema: draft("06"), if: 5, $comment: 5 }, 1)).toBe(true);
    expect((await refusedWith({ $schema: draft("07"), if: 5 })).code).toBe("INVALID_SCHEMA");
    expect(await accepts({ $schema: draft("07"), dependencies: { a: ["b"] } }, { a: 1 })).toBe(false);
    expect(await accepts({ dependencies: { a: ["b"] } }, { a: 1 })).toBe(true);
    expect(await accepts({ $schema: draft("04"), minimum: 5, exclusiveMinimum: true }, 5)).toBe(false);
    expect((await refusedWith({ minimum: 5, exclusiveMinimum: true })).code).toBe("INVALID_SCHEMA");
  });

  it("resolves references to the meta-schemas themselves, without fetching", async () => {
    for (const version of ["04", "06", "07"] as const) {
      const schema = { $schema: draft(version), $ref: draft(version) };
      expect(await accepts(schema, { type: "string" })).toBe(true);
      expect(await accepts(schema, { type: "strnig" })).toBe(false);
    }
    for (const id of [
      "https://json-schema.org/draft/2019-09/schema",
      "https://json-schema.org/draft/2020-12/schema",
    ]) {
      expect(await accepts({ $schema: id, $ref: id }, { minimum: "1" })).toBe(false);
    }
  });

  it("ignores what is no keyword of JSON Schema, whatever ajv makes of it", async () => {
    expect(await accepts({ type: "string", nullable: true }, null)).toBe(false);
    expect(await accepts({ nullable: true }, 1)).toBe(true);
    expect(await accepts({ type: "string", nullable: "yes", id: "x", $async: true }, "a")).toBe(true);
    expect(await accepts({ properties: { a: { $async: true, type: "integer" } } }, { a: "x" })).toBe(false);
    expect(await accepts({ properties: { nullable: { type: "integer" } } }, { nullable: "x" })).toBe(false);
    const nested = { $ref: "#/x-parts/a", "x-parts": { a: { type: "string", nullable: true } } };
    expect(await accepts(nested, null)).toBe(false);
    expect(await accepts({ discriminator: { propertyName: "k" }, oneOf: [{}] }, {})).toBe(true);
    expect(await accepts({ const: { nullable: true } }, { nullable: true })).toBe(true);
    expect(await accepts({ const: { nullable: true } }, {})).toBe(false);
  });

  it("counts only own properties, and judges one named __proto__", async () => {
    expect(await accepts({ required: ["toString"] }, {})).toBe(false);
    const schema = JSON.parse('{"properties":{"__proto__":{"type":"integer"}},"additionalProperties":false}');
    expect(await accepts(schema, JSON.parse('{"__proto__":1}'))).toBe(true);
    expect(await accepts(schema, JSON.parse('{"__proto__":"x"}'))).toBe(false);
    const both = JSON.parse(
      '{"properties":{"__proto__":{"type":"integer"}},"patternProperties":{"^__proto__$":{"minimum":5}}}',
    );
    expect(await accepts(both, JSON.parse('{"__proto__":6}'))).toBe(true);
    expect(await accepts(both, JSON.parse('{"__proto__":4}'))).toBe(false);
    expect(await accepts(both, JSON.parse('{"__proto__":"x"}'))).toBe(false);
  });

  it("lets nothing through an empty enum, beside an allOf too", async () => {
    expect(await accepts({ enum: [], allOf: [true] }, 1)).toBe(false);
    expect(await accepts({ $schema: draft("07"), properties: { a: { enum: [] } } }, {})).toBe(true);
    expect(await accepts({ properties: { a: { enum: [] } } }, {})).toBe(true);
    expect(await accepts({ properties: { a: { enum: [] } } }, { a: 1 })).toBe(false);
  });

  it("reads each pattern with the u flag, or without it when it only works so", async () => {
    const schema = {
      properties: { a: { pattern: "^\\p{Lu}$" }, b: { pattern: "^[\\w-]$" } },
      patternProperties: { "^[\\w-]:$": false },
    };
    expect(await accepts(schema, { a: "É", b: "-" })).toBe(true);
    expect(await accepts(schema, { a: "é" })).toBe(false);
    expect(await accepts(schema, { b: "+" })).toBe(false);
    expect(await accepts(schema, { "-:": 1 })).toBe(false);
  });

  it("fills in no defaults and coerces nothing", async () => {
    const compiled = await ajvValidator().compile({ properties: { n: { type: "number", default: 1 } } });
    const value = {};
    compiled.validate(value);
    expect(value).toEqual({});
    expect(compiled.validate({ n: "5" }).ok).toBe(false);
  });

  it(req("core.schema.remote", "fetches nothing and says which reference leads nowhere"), async () => {
    const fetched = vi.fn();
    vi.stubGlobal("fetch", fetched);
    for (const $ref of [
      "https://schemas.example/a.json",
      "#/$defs/none",
      "other.json",
      "file:///etc/passwd",
    ]) {
      const schema = { properties: { a: { $ref } } };
      const early = await refusedWith(schema);
      expect([early.code, early.details]).toEqual(["UNRESOLVABLE_REF", { ref: $ref }]);
      const late = await ajvValidator({ unresolvedRefs: "when-reached" }).compile(schema);
      expect(late.validate({ b: 1 }).ok).toBe(true);
      expect(() => late.validate({ a: 1 })).toThrow(ValidationError);
      expect(() => late.validate({ a: 1 })).toThrow(`the schema refers to "${$ref}"`);
    }
    expect(fetched).not.toHaveBeenCalled();
  });

  it("does not take a broken schema behind a reference for a reference to nowhere", async () => {
    const schema = { $ref: "#/$defs/a", $defs: { a: { items: { pattern: "(" } } } };
    expect((await refusedWith(schema)).code).toBe("INVALID_SCHEMA");
  });

  it("resolves what the schema holds: pointers, anchors, embedded ids, recursion", async () => {
    const schema = {
      $id: "https://x.example/root",
      $defs: { n: { $anchor: "num", type: "integer" }, s: { $id: "string", type: "string" } },
      properties: { a: { $ref: "#num" }, b: { $ref: "string" }, c: { $ref: "#/$defs/n" }, d: { $ref: "#" } },
    };
    expect(await accepts(schema, { a: 1, b: "x", c: 2, d: { d: { a: 3 } } })).toBe(true);
    expect(await accepts(schema, { d: { d: { a: "x" } } })).toBe(false);
    expect(await accepts(schema, { b: 1 })).toBe(false);
  });

  it("does not let an id beside a $ref move the base of that $ref, up to draft-07", async () => {
    const schema = {
      $schema: draft("07"),
      $id: "http://x.example/base/",
      properties: { a: { $id: "http://x.example/other/", $ref: "part.json" } },
      definitions: {
        near: { $id: "part.json", type: "integer" },
        far: { $id: "http://x.example/other/part.json", type: "string" },
      },
    };
    expect(await accepts(schema, { a: 1 })).toBe(true);
    expect(await accepts(schema, { a: "x" })).toBe(false);
  });

  it("lets nothing beside a $ref count, up to draft-07", async () => {
    const schema = {
      properties: { a: { $ref: "#/definitions/any", type: "string", maximum: 1 } },
      definitions: { any: {} },
    };
    for (const version of ["04", "06", "07"] as const)
      expect(await accepts({ $schema: draft(version), ...schema }, { a: 5 })).toBe(true);
    expect(await accepts(schema, { a: 5 })).toBe(false);
  });

  it("refuses a value whose nesting has no end, with a typed error", async () => {
    const compiled = await ajvValidator().compile({ properties: { c: { $ref: "#" } } });
    const loop: { c?: unknown } = {};
    loop.c = loop;
    const cause = expect.any(RangeError);
    expect(() => compiled.validate(loop)).toThrow(expect.objectContaining({ code: "VALIDATION", cause }));
  });

  it("refuses a schema that is nested beyond reason, with a typed error", async () => {
    let schema: JsonSchema = {};
    for (let depth = 0; depth < 20_000; depth++) schema = { not: schema };
    expect(["INVALID_SCHEMA", "NOT_SERIALIZABLE"]).toContain((await refusedWith(schema)).code);
  });
});

describe("the bounds of ajvValidator", () => {
  it("refuses a schema beyond the size limit, counted in bytes of its JSON text", async () => {
    const sized = (bytes: number): JsonSchema => ({ title: "é".repeat((bytes - 12) / 2) });
    await ajvValidator().compile(sized(262_144));
    expect((await refusedWith(sized(262_146))).code).toBe("SCHEMA_TOO_LARGE");
    expect((await refusedWith({ type: "string" }, { maxSchemaBytes: 5 })).code).toBe("SCHEMA_TOO_LARGE");
  });

  it("finds a schema again by its content, also when both callers ask at once", async () => {
    const validator = ajvValidator();
    const [a, b] = await Promise.all([
      validator.compile({ type: "null" }),
      validator.compile({ type: "null" }),
    ]);
    expect(a).toBe(b);
    expect(await validator.compile(JSON.parse('{"type":"null"}'))).toBe(a);
    expect(validator.stats()).toEqual({ held: 1, compiled: 1, reused: 2, evicted: 0 });
  });

  it("does not follow later changes of the object it was given", async () => {
    const schema: { type: string } = { type: "string" };
    const compiled = await ajvValidator().compile(schema);
    schema.type = "integer";
    expect(compiled.validate("x").ok).toBe(true);
  });

  it("does not keep what it refused", async () => {
    const validator = ajvValidator();
    await expect(validator.compile({ type: "strnig" })).rejects.toThrow(ValidationError);
    expect(validator.stats()).toEqual({ held: 0, compiled: 0, reused: 0, evicted: 0 });
  });

  it(req("core.schema.bounded", "never holds more than its limit, over 2,000 distinct schemas"), async () => {
    const validator = ajvValidator();
    for (let n = 0; n < 2_000; n++) {
      const compiled = await validator.compile({ type: "object", required: [`field${n}`] });
      expect(compiled.validate({ [`field${n}`]: 1 }).ok).toBe(true);
      expect(validator.stats().held).toBe(Math.min(n + 1, 100));
    }
    expect(validator.stats()).toEqual({ held: 100, compiled: 2_000, reused: 0, evicted: 1_900 });
  }, 120_000);

  it("drops the instance of an evicted schema", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const validator = ajvValidator({ maxSchemas: 3 });
    const held: WeakRef<CompiledSchema>[] = [];
    for (let n = 0; n < 40; n++) held.push(new WeakRef(await validator.compile({ const: n })));
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
    const alive = held.filter((ref) => ref.deref() !== undefined);
    // The last one may still lie on the stack of this test.
    expect(alive.length).toBeLessThanOrEqual(4);
    expect(alive.length).toBeGreaterThanOrEqual(3);
  });

  it("keeps the schemas in use", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(8), { maxLength: 25 }),
        async (max, ids) => {
          const validator = ajvValidator({ maxSchemas: max });
          let used: number[] = [];
          let compiled = 0;
          for (const id of ids) {
            if (!used.includes(id)) compiled++;
            used = [...used.filter((other) => other !== id), id].slice(-max);
            await validator.compile({ const: id });
            expect(validator.stats()).toMatchObject({ held: used.length, compiled });
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("where code generation is forbidden", () => {
  /** A module that has compiled nothing yet. */
  let fresh: { readonly ajvValidator: typeof ajvValidator };

  beforeAll(async () => {
    vi.resetModules();
    fresh = await import("../../src/core/ajv-validator.ts");
  });

  it("says so, and what to inject", async () => {
    class Forbidden {
      constructor() {
        throw new EvalError("Code generation from strings disallowed for this context");
      }
    }
    vi.stubGlobal("Function", Forbidden);
    const error = await fresh
      .ajvValidator()
      .compile({ $schema: draft("07"), type: "string", title: "forbidden" })
      .catch((thrown: unknown) => thrown);
    vi.unstubAllGlobals();
    expect(error).toBeInstanceOf(UnsupportedError);
    expect((error as Error).message).toContain("SchemaValidator");
    expect((error as Error).cause).toBeInstanceOf(EvalError);
    const later = await fresh.ajvValidator().compile({ $schema: draft("07"), type: "string" });
    expect(later.validate("x").ok).toBe(true);
  });
});
