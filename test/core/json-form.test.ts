import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonForm, nonFinitePath } from "../../src/core/json-form.ts";

describe("jsonForm", () => {
  it("is what JSON.stringify writes, for any value", () => {
    const anything = fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true });
    fc.assert(
      fc.property(anything, (value) => {
        const text = JSON.stringify(value);
        if (text === undefined) return;
        expect(jsonForm(value).value).toEqual(JSON.parse(text));
      }),
    );
  });

  it("names each place whose content JSON would lose", () => {
    const value = { "a/b": [1, Number.NaN], m: new Map([[1, 2]]), r: /x/, e: new Error("x"), d: new Date(0) };
    expect(jsonForm(value).losses).toEqual([
      { path: "/a~1b/1", message: "must be a finite number, found NaN" },
      { path: "/m", message: "must be JSON data, found Map, whose content JSON leaves out" },
      { path: "/r", message: "must be JSON data, found RegExp, whose content JSON leaves out" },
      { path: "/e", message: "must be JSON data, found Error, whose content JSON leaves out" },
    ]);
  });

  it("leaves classes with members of their own alone", () => {
    class Point {
      readonly x = 1;
      get [Symbol.toStringTag]() {
        return "Point";
      }
    }
    expect(jsonForm([new Point(), Object.create(null), Object("s")])).toEqual({
      value: [{ x: 1 }, {}, "s"],
      losses: [],
      rewritten: false,
    });
  });

  it.each([1n, () => 1, Symbol("s")])("refuses %s, which has no JSON form", (value) => {
    expect(() => jsonForm(value)).toThrow(expect.objectContaining({ code: "NOT_SERIALIZABLE" }));
  });
});

it("nonFinitePath finds what JSON.parse read as infinite", () => {
  expect(nonFinitePath(JSON.parse('{"a":[1,{"b/c":1e400}]}'))).toBe("/a/1/b~1c");
  expect(nonFinitePath(JSON.parse('{"a":[1,null,"x",true,-0]}'))).toBeUndefined();
});
