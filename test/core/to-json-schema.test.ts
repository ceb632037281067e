import { describe, expect, it, vi } from "vitest";
import type { StandardSchemaV1 } from "../../src/core/standard-schema.ts";
import { toJsonSchema } from "../../src/core/to-json-schema.ts";
import { req } from "../requirements/index.ts";

const plain: StandardSchemaV1<string> = {
  "~standard": { version: 1, vendor: "plainlib", validate: (value) => ({ value: String(value) }) },
};

const standard = (side: (name: string) => Record<string, unknown>): StandardSchemaV1<string> => ({
  "~standard": {
    ...plain["~standard"],
    jsonSchema: {
      input: ({ target }) => side(`input ${target}`),
      output: ({ target }) => side(`output ${target}`),
    },
  },
});

function warning() {
  const warn = vi.fn();
  return { warn, logger: { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() } };
}

describe("toJsonSchema", () => {
  it(
    req("core.schema.advertised", "prefers the explicit one, then the library's own, else warns once"),
    () => {
      const { warn, logger } = warning();
      const explicit = { type: "string" };
      const exporter = standard((title) => ({ title }));
      expect(toJsonSchema(exporter, { jsonSchema: explicit })).toBe(explicit);
      expect(toJsonSchema(exporter, { logger })).toEqual({ title: "input draft-2020-12" });
      expect(toJsonSchema(exporter, { side: "output", logger })).toEqual({ title: "output draft-2020-12" });
      expect(warn).not.toHaveBeenCalled();
      expect(toJsonSchema(plain, { what: "sum", logger })).toBeUndefined();
      expect(toJsonSchema(plain, { what: "sum", logger })).toBeUndefined();
      expect(warn.mock.calls).toMatchObject([
        [expect.stringContaining("sum"), { reason: "plainlib offers no JSON Schema exporter" }],
      ]);
    },
  );

  it("names what has no JSON Schema, and each side of it by itself", () => {
    const { warn, logger } = warning();
    toJsonSchema(plain, { logger });
    toJsonSchema(plain, { logger, side: "output" });
    toJsonSchema(plain, { logger, side: "input" });
    expect(warn.mock.calls.map(([text]) => text)).toEqual(
      Array(2).fill(expect.stringContaining("the schema")),
    );
    expect(toJsonSchema([] as unknown as StandardSchemaV1, { logger })).toBeUndefined();
  });

  it("gives a JSON Schema as it is", () => {
    const schema = { type: "string" };
    expect(toJsonSchema(schema)).toBe(schema);
    expect(toJsonSchema(true)).toBe(true);
  });

  it("asks exporters that sit on the schema itself, after the standard one", () => {
    const zodLike = { ...plain, toJSONSchema: ({ io }: { io: string }) => ({ title: io }) };
    expect(toJsonSchema(zodLike)).toEqual({ title: "input" });
    expect(toJsonSchema(zodLike, { side: "output" })).toEqual({ title: "output" });
    const arkLike = Object.assign(() => {}, plain, { toJsonSchema: () => ({ title: "own" }) });
    expect(toJsonSchema(arkLike)).toEqual({ title: "own" });
    const both = { ...standard((title) => ({ title })), toJSONSchema: () => expect.fail("not asked") };
    expect(toJsonSchema(both)).toEqual({ title: "input draft-2020-12" });
  });

  it("warns with the reason when an exporter throws or gives no schema", () => {
    const { warn, logger } = warning();
    const thrower = standard(() => {
      throw new Error("transforms cannot be represented");
    });
    expect(toJsonSchema(thrower, { logger, what: "a" })).toBeUndefined();
    expect(
      toJsonSchema({ ...plain, toJSONSchema: () => "text" } as StandardSchemaV1, { logger, what: "b" }),
    ).toBeUndefined();
    expect(warn.mock.calls.map(([, fields]) => fields.reason)).toEqual([
      "transforms cannot be represented",
      "plainlib offers no JSON Schema exporter",
    ]);
  });
});
