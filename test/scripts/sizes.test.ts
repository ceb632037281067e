import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageEntries } from "../../scripts/sizes/entries.ts";
import { median } from "../../scripts/sizes/measure.ts";
import { sizeDrift, sizesTable } from "../../scripts/sizes/table.ts";

const cost = (name: string, gzipped: number, browser = true) => ({ name, gzipped, browser, importMs: 12.4 });

describe("the table of sizes", () => {
  const table = sizesTable([cost("agentwire/a", 20_000), cost("agentwire/b", 900, false)]);

  it("has a row for each entry", () => {
    expect(table.split("\n").slice(2)).toEqual([
      "| `agentwire/a` | 20.0 kB | 12 ms | yes |",
      "| `agentwire/b` | 0.9 kB | 12 ms | Node only |",
    ]);
  });

  it("holds within five percent, or what rounding hides, and does not look at times", () => {
    const now = [{ ...cost("agentwire/a", 20_950), importMs: 900 }, cost("agentwire/b", 980, false)];
    expect(sizeDrift(table, now)).toEqual([]);
  });

  it.each([
    [
      "growth",
      [cost("agentwire/a", 21_100), cost("agentwire/b", 900, false)],
      "agentwire/a is 21.1 kB, the table says 20 kB",
    ],
    [
      "a loss",
      [cost("agentwire/a", 18_900), cost("agentwire/b", 900, false)],
      "agentwire/a is 18.9 kB, the table says 20 kB",
    ],
    [
      "an entry that is gone",
      [cost("agentwire/a", 20_000)],
      "agentwire/b is in the table and not in the package",
    ],
    [
      "a place",
      [cost("agentwire/a", 20_000), cost("agentwire/b", 900)],
      "agentwire/b: the table says Node only for browsers",
    ],
  ])("tells of %s", (_, now, problem) => {
    expect(sizeDrift(table, now)).toEqual([problem]);
  });

  it("tells of an entry that is new", () => {
    expect(sizeDrift("", [cost("agentwire/a", 1)])).toEqual(["agentwire/a is not in the table"]);
  });
});

it("entries are those a user can import", () => {
  const entries = packageEntries(join(import.meta.dirname, "../.."));
  expect(entries).toContainEqual({
    name: "agentwire/cap/nats",
    built: "dist/src/cap/nats/index.js",
    source: "src/cap/nats/index.ts",
  });
  expect(entries.some(({ name }) => name.includes("*") || name.endsWith("package.json"))).toBe(false);
});

it("the median is the middle", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});
