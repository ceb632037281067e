import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/core/json-schema.ts";
import { rewriteForAjv, stepsKeyword } from "../../src/core/schema-rewrite.ts";

const rewrite = (schema: JsonSchema): JsonSchema => rewriteForAjv(schema, "2020-12");

describe("rewriteForAjv", () => {
  it("leaves a schema without peculiarities equal, and does not touch the original", () => {
    const schema = { type: "object", properties: { a: { nullable: true, enum: [] } }, required: ["a"] };
    const before = structuredClone(schema);
    rewrite(schema);
    expect(schema).toEqual(before);
    const plain = {
      allOf: [{ type: "string" }, true],
      if: { minLength: 1 },
      items: [{}, false],
      dependencies: { a: ["b"] },
    };
    expect(rewrite(plain)).toEqual(plain);
    expect(rewrite(true)).toBe(true);
  });

  it("removes keywords where a schema stands, and keeps properties of the same names", () => {
    expect(
      rewrite({
        nullable: true,
        properties: { nullable: { nullable: true, type: "string" }, $async: {} },
        allOf: [{ $async: true }],
        items: [{ nullable: true }],
        default: { nullable: true },
        enum: [{ nullable: true }],
      }),
    ).toEqual({
      properties: { nullable: { type: "string" }, $async: {} },
      allOf: [{}],
      items: [{}],
      default: { nullable: true },
      enum: [{ nullable: true }],
    });
  });

  it("treats what lies under unknown keywords as a schema when it looks like one", () => {
    const schema = {
      "x-parts": {
        a: { type: "string", nullable: true },
        nullable: true,
        list: [{ type: "null", nullable: true }],
      },
    };
    expect(rewrite(schema)).toEqual({
      "x-parts": { a: { type: "string" }, nullable: true, list: [{ type: "null" }] },
    });
  });

  it("keeps names such as default and enum apart from the keywords when they name properties", () => {
    const schema = { properties: { default: { nullable: true }, enum: { enum: [] } } };
    expect(rewrite(schema)).toEqual({ properties: { default: {}, enum: { allOf: [false] } } });
  });

  it("looks for schemas under every keyword that holds some, and nowhere else", () => {
    const one = [
      "additionalItems additionalProperties contains contentSchema else if items not propertyNames then",
      "unevaluatedItems unevaluatedProperties",
    ];
    const several = "allOf anyOf oneOf prefixItems";
    const byName = "$defs definitions dependencies dependentSchemas patternProperties properties";
    for (const keyword of one.join(" ").split(" ")) {
      expect(rewrite({ [keyword]: { nullable: true } })).toEqual({ [keyword]: {} });
      expect(rewrite({ [keyword]: [{ nullable: true }] })).toEqual({ [keyword]: [{}] });
    }
    for (const keyword of several.split(" ")) {
      expect(rewrite({ [keyword]: [{ nullable: true }] })).toEqual({ [keyword]: [{}] });
      const named = { [keyword]: { nullable: { nullable: true } } };
      expect(rewrite(named)).toEqual({ [keyword]: { nullable: {} } });
    }
    for (const keyword of byName.split(" ")) {
      const named = { [keyword]: { nullable: { nullable: true }, const: { nullable: true } } };
      expect(rewrite(named)).toEqual({ [keyword]: { nullable: {}, const: {} } });
    }
    for (const keyword of ["const", "default", "enum", "example", "examples"]) {
      const data = { [keyword]: [{ type: "string", nullable: true }] };
      expect(rewrite(data)).toEqual(data);
    }
  });

  it("lets nothing through an empty enum, beside what is there", () => {
    expect(rewrite({ enum: [], allOf: [{ minimum: 1 }] })).toEqual({ allOf: [{ minimum: 1 }, false] });
    expect(rewrite({ enum: [], allOf: 5 })).toEqual({ allOf: [false] });
    expect(rewrite({ enum: {} })).toEqual({ enum: {} });
  });

  it("judges a property named __proto__ by a pattern, and keeps the others", () => {
    const schema = (patterns: string) =>
      JSON.parse(`{"properties":{"__proto__":{"minimum":1}},"patternProperties":${patterns}}`) as JsonSchema;
    const patternsOf = (given: JsonSchema) => (rewrite(given) as Record<string, unknown>).patternProperties;
    const own = { minimum: 1 };
    expect(patternsOf(schema("5"))).toEqual({ "^__proto__$": own });
    expect(patternsOf(schema('{"a":true}'))).toEqual({ a: true, "^__proto__$": own });
    expect(patternsOf(schema('{"^__proto__$":{"maximum":5}}'))).toEqual({
      "^__proto__$": { allOf: [{ maximum: 5 }, own] },
    });
    expect(patternsOf({ properties: { a: {} } })).toBeUndefined();
    expect(patternsOf({ properties: [] })).toBeUndefined();
  });

  it("counts the steps of every subschema, also under keywords that it does not know", () => {
    const steps = (own: number, perMember = 1) => ({ [stepsKeyword]: { own, perMember } });
    const schema = {
      properties: { a: { type: "null" } },
      anyOf: [true, {}],
      default: { x: {} },
      const: { y: {} },
      "x-parts": [{ z: {} }],
    };
    expect(rewriteForAjv(schema, "2020-12", true)).toEqual({
      properties: { a: { type: "null", ...steps(1.5) } },
      anyOf: [true, { ...steps(0) }],
      default: { x: { ...steps(0) }, ...steps(1) },
      const: { y: {} },
      "x-parts": [{ z: { ...steps(0) }, ...steps(1) }],
      ...steps(12, 2),
    });
    const old = { properties: { a: { $ref: "#" } } };
    expect(rewriteForAjv(old, "draft-07", true)).toEqual({
      properties: { a: { $ref: "#", ...steps(1.125) } },
      ...steps(2),
    });
  });

  it("removes an id and a type beside a $ref where nothing beside a $ref counts", () => {
    const schema = {
      properties: {
        a: { $id: "x", id: "y", type: "string", $ref: "#" },
        b: { $id: "z" },
        $ref: { $id: "p" },
      },
    };
    expect(rewriteForAjv(schema, "draft-07")).toEqual({
      properties: { a: { $ref: "#" }, b: { $id: "z" }, $ref: { $id: "p" } },
    });
    expect(rewriteForAjv(schema, "2019-09")).toEqual(schema);
  });
});
