/** What documents say of other files, beyond that they exist. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { allDocuments } from "./documents.ts";

const root = join(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(join(root, name), "utf8");

it("a group of tests that a document names is in the file it names", () => {
  const named = allDocuments(root).flatMap(({ text }) => [
    ...text.matchAll(/`(test\/\S+\.test\.ts)`, (\w+)/g),
  ]);
  expect(named.length).toBeGreaterThanOrEqual(5);
  for (const [, file, group] of named) expect(read(file!)).toContain(`describe("${group}"`);
});

it("docs/performance.md shows line counts that are about right", () => {
  const shown = Number(/runtime +(\d+) lines/.exec(read("docs/performance.md"))?.[1]);
  const counted = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, "scripts/lines.ts")], {
    encoding: "utf8",
  });
  const real = Number(/runtime +(\d+) lines/.exec(counted)?.[1]);
  expect(Math.abs(shown - real) / real, `docs/performance.md says ${shown}, it is ${real}`).toBeLessThan(
    0.05,
  );
});
