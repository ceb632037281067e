import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linearPattern } from "../../src/core/linear-pattern.ts";

const free = () => {};
const native = (pattern: string): RegExp => {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
};

describe("linearPattern", () => {
  it.each([
    "^[a-z]+(-[a-z]+)*$",
    "^(?=.*[A-Z])(?=.*\\d).{4,8}$",
    "^(?!foo)\\w+$",
    "\\bfoo\\b|\\Bx",
    "^\\d{4}-\\d{2}-\\d{2}$",
    "^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$",
    "^\\p{Lu}\\p{L}*$",
    "^.$",
    "^[^]$",
    "[]",
    "\\u{1F600}|\\uD83D\\uDE00",
    "^\\u0041\\x42\\cJ\\0$",
    "^(?<year>\\d+)(?:a|b|)c??$",
    "a{,3}",
    "x{2}y{1,}z{0,2}",
    "\\-]}",
    "^(a*)*b$",
    "^(?:)*$",
    "",
    "^\\S+$",
    "(?:^|,)a(?:$|,)",
  ])("%s matches what the platform's engine matches", (pattern) => {
    const ours = linearPattern(pattern, free);
    const theirs = native(pattern);
    const samples = [
      "",
      "a",
      "b",
      "foo",
      "foo-bar",
      "foo-",
      "Abc1",
      "2024-01-02",
      "a@b.co",
      "Élan",
      "😀",
      "\n",
    ];
    const more = [
      "a{,3}",
      "xxyzz",
      "-]}",
      "aaab",
      "AB\n\0",
      "12bc",
      "b,a,c",
      "x y",
      "\u{d83d}",
      "aac",
      "xfoo x",
    ];
    for (const text of [...samples, ...more])
      expect([text, ours.test(text)]).toEqual([text, theirs.test(text)]);
  });

  it("matches as the platform does, for random patterns and texts", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "^", "$", "\\b", "(?=a)", "(?!b)");
    const piece = fc.tuple(
      fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "(a|b)", "(?:ab|)", "(a*)", "(?:a+b?)"),
      fc.constantFrom("", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"),
    );
    const part = fc.oneof(
      atom,
      piece.map(([one, times]) => one + times),
      fc.constant("|"),
    );
    const pattern = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        pattern,
        fc.string({ unit: fc.constantFrom("a", "b", "c", "\n"), maxLength: 8 }),
        (rule, text) => {
          expect(linearPattern(rule, free).test(text)).toBe(native(rule).test(text));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    "^(a+)+$",
    "^(a|a)*$",
    "^(a|aa)+$",
    "^(.*a){12}$",
    "a*a*a*a*b",
    "^(\\w+\\s?)*$",
    "^([a-zA-Z0-9]+\\.?)+@x$",
    "^(?=(a+)+$)b",
  ])("%s takes steps in proportion to the text", (pattern) => {
    const stepsFor = (length: number): number => {
      let steps = 0;
      linearPattern(pattern, (taken) => {
        steps += taken;
      }).test(`${"a".repeat(length)}!`);
      return steps;
    };
    expect(stepsFor(2_000)).toBeLessThan(2.2 * stepsFor(1_000));
  });

  it("compiles in steps that its states bound, and repeats nothing in one step", () => {
    let steps = 0;
    const count = (taken: number) => {
      steps += taken;
    };
    for (const pattern of ["(?:){1000000000}", "(?:a{0}){1000000000}", "(?:(?=a{900})b){900}"]) {
      linearPattern(pattern, count);
    }
    expect(steps).toBeLessThan(10_000);
  });

  it.each(["(a)\\1", "(?<x>a)\\k<x>", "(?<=a)b", "(?<!a)b", "(?:(?:a{100}){100}){100}"])(
    "refuses %s, which has no bound",
    (pattern) => {
      expect(() => linearPattern(pattern, free)).toThrow(
        expect.objectContaining({ code: "SCHEMA_TOO_COMPLEX" }),
      );
    },
  );
});
