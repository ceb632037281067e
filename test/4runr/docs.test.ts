import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it("the guide shows its example as it is, and what it prints", () => {
  const guide = readFileSync(join(root, "docs/4runr.md"), "utf8");
  const [, file, code, output] =
    /<!-- (examples\/\S+) -->\n\n```ts\n([\s\S]*?)```\n\nprints\n\n```text\n([\s\S]*?)```/.exec(guide)!;
  expect(code).toBe(readFileSync(join(root, file!), "utf8"));
  const printed = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, file!)], {
    encoding: "utf8",
  });
  expect(printed).toBe(output);
});
