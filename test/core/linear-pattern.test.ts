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

  it.each<[string, readonly string[]]>([
    ["^a?b+?$", ["b", "ab", "aab", "abb", "a"]],
    ["^a{2}$", ["a", "aa", "aaa", "a{2}"]],
    ["^a{2,}$", ["a", "aa", "aaaa"]],
    ["^a{2,3}$", ["a", "aa", "aaa", "aaaa"]],
    ["^a{0}b{0,1}c{12}$", ["cccccccccccc", "bcccccccccccc", "accccccccccccc", "c"]],
    ["^a{1,2}?b??c*?d+?$", ["d", "ad", "aabccdd", "aaad"]],
    ["^(?:ab){2}(cd)+(?<x>e)?$", ["ababcd", "ababcdcde", "abcd", "ababe"]],
    ["^(?:a|bc|)$", ["", "a", "bc", "b", "c", "abc"]],
    ["|a", ["", "b"]],
    ["^(a|(b|(c)))$", ["a", "b", "c", "d"]],
    ["^(?=a.c)(?!abc)", ["abc", "adc", "ab"]],
    ["(?=(?=b)b)b(?!(?!c))$", ["b", "bc", "ab"]],
    ["a(?=b)", ["ab", "aab", "ac", "a"]],
    ["(?!a)a|b", ["a", "b"]],
    ["^[\\]a]$", ["]", "a", "\\", "\\]a]"]],
    ["^[^\\\\]$", ["]", "\\", "x"]],
    ["^[a\\-c]$", ["a", "-", "b", "c"]],
    ["^[^a-c]$", ["a", "d", "\n", "é", "😀"]],
    ["^.$", ["\n", "\r", "\u2028", "é", "😀", "ab"]],
    ["\\bé", ["é", "aé"]],
    ["a\\b|\\Bb\\B", ["a", "ab", "abb", "b", "a b", "_b_"]],
    ["^a|b$", ["ax", "xa", "xb", "bx"]],
    ["x$x|^y^", ["x", "xx", "y", "yy"]],
    ["^\\.\\/\\*\\$\\(\\{$", ["./*$({", "a/*$({"]],
    ["^\\d\\D\\s\\S\\w\\W\\t\\n$", ["1a x_-\t\n", "aa x_-\t\n", "1a x_-tn"]],
    ["^\\p{Lu}\\P{Lu}\\p{Script=Greek}$", ["ÉaΩ", "éaΩ", "ÉÉΩ", "Éaa"]],
    ["^\\u{41}\\u{1F600}$", ["A😀", "A", "u{41}😀"]],
    ["^\\u0041\\u00e9b$", ["Aéb", "A", "u0041éb"]],
    ["^\\x42c\\x0A$", ["Bc\n", "Bc", "x42c\n"]],
    ["^\\cJ\\ca\\0$", ["\n\x01\0", "J\x01\0"]],
    ["^\\uD83D\\uDE00a$", ["😀a", "\ud83d", "😀"]],
    ["^\\ud83d\\ude00|\\uDBFF\\uDFFF|\\uda00\\udc00$", ["😀", "\udbff\udfff", "\uda00\udc00", "\uda00"]],
    ["^\\u0841\\uDC00$", ["\u0841\udc00", "\u0841"]],
    ["^\\uDC00\\uDC00$", ["\udc00\udc00", "\udc00"]],
    ["^\\uD83D\\u0C41$", ["\ud83d\u0c41", "\ud83d"]],
    ["^\\uD83D\\uD83D$", ["\ud83d\ud83d", "\ud83d"]],
    ["^\\uD83Dx$", ["\ud83dx", "x"]],
    // These are valid without the u flag only.
    ["^\\-\\u0041\\u00e9b$", ["-Aéb", "-A", "-u0041éb"]],
    ["^\\-\\u{2}\\p{L}$", ["-uup{L}", "-2L"]],
    ["^\\-\\u004\\ux\\x4\\xg$", ["-u004uxx4xg", "-\u0004"]],
    ["^\\-\\x4a\\xFFg$", ["-JÿG", "-Jÿg", "-x4aÿg"]],
    ["^\\-\\ca\\cJ\\cZb$", ["-\x01\n\x1ab", "-caJ"]],
    ["^\\-\\0\\01\\012\\08$", ["-\0\x01\n\x008", "-0", "-\0\x01\n\x00"]],
    ["^\\-\\d\\q\\/$", ["-1q/", "-dq/", "-1\\q/"]],
    ["^(?=a)*a(?=b){2}b(?!c)?\\-$", ["ab-", "a-", "abb-"]],
    ["^a{b}{$|x{1\\-", ["a{b}{", "a", "x{1-"]],
    ["^.😀\\-$", ["a😀-", "😀-", "😀😀-"]],
    ["^a😀+$", ["a😀", "a😀😀", "a", "a\ud83d"]],
    ["^a b$", ["a b", "ab"]],
    ["^a b\\ [\\ ]\\-$", ["a b  -", "ab  -", "a b-"]],
  ])("%s matches of %j what the platform's engine matches", (pattern, texts) => {
    const ours = linearPattern(pattern, free);
    const theirs = native(pattern);
    expect(texts.map((text) => [text, ours.test(text)])).toEqual(
      texts.map((text) => [text, theirs.test(text)]),
    );
  });

  it("is told from others by its text, and throws for one that is not valid", () => {
    expect(String(linearPattern("^a+$", free))).toBe("^a+$");
    for (const bad of ["(", "[", "a{2,1}", "*", "(?<n>a)(?<n>b)"])
      expect(() => linearPattern(bad, free)).toThrow(SyntaxError);
  });

  it.each<[string, string, number, number]>([
    ["a", "b", 1, 2.625],
    ["a", "a", 1, 2.625],
    ["^a", "bbbbbbbb", 2, 5.5],
    ["ab|c", "xxc", 4, 5.375],
    ["a*b", "aaaaaaab", 3, 9.75],
    ["(?=ab)a", "ab", 4, 5.75],
    ["(?!ab)a", "abab", 4, 11.25],
    ["a{3}", "aaa", 3, 4.375],
    ["(?=a)b", "ccccc", 3, 11.625],
  ])(
    "%s takes %j in so many steps of compiling and matching: %d, %d",
    (pattern, text, compiling, matching) => {
      let steps = 0;
      const made = linearPattern(pattern, (taken) => {
        steps += taken;
      });
      expect(steps).toBe(compiling);
      steps = 0;
      made.test(text);
      expect(steps).toBe(matching);
    },
  );

  it("has 10,000 states at most", () => {
    expect(linearPattern("^a{9999}", free).test("a".repeat(9_999))).toBe(true);
    expect(() => linearPattern("^a{10000}", free)).toThrow(
      expect.objectContaining({ code: "SCHEMA_TOO_COMPLEX" }),
    );
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

  it.each([
    ["(a)\\1", "uses a backreference"],
    ["(?<x>a)\\k<x>", "uses a backreference"],
    ["(?<=a)b", "uses a lookbehind"],
    ["(?<!a)b", "uses a lookbehind"],
    ["(?:(?:a{100}){100}){100}", "has more than 10000 states"],
    ["\\-\\c", "uses an incomplete control escape"],
    ["\\-\\c1", "uses an incomplete control escape"],
    [`${"b".repeat(100)}(?<=a)`, `"${"b".repeat(100)}" uses a lookbehind`],
  ])("refuses %s: %s", (pattern, why) => {
    const message = expect.stringContaining(why);
    expect(() => linearPattern(pattern, free)).toThrow(
      expect.objectContaining({ code: "SCHEMA_TOO_COMPLEX", message }),
    );
  });
});
