import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/core/json-schema.ts";
import { rewriteForAjv } from "../../src/core/schema-rewrite.ts";

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
