import { describe, expect, it, vi } from "vitest";
import type * as dialects from "../../src/core/ajv-dialects.ts";
import type { Dialect, JsonSchema } from "../../src/core/json-schema.ts";
import { metaSchemaIds } from "../../src/core/json-schema.ts";

type Options = Partial<dialects.InstanceOptions>;

let copies = 0;

/** A revision, loaded by a copy of the module that has loaded nothing yet. */
async function load(dialect: Dialect): Promise<dialects.AjvDialect> {
  const specifier = `../../src/core/ajv-dialects.ts?copy=${++copies}`;
  return ((await import(specifier)) as typeof dialects).ajvDialect(dialect);
}

function compile({ create }: dialects.AjvDialect, schema: JsonSchema, options: Options = {}) {
  const given = { allErrors: false, withMetaSchemas: false, onUnresolved: (ref: string) => ref, ...options };
  return create(given).compile(schema as object);
}

const all: readonly Dialect[] = ["draft-04", "draft-06", "draft-07", "2019-09", "2020-12"];
const one: readonly Dialect[] = ["2020-12"];
const two: readonly Dialect[] = ["draft-04", "2020-12"];
const later = all.slice(1);
const drafts = all.slice(0, 3);
const years = all.slice(3);

describe("a revision of JSON Schema", () => {
  it.each<[readonly Dialect[], JsonSchema, readonly unknown[], readonly unknown[]]>([
    [one, { type: "number" }, [1, 1.5], [Number.NaN, Infinity, "1"]],
    [one, { type: "string", format: "email", unknown: 1 }, ["no address"], [5]],
    [one, { properties: { toString: { type: "string" } } }, [{}], [{ toString: 1 }]],
    [one, { required: ["toString"] }, [{ toString: 1 }], [{}]],
    [one, { additionalProperties: false }, [Object.create({ inherited: 1 })], [{ own: 1 }]],
    [one, { pattern: "^\\p{Lu}$" }, ["É"], ["é"]],
    [one, { pattern: "^[\\w-:]$" }, ["-", ":"], ["+"]],
    [
      one,
      { uniqueItems: true },
      [[1, "1", true, null, "null", [1, 2], [[1], 2]], [], "xx"],
      [
        [1, 1],
        [{}, {}],
      ],
    ],
    [
      one,
      { uniqueItems: true },
      [[{ a: 1 }, { a: 2 }, ["a"]]],
      [
        [
          { a: 1, b: [2] },
          { b: [2], a: 1 },
        ],
      ],
    ],
    [one, { uniqueItems: false }, [[1, 1]], []],
    [drafts, { $ref: "#/definitions/a", maxLength: 1, definitions: { a: {} } }, ["xx"], []],
    [years, { $ref: "#/definitions/a", maxLength: 1, definitions: { a: {} } }, ["x"], ["xx"]],
    [["draft-04"], { minimum: 5, exclusiveMinimum: true }, [6], [5]],
    [["draft-04"], { id: "https://x.example/a", $ref: "#/x", x: { type: "string" } }, ["x"], [5]],
    [["draft-04"], { const: 5, contains: false, propertyNames: false }, [1, [1], { a: 1 }], []],
    [later, { const: 5 }, [5], [1]],
    [later, { id: "a", minimum: 5, exclusiveMinimum: 5 }, [6], [5]],
    [drafts, { dependencies: { a: ["b"] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
    [years, { dependencies: { a: ["b"] } }, [{ a: 1 }], []],
    [["draft-04", "draft-06"], JSON.parse('{"if":true,"then":false,"else":false}'), [1], []],
    [["draft-07", ...years], JSON.parse('{"if":{"type":"string"},"then":false}'), [1], ["x"]],
    [["2019-09"], { items: [{ type: "string" }] }, [["x", 1]], [[1]]],
    [["2020-12"], { prefixItems: [{ type: "string" }] }, [["x", 1]], [[1]]],
  ])("of %j: %j takes %j and refuses %j", async (revisions, schema, taken, refused) => {
    for (const dialect of revisions) {
      const validate = compile(await load(dialect), schema);
      expect([dialect, taken.map((value) => validate(value))]).toEqual([dialect, taken.map(() => true)]);
      expect([dialect, refused.map((value) => validate(value))]).toEqual([dialect, refused.map(() => false)]);
    }
  });

  it.each<[readonly Dialect[], readonly JsonSchema[], readonly JsonSchema[]]>([
    [all, [{ type: "string" }, { enum: [1, 2] }], [{ type: "strnig" }, { enum: "x" }, { minLength: -1 }]],
    [["draft-04", "draft-06"], [], [{ enum: [] }, { enum: [1, 1] }]],
    [["draft-07", ...years], [{ enum: [] }, { enum: [1, 1] }], []],
    [all, [{ required: ["a", "b"] }], [{ required: ["a", "a"] }]],
    [
      ["draft-06"],
      [{ if: 5, else: 5 }, JSON.parse('{"then":5}')],
      [{ contains: 5 }, { not: 5 }, { examples: 5 }],
    ],
    [["draft-06"], [{ $comment: 5, readOnly: 5, contentMediaType: 5, contentEncoding: 5 }], []],
    [["draft-07"], [], [{ $comment: 5 }, { readOnly: 5 }, { contentMediaType: 5 }, { contentEncoding: 5 }]],
    [["draft-07"], [], [{ if: 5 }, { else: 5 }, JSON.parse('{"then":5}')]],
    [["draft-04"], [{ exclusiveMinimum: true, minimum: 5 }], [{ exclusiveMinimum: 5 }]],
    [later, [{ exclusiveMinimum: 5 }], [{ exclusiveMinimum: true }]],
  ])("of %j knows the schemas %j, and not %j", async (revisions, good, bad) => {
    for (const dialect of revisions) {
      const { checkSchema } = await load(dialect);
      expect([dialect, good.map((schema) => checkSchema(schema))]).toEqual([dialect, good.map(() => true)]);
      expect([dialect, bad.map((schema) => checkSchema(schema))]).toEqual([dialect, bad.map(() => false)]);
    }
  });

  it.each(all)("of %s knows its meta-schema by name where it is asked to", async (dialect) => {
    const revision = await load(dialect);
    const $ref = metaSchemaIds[dialect];
    const withIt = compile(revision, { $ref }, { withMetaSchemas: true });
    expect([withIt({ type: "string" }), withIt({ type: "strnig" })]).toEqual([true, false]);
    const without = compile(revision, { $ref });
    expect(() => without({})).toThrow($ref);
  });

  it.each(two)(
    "of %s names a reference that leads nowhere, and throws what it is given there",
    async (dialect) => {
      const revision = await load(dialect);
      const nowhere = new Error("nowhere");
      const onUnresolved = vi.fn(() => nowhere);
      const validate = compile(revision, { properties: { a: { $ref: "#/none" } } }, { onUnresolved });
      expect(onUnresolved.mock.calls).toEqual([["#/none"]]);
      expect(validate({ b: 1 })).toBe(true);
      expect(() => validate({ a: 1 })).toThrow(nowhere);
      const broken = { $ref: "#/x", x: { pattern: "(" } };
      expect(() => compile(revision, broken, { onUnresolved })).toThrow("regular expression");
      expect(onUnresolved).toHaveBeenCalledOnce();
    },
  );

  it.each(two)("of %s names one issue, or all, and where equal items are", async (dialect) => {
    const revision = await load(dialect);
    const schema = { items: { uniqueItems: true, maxItems: 1 } };
    const first = compile(revision, schema);
    first([[1, 2, 1]]);
    expect(first.errors).toHaveLength(1);
    const each = compile(revision, schema, { allErrors: true });
    each([[1, 2, 1]]);
    expect(each.errors).toHaveLength(2);
    expect(each.errors).toContainEqual(
      expect.objectContaining({
        keyword: "uniqueItems",
        instancePath: "/0",
        message: "must NOT have duplicate items (items ## 0 and 2 are identical)",
        params: { i: 2, j: 0 },
      }),
    );
  });

  it.each(two)(
    "of %s counts steps before anything else is judged, and those of its own work",
    async (dialect) => {
      const revision = await load(dialect);
      const spend = vi.fn();
      const steps = { "agentwire:steps": { own: 7, perMember: 2 } };
      const validate = compile(revision, { ...steps, type: "array", uniqueItems: true }, { spend });
      expect([validate("sixteen letters."), spend.mock.calls]).toEqual([false, [[7 + 2 * 2]]]);
      spend.mockClear();
      expect([validate(["1234567890", "x"]), spend.mock.calls]).toEqual([
        true,
        [[7 + 2 * 2], [12 / 8], [3 / 8]],
      ]);
      spend.mockClear();
      const pattern = compile(revision, { pattern: "^(a+)+$" }, { spend });
      expect(spend).toHaveBeenCalled();
      expect([pattern("aaa"), pattern(`${"a".repeat(5_000)}!`)]).toEqual([true, false]);
    },
  );
});
