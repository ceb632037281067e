import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(join(root, name), "utf8");

it.each([
  ["docs/cap-stores.md", "examples/cap-stores/main.ts"],
  ["docs/cap-safety.md", "examples/cap-safety/main.ts"],
])("%s shows %s as it is, and what it prints", (document, example) => {
  const shown = /<!-- (\S+) -->\n```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/.exec(read(document));
  expect(shown?.slice(1, 3)).toEqual([example, read(example)]);
  const { REDIS_URL: _, ...env } = process.env;
  const printed = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, example)], {
    encoding: "utf8",
    env,
  });
  expect(printed).toBe(shown![3]);
});
