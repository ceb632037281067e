import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readBlock, writeBlock } from "../../scripts/docs/blocks.ts";
import { allDocuments } from "./documents.ts";
import { checkLinks } from "./links.ts";
import { anchorOf, parseMarkdown } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "agentwire-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

function repository(readme: string): string {
  mkdirSync(join(folder, "docs"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"scripts":{"demo":""}}');
  writeFileSync(join(folder, "README.md"), readme);
  for (const name of ["CONTRIBUTING.md", "CHANGELOG.md"]) writeFileSync(join(folder, name), "# x\n");
  writeFileSync(
    join(folder, "docs/a.md"),
    "# A guide\n\n## One & two\n\n## One & two\n\n[up](../README.md)\n",
  );
  return folder;
}

const broken = (readme: string) => checkLinks(repository(readme)).broken;

describe("the documents", () => {
  it.each(allDocuments(root))("$path points to nothing that is not there", (document) => {
    expect(checkLinks(root, [document]).broken).toEqual([]);
  });
});

describe("the check of links", () => {
  it("knows what is there", () => {
    const text =
      "# Top\n[a](docs/a.md#one--two-1) [b](#top) `docs/a.md` [c](https://example.com/x) `pnpm demo`\n";
    expect(broken(text)).toEqual([]);
    expect(checkLinks(folder)).toMatchObject({ links: 3, anchors: 2, external: 1, mentions: 1, scripts: 1 });
  });

  it.each([
    ["a file that is gone", "[a](docs/b.md)", "docs/b.md leads to no file"],
    ["a way out of the repository", "[a](../x.md)", "../x.md leads to no file"],
    ["a heading that is gone", "[a](docs/a.md#three)", "docs/a.md#three leads to no heading"],
    ["a heading of its own", "[a](#nope)", "#nope leads to no heading"],
    ["a file named in passing", "see `src/x/y.ts`", "`src/x/y.ts` is no file"],
    ["a script", "run `pnpm nonsense`", 'there is no script "nonsense"'],
    ["a script in a block", "```sh\npnpm nope # x\n```", 'there is no script "nope"'],
    ["an address without TLS", "[a](http://example.com)", "http://example.com is not https"],
    ["an address of this machine", "[a](https://localhost/)", "https://localhost/ names no public host"],
    ["a damaged address", "[a](https://)", "https:// is not a URL"],
  ])("finds %s", (_, text, problem) => {
    expect(broken(text)).toEqual([`README.md:1: ${problem}`]);
  });

  it("leaves code, placeholders and names of files elsewhere alone", () => {
    expect(
      broken("```ts\n[a](gone.md)\n```\n`src/<protocol>/` `src/*.ts` `pools.yaml` `[x](y.md)`\n"),
    ).toEqual([]);
  });
});

describe("Markdown", () => {
  it("gives a block its comment and its output", () => {
    const { blocks } = parseMarkdown(
      "<!-- examples/x.ts -->\n\n```ts\na\n```\n\nprints\n\n```text\nb\n```\n\n```ts\nc\n```\n",
    );
    expect(blocks.map(({ language, comment, output }) => [language, comment, output])).toEqual([
      ["ts", "examples/x.ts", "b\n"],
      ["text", undefined, undefined],
      ["ts", undefined, undefined],
    ]);
  });

  it("makes anchors as GitHub does", () => {
    expect(anchorOf("`a.b` & [c d](e.md): what's *new*?")).toBe("ab--c-d-whats-new");
  });

  it("has blocks that scripts write", () => {
    const file = join(folder, "block.md");
    writeFileSync(file, "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n");
    expect(writeBlock(file, "x", "new\n")).toBe(true);
    expect(writeBlock(file, "x", "new")).toBe(false);
    expect(readBlock(file, "x")).toBe("new");
    expect(readBlock(file, "y")).toBeUndefined();
    expect(() => writeBlock(file, "y", "")).toThrow("has no block y");
  });
});
