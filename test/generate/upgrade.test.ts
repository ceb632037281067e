import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { editable } from "../../src/generate/editable.ts";
import { upgradeDocument } from "../../src/generate/upgrade.ts";

/** The schema `S` of a document with this one, upgraded. */
function upgraded(schema: unknown, openapi = "3.0.3"): unknown {
  const document = { openapi, paths: {}, components: { schemas: { S: schema } } };
  upgradeDocument(document);
  return document.components.schemas.S;
}

describe("a schema of OpenAPI 3.0", () => {
  it.each([
    ["nullable type", { type: "string", nullable: true }, { type: ["string", "null"] }],
    ["nullable: false", { type: "string", nullable: false }, { type: "string" }],
    ["nullable without a type", { nullable: true }, {}],
    [
      "nullable beside $ref",
      { $ref: "#/x", nullable: true, description: "d" },
      { anyOf: [{ $ref: "#/x", description: "d" }, { type: "null" }] },
    ],
    [
      "nullable beside allOf",
      { type: "object", allOf: [{ $ref: "#/x" }], nullable: true },
      { anyOf: [{ type: "object", allOf: [{ $ref: "#/x" }] }, { type: "null" }] },
    ],
    [
      "nullable beside oneOf",
      { nullable: true, oneOf: [{ $ref: "#/x" }] },
      { oneOf: [{ $ref: "#/x" }, { type: "null" }] },
    ],
    [
      "nullable beside a oneOf that has null: not twice, or null would match two of it",
      { nullable: true, oneOf: [{ type: "string", nullable: true }] },
      { oneOf: [{ type: ["string", "null"] }] },
    ],
    [
      "nullable enum",
      { type: "string", enum: ["a"], nullable: true },
      { type: ["string", "null"], enum: ["a", null] },
    ],
    [
      "nullable object without a type",
      { properties: {}, nullable: true },
      { properties: {}, type: ["object", "null"] },
    ],
    ["exclusive minimum", { minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    ["inclusive maximum", { maximum: 9, exclusiveMaximum: false }, { maximum: 9 }],
    ["exclusive without a limit", { exclusiveMaximum: true }, {}],
    ["example", { type: "string", example: "a" }, { type: "string", examples: ["a"] }],
    ["bytes in text", { type: "string", format: "byte" }, { type: "string", contentEncoding: "base64" }],
    ["keywords that a $ref overrides", { $ref: "#/x", type: "object" }, { $ref: "#/x" }],
    ["null in place of a schema", null, {}],
    [
      "schemas at any depth",
      { items: { allOf: [{ additionalProperties: { type: "integer", nullable: true } }] } },
      { items: { allOf: [{ additionalProperties: { type: ["integer", "null"] } }] } },
    ],
    [
      "members that are called like keywords",
      { properties: { nullable: { type: "boolean" }, example: { type: "string", nullable: true } } },
      { properties: { nullable: { type: "boolean" }, example: { type: ["string", "null"] } } },
    ],
    [
      "data that looks like a schema",
      { default: { nullable: true }, enum: [{ exclusiveMinimum: true }] },
      { default: { nullable: true }, enum: [{ exclusiveMinimum: true }] },
    ],
  ])("%s", (_, schema, expected) => {
    expect(upgraded(schema)).toEqual(expected);
  });

  it("keeps `__proto__` as a member", () => {
    const schema: unknown = JSON.parse('{"properties":{"__proto__":{"type":"string","nullable":true}}}');
    expect(JSON.stringify(upgraded(schema))).toBe('{"properties":{"__proto__":{"type":["string","null"]}}}');
  });
});

describe("a document", () => {
  const nullable = () => ({ type: "string", nullable: true });
  const places: [string, (schema: unknown) => object][] = [
    ["parameter of a path", (schema) => ({ paths: { "/a": { parameters: [{ schema }] } } })],
    ["parameter of an operation", (schema) => ({ paths: { "/a": { get: { parameters: [{ schema }] } } } })],
    [
      "request body",
      (schema) => ({ paths: { "/a": { put: { requestBody: { content: { "a/json": { schema } } } } } } }),
    ],
    [
      "response",
      (schema) => ({
        paths: { "/a": { get: { responses: { 200: { content: { "a/json": { schema } } } } } } },
      }),
    ],
    [
      "response header",
      (schema) => ({ paths: { "/a": { get: { responses: { 200: { headers: { "X-A": { schema } } } } } } } }),
    ],
    [
      "callback",
      (schema) => ({
        paths: { "/a": { post: { callbacks: { c: { u: { post: { parameters: [{ schema }] } } } } } } },
      }),
    ],
    ["component parameter", (schema) => ({ components: { parameters: { p: { schema } } } })],
    [
      "component response",
      (schema) => ({ components: { responses: { r: { content: { "a/json": { schema } } } } } }),
    ],
    ["webhook", (schema) => ({ webhooks: { w: { post: { parameters: [{ schema }] } } } })],
  ];

  it.each(places)("has its schemas upgraded in a %s", (_, place) => {
    const document = { openapi: "3.0.0", ...place(nullable()) };
    upgradeDocument(document);
    expect(document).toEqual({ openapi: "3.1.0", ...place({ type: ["string", "null"] }) });
  });

  it("of 3.1 keeps its version and examples, and gets what it writes as in 3.0", () => {
    expect(upgraded({ type: "string", nullable: true, example: "a" }, "3.1.1")).toEqual({
      type: ["string", "null"],
      example: "a",
    });
    expect(upgraded({ $ref: "#/x", type: "object" }, "3.1.0")).toEqual({ $ref: "#/x", type: "object" });
  });

  it.each([{ swagger: "2.0" }, { openapi: "4.0.0" }, { openapi: 3 }, [], "text", null])(
    "of another version stays as it is: %j",
    (document) => {
      const before = structuredClone(document);
      upgradeDocument(document);
      expect(document).toEqual(before);
    },
  );

  it("loses the schema of a body that is bytes, and of no other", () => {
    const binary = { type: "string", format: "binary" };
    const content = {
      "application/octet-stream": { schema: { ...binary } },
      "image/png": { schema: { ...binary } },
      "application/json": { schema: { ...binary } },
      "multipart/form-data": { schema: { type: "object", properties: { file: { ...binary } } } },
    };
    upgradeDocument({ openapi: "3.0.3", paths: { "/a": { post: { requestBody: { content } } } } });
    expect(content).toEqual({
      "application/octet-stream": {},
      "image/png": {},
      "application/json": { schema: binary },
      "multipart/form-data": { schema: { type: "object", properties: { file: binary } } },
    });
  });
});

describe("an editable copy", () => {
  it("leads back to the places of the original after an upgrade", () => {
    const copy = editable({
      openapi: "3.0.3",
      components: {
        schemas: {
          A: { allOf: [{ properties: { a: { type: "string", nullable: true } } }], nullable: true },
        },
      },
    });
    upgradeDocument(copy.data);
    const now = ["components", "schemas", "A", "anyOf", 0, "allOf", 0, "properties", "a"];
    const then = ["components", "schemas", "A", "allOf", 0, "properties", "a"];
    expect(copy.originOf(now)).toEqual(then);
    expect(copy.originOf([...now, "type"])).toEqual([...then, "type"]);
    expect(copy.originOf(["openapi"])).toEqual(["openapi"]);
  });

  it("gives each use of an alias an object of its own", () => {
    const text = "openapi: 3.0.3\ncomponents: { schemas: { A: &a { type: string }, B: *a } }";
    const copy = editable(parseDocument(text).toJS());
    const { A, B } = (copy.data as { components: { schemas: Record<string, object> } }).components.schemas;
    expect(A).toEqual(B);
    expect(A).not.toBe(B);
    expect(copy.problems).toEqual([]);
  });

  it("cuts an alias that contains itself, and names it", () => {
    const loop: Record<string, unknown> = { type: "object" };
    loop.self = { deeper: loop };
    const copy = editable({ loop });
    expect(copy.data).toEqual({ loop: { type: "object", self: { deeper: {} } } });
    expect(copy.problems).toEqual([
      { path: ["loop", "self", "deeper"], message: expect.stringContaining("alias contains itself") },
    ]);
  });
});
