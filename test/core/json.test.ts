import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/core/errors.ts";
import { parseJson, utf8Length } from "../../src/core/json.ts";
import { stringifyJson } from "../../src/core/json-form.ts";

function thrownBy(run: () => unknown): ValidationError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    return error as ValidationError;
  }
  return expect.fail("nothing was thrown");
}

describe("parseJson", () => {
  it("reads what stringifyJson wrote", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseJson(stringifyJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("names what is not JSON without quoting it", () => {
    const error = thrownBy(() => parseJson('{"token":"abc" oops', { what: "the answer" }));
    expect(error.code).toBe("NOT_JSON");
    expect(error.message).toBe("the answer is not JSON");
    expect(String(error.cause)).toMatch(/^SyntaxError: unexpected token at position \d+$/);
    const empty = thrownBy(() => parseJson(""));
    expect([empty.code, String(empty.cause)]).toEqual(["NOT_JSON", "SyntaxError: unexpected end or token"]);
  });

  it("keeps a key __proto__ as an own property and changes no prototype", () => {
    const value = parseJson('{"__proto__":{"admin":true},"a":1}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__", "a"]);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it("stops at its limit, counted in bytes", () => {
    expect(parseJson('"é"', { maxBytes: 4 })).toBe("é");
    expect(thrownBy(() => parseJson('"é"', { maxBytes: 3 })).code).toBe("TOO_LARGE");
    expect(thrownBy(() => parseJson("[]", { maxBytes: 1 })).code).toBe("TOO_LARGE");
  });
});

describe("stringifyJson", () => {
  it.each([
    ["undefined", undefined],
    ["a function", () => {}],
    ["a symbol", Symbol("s")],
    ["a bigint", { n: 1n }],
    [
      "a toJSON that throws",
      {
        toJSON() {
          throw new Error("no");
        },
      },
    ],
  ])("refuses %s", (_, value) => {
    const error = thrownBy(() => stringifyJson(value, { what: "the result" }));
    expect(error.code).toBe("NOT_SERIALIZABLE");
    expect(error.message).toContain("the result cannot be written as JSON");
  });

  it("says what it could not write", () => {
    expect(thrownBy(() => stringifyJson(undefined)).message).toBe(
      "the value cannot be written as JSON: its type is undefined",
    );
    expect(stringifyJson(null)).toBe("null");
    expect(thrownBy(() => stringifyJson({ toJSON: () => undefined })).code).toBe("NOT_SERIALIZABLE");
  });

  it("refuses a cycle", () => {
    const loop: unknown[] = [];
    loop.push(loop);
    const error = thrownBy(() => stringifyJson({ loop }));
    expect([error.code, error.message]).toEqual(["NOT_SERIALIZABLE", "the value cannot be written as JSON"]);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it("never writes more than its limit, and refuses only what is over it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(40), (text, maxBytes) => {
        const whole = JSON.stringify(text);
        if (Buffer.byteLength(whole) <= maxBytes) expect(stringifyJson(text, { maxBytes })).toBe(whole);
        else expect(thrownBy(() => stringifyJson(text, { maxBytes })).code).toBe("TOO_LARGE");
      }),
    );
  });
});

describe("utf8Length", () => {
  it("counts bytes as a socket would", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => utf8Length(text) === Buffer.byteLength(text)),
    );
  });
});
