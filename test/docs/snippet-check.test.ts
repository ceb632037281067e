/** That the check of snippets finds what is wrong with one. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseMarkdown } from "./markdown.ts";
import { snippetsOf, typeErrors, wrongExamples } from "./snippets.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, ".snippets-check"); // inside, so that it finds the package
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fence = "```";
const document = (text: string) => ({ path: "docs/x.md", text, ...parseMarkdown(text) });
const example = "examples/4runr-local/main.ts";

describe("a snippet", () => {
  it("that is no longer its example is found, and one whose example is gone", () => {
    const code = readFileSync(join(root, example), "utf8");
    const shown = (file: string, text: string) => `<!-- ${file} -->\n${fence}ts\n${text}${fence}\n`;
    const text = shown(example, code) + shown(example, `${code}\n`) + shown("examples/gone.ts", code);
    const wrong = wrongExamples(root, snippetsOf([document(text)]));
    expect(wrong.map((line) => line.replace(/^docs\/x\.md:\d+: /, ""))).toEqual([
      `${example} is not shown as it is`,
      "examples/gone.ts does not exist",
    ]);
  });

  it("may be left out with a reason, or stand for itself", () => {
    const text = `<!-- not run: needs a browser -->\n${fence}ts\na\n${fence}\n\n${fence}ts\nb\n${fence}\n`;
    expect(snippetsOf([document(text)]).map(({ notRun, file }) => [notRun, file])).toEqual([
      ["needs a browser", ".snippets/docs-x-2.ts"],
      [undefined, ".snippets/docs-x-6.ts"],
    ]);
  });

  it("that does not fit the package does not compile", { timeout: 120_000 }, () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "a.ts"),
      'import { nothing } from "agentwire/handler";\nconst n: number = "x";\n',
    );
    const project = join(folder, "tsconfig.json");
    writeFileSync(project, '{"extends":"../tsconfig.json","include":["*.ts"],"exclude":[]}');
    const errors = typeErrors(root, project);
    expect(errors.map((line) => /error (TS\d+)/.exec(line)?.[1])).toEqual(["TS2305", "TS2322"]);
  });
});
