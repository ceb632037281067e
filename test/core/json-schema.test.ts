import { describe, expect, it } from "vitest";
import { dialectOf, isJsonSchema, jsonSchema } from "../../src/core/json-schema.ts";

describe("dialectOf", () => {
  it.each([
    ["http://json-schema.org/draft-04/schema#", "draft-04"],
    ["http://json-schema.org/draft-06/schema#", "draft-06"],
    ["http://json-schema.org/draft-07/schema#", "draft-07"],
    ["http://json-schema.org/draft-07/schema", "draft-07"],
    ["https://json-schema.org/draft/2019-09/schema", "2019-09"],
    ["https://json-schema.org/draft/2020-12/schema", "2020-12"],
    ["https://json-schema.org/draft/2020-12/schema#", "2020-12"],
    ["https://json-schema.org/draft-07/schema#", "2020-12"],
    ["https://x.example/mine", "2020-12"],
    [7, "2020-12"],
    [undefined, "2020-12"],
  ])("reads $schema %j as %s", ($schema, dialect) => {
    expect(dialectOf({ $schema })).toBe(dialect);
  });

  it("takes what names no revision for the newest", () => {
    for (const schema of [
      {},
      true,
      [],
      null,
      Object.create({ $schema: "http://json-schema.org/draft-04/schema#" }),
    ]) {
      expect(dialectOf(schema)).toBe("2020-12");
    }
  });
});

describe("isJsonSchema", () => {
  it("takes objects and booleans only", () => {
    expect([{}, true, false].map(isJsonSchema)).toEqual([true, true, true]);
    expect([null, undefined, [], "x", 1, () => {}].some(isJsonSchema)).toBe(false);
  });
});

describe("jsonSchema", () => {
  it("changes nothing at run time", () => {
    const schema = { type: "string" };
    expect(jsonSchema<string>(schema)).toBe(schema);
  });
});
