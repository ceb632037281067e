import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonForm, nonFinitePath, stringifyJson } from "../../src/core/json-form.ts";

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
    class Empty {}
    const values = [new Point(), new Empty(), Object.create(null), Object("s"), Object(true), Object(1)];
    expect(jsonForm(values)).toEqual({
      value: [{ x: 1 }, {}, {}, "s", true, 1],
      losses: [],
      rewritten: false,
    });
  });

  it("has nothing for undefined", () => {
    expect(jsonForm(undefined)).toEqual({ value: undefined, losses: [], rewritten: false });
    expect(jsonForm(Number.NaN).losses).toEqual([
      { path: "", message: "must be a finite number, found NaN" },
    ]);
  });

  it("says what a list would hold as null, and which date is not valid", () => {
    const [at, found] = ["must be JSON data, found", "which a list would hold as null"];
    expect(
      jsonForm([undefined, () => 1, Symbol("s"), new Date(Number.NaN), [Object(Infinity)]]).losses,
    ).toEqual([
      { path: "/0", message: `${at} undefined, ${found}` },
      { path: "/1", message: `${at} a function, ${found}` },
      { path: "/2", message: `${at} a symbol, ${found}` },
      { path: "/3", message: "must be a valid date, found an invalid one" },
      { path: "/4/0", message: "must be a finite number, found Infinity" },
    ]);
  });

  it.each<[unknown, boolean]>([
    [undefined, false],
    [{ a: [new Date(0), Number.NaN] }, false],
    [{ toJSON: () => 1 }, true],
    [[{ toJSON: () => ({}) }], true],
    [new URL("https://x.example"), true],
  ])("tells whether %o chose its own JSON: %s", (value, rewritten) => {
    expect(jsonForm(value)).toMatchObject({ rewritten });
  });

  it.each([1n, () => 1, Symbol("s")])("refuses %s, which has no JSON form", (value) => {
    const message = expect.stringMatching(/^the value cannot be written as JSON/);
    expect(() => jsonForm(value)).toThrow(expect.objectContaining({ code: "NOT_SERIALIZABLE", message }));
  });
});

describe("stringifyJson", () => {
  class Listing {
    readonly #items = [1];
    *[Symbol.iterator]() {
      yield* this.#items;
    }
  }

  it.each([
    ["NaN", Number.NaN],
    ["Infinity", Infinity],
    ["a Number object", Object(Number.NaN)],
    ["an invalid date", new Date(Number.NaN)],
    ["a map", new Map([["a", 1]])],
    ["a set", new Set([1])],
    ["a regular expression", /x/],
    ["an error", new Error("x")],
    ["a promise", Promise.resolve(1)],
    ["bytes", new Uint8Array([1])],
    ["no bytes", new Uint8Array(0)],
    ["a buffer", new ArrayBuffer(1)],
    ["a blob", new Blob(["x"])],
    ["headers", new Headers({ a: "b" })],
    ["a bigint", 1n],
    ["an iterable without members", new Listing()],
    ["a toJSON that returns NaN", { toJSON: () => Number.NaN }],
  ])("refuses %s at any depth, and names its place", (_, lost) => {
    for (const [value, place] of [
      [{ a: { "b/c": lost } }, "/a/b~1c must be"],
      [[0, [lost]], "/1/0 must be"],
      [lost, "JSON: must be"],
    ] as const) {
      expect(() => stringifyJson(value)).toThrow(
        expect.objectContaining({ code: "NOT_SERIALIZABLE", message: expect.stringContaining(place) }),
      );
    }
  });

  it.each([
    ["undefined", undefined],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
  ])("refuses %s in a list, and leaves it out of an object", (_, absent) => {
    expect(stringifyJson({ a: { b: absent, c: 1 } })).toBe('{"a":{"c":1}}');
    expect(() => stringifyJson({ a: [1, absent] })).toThrow(
      expect.objectContaining({ code: "NOT_SERIALIZABLE" }),
    );
  });

  it("writes everything else as JSON.stringify does", () => {
    const anything = fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true });
    fc.assert(
      fc.property(anything, (value) => {
        const expected = JSON.stringify(value);
        if (expected === undefined) return;
        const isWhole = jsonForm(value).losses.length === 0;
        if (isWhole) expect(stringifyJson(value)).toBe(expected);
        else
          expect(() => stringifyJson(value)).toThrow(expect.objectContaining({ code: "NOT_SERIALIZABLE" }));
      }),
    );
  });
});

it("nonFinitePath finds what JSON.parse read as infinite", () => {
  expect(nonFinitePath(JSON.parse('{"a":[1,{"b/c":1e400}]}'))).toBe("/a/1/b~1c");
  expect(nonFinitePath(JSON.parse('{"a":[1,null,"x",true,-0]}'))).toBeUndefined();
});
