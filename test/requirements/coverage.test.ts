import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requirements } from "./index.ts";

const testDir = join(import.meta.dirname, "..");

/** Every id cited as the first argument of `req(…)`, with the files that cite it. */
function citations(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of readdirSync(testDir, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".test.ts")) continue;
    const text = readFileSync(join(testDir, name), "utf8");
    for (const [, id] of text.matchAll(/\breq\(\s*"([^"]+)"/g)) {
      found.set(id!, [...(found.get(id!) ?? []), name]);
    }
  }
  return found;
}

describe("requirement manifest", () => {
  const cited = citations();

  it("has no requirement without a test", () => {
    expect(Object.keys(requirements).filter((id) => !cited.has(id))).toEqual([]);
  });

  it("has no test that cites an unknown requirement", () => {
    expect([...cited].filter(([id]) => !Object.hasOwn(requirements, id))).toEqual([]);
  });

  it("gives every requirement a statement and a source", () => {
    for (const [id, { statement, source }] of Object.entries(requirements)) {
      expect(statement.length, id).toBeGreaterThan(20);
      expect(source.length, id).toBeGreaterThan(3);
    }
  });
});
