import { describe, expect, it } from "vitest";
import { faultsOf, type PlainSchema, type Resolve, typeName } from "../../src/core/plain-schema.ts";

const faults = (schema: PlainSchema, value: unknown, resolve?: Resolve) =>
  faultsOf(schema, value, resolve).map(({ at, keyword, expected }) => [at.join("/"), keyword, expected]);

describe("faultsOf", () => {
  it.each<[string, PlainSchema, readonly unknown[]]>([
    ["any type", {}, [undefined, null, 5, "", [], {}, () => {}]],
    ["a type", { type: "string" }, ["", "x"]],
    ["one of several types", { type: ["string", "null"] }, ["x", null]],
    ["a whole number", { type: "integer" }, [5, -1, 0]],
    ["a whole number among several types", { type: ["boolean", "integer"] }, [5, true]],
    ["a number", { type: "number" }, [5, 5.5]],
    ["one of a list", { enum: ["a", 1, null] }, ["a", 1, null]],
    ["a constant, whatever else is said", { const: "a", minLength: 5, oneOf: [] }, ["a"]],
    ["its length", { minLength: 1, maxLength: 3 }, ["a", "abc"]],
    ["its pattern", { pattern: "^\\p{Lu}$" }, ["É"]],
    ["its pattern in characters", { pattern: "^.$" }, ["😀"]],
    ["the format uri", { format: "uri" }, ["https://x.example/a", "urn:a"]],
    ["a format that is not checked", { format: "date-time" }, ["yesterday"]],
    ["its bounds", { minimum: 1, maximum: 3 }, [1, 3]],
    ["its lower bound", { exclusiveMinimum: 0 }, [0.1]],
    ["its count of items", { minItems: 1, maxItems: 2 }, [[1], [1, 2]]],
    ["its items", { items: { type: "string" } }, [[], ["a"], { 0: 1 }]],
    ["one of its forms", { oneOf: [{ type: "string" }, { minimum: 5 }] }, ["x", 5]],
    ["a member that may be absent", { properties: { a: { type: "string" } } }, [{}, { a: undefined }]],
    ["members that no rule names", { properties: {} }, [{ b: 1 }]],
    ["members that are allowed", { properties: {}, additionalProperties: true }, [{ b: 1 }]],
    [
      "further members",
      { properties: { a: {} }, additionalProperties: { type: "string" } },
      [{ a: 1, b: "" }],
    ],
    ["no further members", { properties: { a: {} }, additionalProperties: false }, [{ a: 1, b: undefined }]],
    ["members that are required", { required: ["a", "b"], properties: { a: {} } }, [{ a: 1, b: null }]],
    [
      "members of objects only",
      { required: ["length"], additionalProperties: false },
      ["", [1], 5, null, true, () => {}],
    ],
  ])("takes a value that has %s", (_, schema, values) => {
    expect(values.map((value) => faults(schema, value))).toEqual(values.map(() => []));
  });

  it.each<[PlainSchema, unknown, readonly unknown[]]>([
    [{ type: "string" }, 5, ["", "type", ["string"]]],
    [{ type: "string" }, null, ["", "type", ["string"]]],
    [{ type: ["string", "null"] }, 5, ["", "type", ["string", "null"]]],
    [{ type: "integer" }, 5.5, ["", "type", ["integer"]]],
    [{ type: "integer" }, "5", ["", "type", ["integer"]]],
    [{ type: "object" }, [], ["", "type", ["object"]]],
    [{ type: "number" }, Number.NaN, ["", "type", ["number"]]],
    [{ type: "number" }, Infinity, ["", "finite", undefined]],
    [{ minimum: 5 }, Number.NaN, ["", "finite", undefined]],
    [{ type: "string" }, undefined, ["", "required", undefined]],
    [{ enum: ["a"] }, undefined, ["", "required", undefined]],
    [{ enum: ["a", "b"] }, "c", ["", "enum", ["a", "b"]]],
    [{ const: "a", enum: ["b"] }, "b", ["", "enum", ["a"]]],
    [{ minLength: 2 }, "a", ["", "minLength", 2]],
    [{ maxLength: 2 }, "abc", ["", "maxLength", 2]],
    [{ pattern: "^a$" }, "b", ["", "pattern", "^a$"]],
    [{ format: "uri" }, "no uri", ["", "format", "uri"]],
    [{ format: "email" }, "nobody", ["", "format", "email"]],
    [{ minimum: 2 }, 1, ["", "minimum", 2]],
    [{ maximum: 2 }, 3, ["", "maximum", 2]],
    [{ exclusiveMinimum: 2 }, 2, ["", "exclusiveMinimum", 2]],
    [{ minItems: 2 }, [1], ["", "minItems", 2]],
    [{ maxItems: 2 }, [1, 2, 3], ["", "maxItems", 2]],
    [{ items: { type: "string" } }, ["a", 1], ["1", "type", ["string"]]],
    [{ oneOf: [{ type: "string" }, { minimum: 5 }] }, 4, ["", "oneOf", undefined]],
    [{ properties: { a: { type: "string" } } }, { a: 1 }, ["a", "type", ["string"]]],
    [{ properties: { a: { type: "string" } } }, { a: null }, ["a", "type", ["string"]]],
    [{ properties: { a: {} }, required: ["a"] }, { a: undefined }, ["a", "required", undefined]],
    [{ required: ["a"] }, { a: undefined }, ["a", "required", undefined]],
    [{ required: ["toString"] }, {}, ["toString", "required", undefined]],
    [{ properties: { toString: {} }, required: ["toString"] }, {}, ["toString", "required", undefined]],
    [{ additionalProperties: false }, { a: 1, b: 2, c: undefined }, ["", "additionalProperties", ["a", "b"]]],
    [{ additionalProperties: { type: "string" } }, { toString: 1 }, ["toString", "type", ["string"]]],
  ])("by %j finds what is wrong with %j", (schema, value, fault) => {
    expect(faults(schema, value)).toEqual([fault]);
  });

  it("finds all that is wrong, in the order of the schema, and says where", () => {
    const item: PlainSchema = { type: "object", properties: { n: { minimum: 1 } }, required: ["n", "other"] };
    const schema: PlainSchema = {
      properties: { list: { items: item, minItems: 4 }, text: { pattern: "^a" } },
    };
    const value = { text: "b", list: [{ n: 0, other: 1 }, {}, "x"] };
    expect(faults(schema, value)).toEqual([
      ["list", "minItems", 4],
      ["list/0/n", "minimum", 1],
      ["list/1/n", "required", undefined],
      ["list/1/other", "required", undefined],
      ["list/2", "type", ["object"]],
      ["text", "pattern", "^a"],
    ]);
    expect(faultsOf(schema, value).map((fault) => fault.value)).toEqual([
      value.list,
      0,
      undefined,
      undefined,
      "x",
      "b",
    ]);
  });

  it("follows references, in forms too, and takes all where one leads nowhere", () => {
    const resolve: Resolve = (ref) => (ref === "text" ? { type: "string" } : undefined);
    expect(faults({ $ref: "text", minimum: 5 }, 1, resolve)).toEqual([["", "type", ["string"]]]);
    expect(faults({ oneOf: [{ $ref: "text" }] }, 1, resolve)).toEqual([["", "oneOf", undefined]]);
    expect(faults({ $ref: "other", type: "string" }, 1, resolve)).toEqual([]);
    expect(faults({ $ref: "text", type: "string" }, 1)).toEqual([]);
  });

  it.each<[boolean, readonly string[]]>([
    [true, ["a@b.co", "A@B.CO", "a.b@c.de", "o'neil+x_1-@mail.x-1.example.org", "1@2.ab", "a@b.c.de"]],
    [
      false,
      ["a@b", "a@b.c", "a@b.c1", "@b.co", ".a@b.co", "a..b@c.de", "a.@b.co", "a'@b.co", "a@-b.co", "a@.co"],
    ],
    [false, ["x a@b.co", "a@b.co x", "a@b.co.", "a@b..co", "a@b_c.de", "a@é.co", "a@@b.co", "aéb@c.de", ""]],
  ])("as an email address, tells %s of %j", (ok, texts) => {
    expect(texts.filter((text) => (faults({ format: "email" }, text).length === 0) !== ok)).toEqual([]);
  });
});

it("typeName says the type in the words of JSON Schema", () => {
  const values = [null, [], {}, "", 5, Number.NaN, true, undefined, Infinity];
  const names = ["null", "array", "object", "string", "number", "nan", "boolean", "undefined", "number"];
  expect(values.map(typeName)).toEqual(names);
});
