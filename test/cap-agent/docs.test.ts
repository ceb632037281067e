import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(join(root, name), "utf8");
const shown = (example: string) =>
  new RegExp(`<!-- ${example} -->\n\`\`\`ts\n([\\s\\S]*?)\`\`\`(?:\n\n\`\`\`text\n([\\s\\S]*?)\`\`\`)?`).exec(
    read("docs/cap-agent.md"),
  );

it("docs/cap-agent.md shows its examples as they are, and what they print", () => {
  // test/peers runs this one: it needs servers.
  expect(shown("examples/cap-agent/main.ts")?.[1]).toBe(read("examples/cap-agent/main.ts"));
  const testing = shown("examples/cap-agent-testing/main.ts");
  expect(testing?.[1]).toBe(read("examples/cap-agent-testing/main.ts"));
  const tsx = join(root, "node_modules/.bin/tsx");
  const printed = execFileSync(tsx, [join(root, "examples/cap-agent-testing/main.ts")], { encoding: "utf8" });
  expect(printed).toBe(testing?.[2]);
});
