import fc from "fast-check";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { camelCase } from "../../src/core/keys.ts";
import { isIdentifier, pascalCase, printDoc, printValue } from "../../src/generate/emit.ts";

/** The value of a TypeScript expression. */
function evaluate(text: string): unknown {
  const { outputText } = ts.transpileModule(`module.exports = ${text};`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  });
  const module = { exports: undefined as unknown };
  new Function("module", outputText)(module);
  return module.exports;
}

describe("literals", () => {
  it("keep any JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const json = JSON.stringify(value);
        expect(JSON.stringify(evaluate(printValue(JSON.parse(json))))).toBe(json);
      }),
    );
  });

  it("quote keys whose letters an older compiler may not know", () => {
    expect(printValue({ "\u{323b0}": null, größe: 1 })).toBe('{ "\u{323b0}": null, "größe": 1 }');
    expect(isIdentifier("größe")).toBe(true);
    expect(isIdentifier("\u{323b0}")).toBe(false);
  });

  it("keep a member called __proto__", () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1}}');
    expect(JSON.stringify(evaluate(printValue(value)))).toBe('{"__proto__":{"a":1}}');
  });

  it("stand on one line while they fit", () => {
    expect(printValue({ a: [1, 2], "b-c": null, d: undefined })).toBe('{ a: [1, 2], "b-c": null }');
    expect(printValue({ list: ["x".repeat(60), "y".repeat(60)] })).toBe(
      `{\n  list: [\n    "${"x".repeat(60)}",\n    "${"y".repeat(60)}",\n  ],\n}`,
    );
  });
});

describe("doc comments", () => {
  it("cannot be ended by their text", () => {
    expect(printDoc("a */ b")).toBe("/** a *\\/ b */\n");
    expect(printDoc("one\n\ntwo\n", 2)).toBe("  /**\n   * one\n   *\n   * two\n   */\n");
    expect(printDoc(undefined)).toBe("");
  });
});

describe("names", () => {
  it.each([
    ["max_retries", "maxRetries"],
    ["id", "id"],
    ["_private_key", "_privateKey"],
    ["step__no", "stepNo"],
    ["line_2_text", "line2Text"],
    ["alreadyCamel", "alreadyCamel"],
    ["trailing_", "trailing_"],
  ])("writes %s as %s", (from, to) => {
    expect(camelCase(from)).toBe(to);
  });

  it("writes operation ids as type names", () => {
    expect(pascalCase("listOrders")).toBe("ListOrders");
    expect(pascalCase("list_all-orders")).toBe("ListAllOrders");
  });
});
