import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/aureus.md"), "utf8");

describe("docs/aureus.md", () => {
  const snippets = [
    ...guide.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g),
  ].map(([, file, code, output]) => ({ file: file!, code, output }));

  it("shows only code that is an example", () => {
    expect(snippets.length).toBeGreaterThan(0);
    expect(guide.match(/```ts\n/g)).toHaveLength(snippets.length);
  });

  it.each(snippets)("$file is shown as it is, and prints what is shown", ({ file, code, output }) => {
    expect(code).toBe(readFileSync(join(root, file), "utf8"));
    const printed = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, file)], {
      encoding: "utf8",
    });
    expect(printed).toBe(output);
  });

  it("names tests that exist", () => {
    const named = [...guide.matchAll(/`(test\/\S+\.test\.ts)`, (\w+)/g)];
    expect(named).toHaveLength(5);
    for (const [, file, group] of named)
      expect(readFileSync(join(root, file!), "utf8")).toContain(`describe("${group}"`);
  });
});
