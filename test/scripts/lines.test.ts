/** How lines and casts are counted, and what the ratchet says of the figures. */
import { describe, expect, it } from "vitest";
import { type Budgets, budgetTable, compare, lower } from "../../scripts/lines/budgets.ts";
import { castLines } from "../../scripts/lines/casts.ts";
import { codeLines } from "../../scripts/lines/code.ts";

describe("code lines", () => {
  it.each([
    [
      "comments and blank lines do not count",
      "/** a\n * b\n */\nconst a = 1; // c\n\n  \n// d\n/* e */\nconst b = 2;\n",
      2,
    ],
    ["code after a comment does", "/* a */ const a = 1;\n/* b\n */ const b = 2;\n", 2],
    ["comments side by side do not", "/* a */ /* b */ // c\n/* d */ /* e\n f */\n", 0],
    ["a comment that ends where it starts is open", "/*/ a\nb */\nconst a = 1;", 1],
  ])("%s", (_, text, lines) => {
    expect(codeLines(text)).toBe(lines);
  });
});

describe("casts", () => {
  it.each([
    ["as never", "const a = b as never;", [1]],
    [
      "as unknown as, also in parentheses and over lines",
      "f(a as unknown as B,\n(b as unknown) as\nC);",
      [1, 2],
    ],
    ["as any, once", "\nconst a = b as any;\nconst c = b as any as C;", [2, 3]],
    [
      "any as a type",
      "let a: any;\nconst b = new Map<string, any>();\nfunction f(...rest: any[]) {}",
      [1, 2, 3],
    ],
    ["two in one line", "f(a as never, b as never);", [1, 1]],
    ["old form of a cast", "const a = <any>b;\nconst c = <never>d;", [1, 2]],
  ])("%s", (_, text, lines) => {
    expect(castLines(text)).toEqual(lines);
  });

  it.each([
    ["a cast the compiler checks", "const a = b as B; const c = [1] as const; const d = e as unknown;"],
    ["never and unknown as types", "function f(a: unknown): never { throw a; }"],
    ["comments and texts", '// a as never, any\nconst a = "b as unknown as any";'],
    ["the word as a name", "const any = 1; f({ any });"],
  ])("not %s", (_, text) => {
    expect(castLines(text)).toEqual([]);
  });
});

describe("the ratchet", () => {
  const file: Budgets = {
    budgets: {
      lines: { runtime: { ceiling: 100, target: 50, reason: "a new protocol" }, cli: { ceiling: 10 } },
    },
    allowedCasts: {},
  };

  it("passes when every figure is its ceiling", () => {
    expect(compare({ lines: { runtime: 100, cli: 10 } }, file)).toEqual([]);
  });

  it("fails for a figure above its ceiling, which an update does not raise", () => {
    const figures = { lines: { runtime: 103, cli: 10 } };
    const finding =
      "lines, runtime: 100 allowed, 103 found; remove 3, or raise the ceiling in scripts/budgets.json with a `reason`";
    expect(compare(figures, file)).toEqual([finding]);
    expect(lower(figures, file)).toEqual(file);
  });

  it("fails for a figure below its ceiling until an update lowers it", () => {
    const figures = { lines: { runtime: 90, cli: 10 } };
    const finding = "lines, runtime: 100 allowed, 90 found; run `pnpm lines --update` to lower the ceiling";
    expect(compare(figures, file)).toEqual([finding]);
    const lowered = lower(figures, file);
    expect(lowered.budgets.lines).toEqual({ runtime: { ceiling: 90, target: 50 }, cli: { ceiling: 10 } });
    expect(compare(figures, lowered)).toEqual([]);
  });

  it("allows nothing of what has no budget, and sees what is gone", () => {
    const figures = { lines: { runtime: 100, other: 1 } };
    expect(compare(figures, file).map((finding) => finding.split(";")[0])).toEqual([
      "lines, cli: 10 allowed, 0 found",
      "lines, other: 0 allowed, 1 found",
    ]);
  });

  it("shows now, ceiling and target", () => {
    expect(
      budgetTable({ lines: { runtime: 103, cli: 10 } }, file)
        .split("\n")
        .map((line) => line.split(/\s{2,}/)),
    ).toEqual([
      ["", "now", "ceiling", "target"],
      ["lines, runtime", "103", "100", "50"],
      ["lines, cli", "10", "10", "-"],
    ]);
  });
});
