import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(root, name), "utf8");
const readme = read("README.md");

describe("README", () => {
  const snippets = [
    ...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g),
  ];

  it("shows only code that is an example of the repository", () => {
    expect(snippets.length).toBeGreaterThan(0);
    expect(readme.match(/```ts\n/g)).toHaveLength(snippets.length);
  });

  it.each(snippets.map(([, file, code, output]) => [file!, code!, output!]))(
    "%s is shown as it is, and prints what is shown",
    (file, code, output) => {
      expect(code).toBe(read(file));
      const printed = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, file)], {
        encoding: "utf8",
      });
      expect(printed).toBe(output);
    },
  );

  it("shows line counts that are about right", () => {
    const shown = Number(/runtime +(\d+) lines/.exec(readme)?.[1]);
    const counted = execFileSync(join(root, "node_modules/.bin/tsx"), [join(root, "scripts/lines.ts")], {
      encoding: "utf8",
    });
    const real = Number(/runtime +(\d+) lines/.exec(counted)?.[1]);
    expect(Math.abs(shown - real) / real, `README says ${shown}, it is ${real}`).toBeLessThan(0.05);
  });
});

describe("documents", () => {
  const documents = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
  ];

  it.each(documents)("%s links to files that exist", (name) => {
    const links = [...read(name).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(root, dirname(name), link)))).toEqual([]);
  });
});
