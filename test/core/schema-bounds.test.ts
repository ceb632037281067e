import { describe, expect, it } from "vitest";
import { checkSchemaBounds } from "../../src/core/schema-bounds.ts";

const tooComplex = expect.objectContaining({ code: "SCHEMA_TOO_COMPLEX" });
const times = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));
const named = (count: number, item: unknown = {}) => Object.fromEntries(times(count, (i) => [`n${i}`, item]));
const nested = (levels: number, inner: unknown): unknown =>
  levels === 0 ? inner : { not: nested(levels - 1, inner) };

describe("the bounds of a schema from a peer", () => {
  it.each<[string, string, unknown, unknown]>([
    ["64 levels", "objects", nested(63, { type: "string" }), nested(64, {})],
    ["64 levels", "a boolean is one", nested(63, true), nested(64, true)],
    ["64 levels", "null and texts are none", nested(63, { default: null, title: "" }), nested(63, [[]])],
    ["500 objects", "objects", { properties: named(498) }, { properties: named(499) }],
    [
      "500 objects, lists and booleans",
      "booleans",
      { properties: named(498, false) },
      { properties: named(499, false) },
    ],
    ["500 objects, lists and booleans", "texts are none", { x: named(498, ["a"]) }, { x: named(499, []) }],
    ["10,000 members", "items", { required: times(9_999, String) }, { required: times(10_000, String) }],
  ])("are %s (%s)", (bound, _, inside, outside) => {
    expect(() => checkSchemaBounds(inside)).not.toThrow();
    expect(() => checkSchemaBounds(outside)).toThrow(tooComplex);
    expect(() => checkSchemaBounds(outside)).toThrow(`more than ${bound.replace("10,000", "10000")}`);
  });

  /** 400 nodes, of which two references to unknown anchors lead to all: a further one may lead to 300. */
  const referring = ($ref: string, keyword = "$ref") => ({
    allOf: [{ $ref: "#one" }, { $ref: "#two" }, { [keyword]: $ref }],
    default: null,
    $defs: { over: { not: { properties: named(298) } }, "a/b~1c": {}, filler: named(91) },
  });

  it.each(["#/$defs/over/not", "#/%24defs/over/not", "#/$defs/a~1b~01c", "#/allOf/0", "#one", "#/default"])(
    "allow a reference to %s, which leads to no more than is left",
    ($ref) => {
      expect(() => checkSchemaBounds(referring($ref))).not.toThrow();
    },
  );

  it.each([
    ["is larger", "#/$defs/over"],
    ["is the whole", "#"],
    ["is an anchor", "#over"],
    ["is an anchor before a pointer", "#over/$defs/over/not"],
    ["is another document", "other.json#/$defs/over/not"],
    ["is not there", "#/$defs/over/nothing"],
    ["is only inherited", "#/$defs/over/toString"],
    ["is inside a text", "#/allOf/0/$ref/length"],
    ["is inside null", "#/default/a"],
    ["is not an encoding", "#/%E0%A4%A"],
  ])("refuse a reference to what %s: %s", (_, $ref) => {
    expect(() => checkSchemaBounds(referring($ref))).toThrow(tooComplex);
  });

  it.each(["$ref", "$dynamicRef", "$recursiveRef"])("count what %s leads to", (keyword) => {
    expect(() => checkSchemaBounds(referring("#", keyword))).toThrow(tooComplex);
    expect(() => checkSchemaBounds(referring("#", "title"))).not.toThrow();
  });

  it("count each reference once", () => {
    const refs = (count: number, ref: (index: number) => string) => ({
      allOf: times(count, (i) => ({ $ref: ref(i) })),
    });
    expect(() => checkSchemaBounds(refs(400, () => "#"))).not.toThrow();
    expect(() => checkSchemaBounds(refs(400, (i) => `#a${i}`))).toThrow(tooComplex);
    expect(() => checkSchemaBounds(refs(400, (i) => `#a${i}`))).toThrow("more than 1500 objects");
  });

  it.each([
    ["const", { const: { a: {} } }, "#/const/a"],
    ["enum", { enum: [{}] }, "#/enum/0"],
    ["dependentRequired", { dependentRequired: { a: [] } }, "#/dependentRequired/a"],
    ["the const of a property", { properties: { a: { const: {} } } }, "#/properties/a/const"],
    ["the const of an entry", { anyOf: [{ const: {} }] }, "#/anyOf/0/const"],
    ["what is encoded twice", { "%24": {} }, "#/%2524"],
  ])("refuse a reference into %s", (_, schema, $ref) => {
    expect(() => checkSchemaBounds({ ...schema, not: { $ref } })).toThrow(tooComplex);
    expect(() => checkSchemaBounds({ ...schema, not: { $ref } })).toThrow("reference");
  });

  it.each([
    [{ properties: { const: {}, enum: {} } }, "#/properties/const"],
    [{ $defs: { enum: { not: {} } } }, "#/$defs/enum/not"],
  ])("allow one to a schema of that name: %j", (schema, $ref) => {
    expect(() => checkSchemaBounds({ ...schema, not: { $ref } })).not.toThrow();
  });

  it.each(["$id", "id"])("take every reference to lead to all for each %s inside", (id) => {
    const within = (ids: object[], root = {}) => ({
      ...root,
      $defs: named(240),
      x: ids,
      not: { $ref: "#/x" },
    });
    const inner = (count: number) => times(count, (i) => ({ [id]: `https://x.example/${i}` }));
    expect(() => checkSchemaBounds(within(inner(4)))).not.toThrow();
    expect(() => checkSchemaBounds(within(inner(6)))).toThrow(tooComplex);
    expect(() => checkSchemaBounds(within(inner(4), { [id]: "https://x.example/" }))).not.toThrow();
    expect(() => checkSchemaBounds(within(times(6, () => ({ [id]: 5 }))))).not.toThrow();
  });
});
