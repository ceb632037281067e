import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generate } from "../../src/generate/run.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shopAndBus } from "./project.ts";

const repo = join(import.meta.dirname, "..", "..");
let project: Project;

/** What the compiler says about one file and what was generated for it, under the settings of this package. */
function diagnose(file: string): string[] {
  const { config } = ts.readConfigFile(join(repo, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, repo);
  const program = ts.createProgram([file], { ...options, typeRoots: [join(repo, "node_modules", "@types")] });
  const ours = join(repo, "src");
  const found = ts.getPreEmitDiagnostics(program).filter((item) => !item.file?.fileName.startsWith(ours));
  return found.map((item) => {
    const line = item.file?.getLineAndCharacterOfPosition(item.start ?? 0).line ?? -1;
    return `${item.file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(item.messageText, "\n")}`;
  });
}

beforeAll(async () => {
  project = makeProject();
  await generate({ root: project.root, config: shopAndBus });
});
afterAll(() => project.remove());

describe("generated types", () => {
  it(req("specs.gen.types", "accept right uses and refuse each wrong one"), () => {
    const consumer = readFileSync(join(import.meta.dirname, "fixtures", "consumer.ts.txt"), "utf8");
    project.write("consumer.ts", consumer);
    // Each `@ts-expect-error` of the file is itself an error when the line below it compiles.
    expect(diagnose(project.path("consumer.ts"))).toEqual([]);
    expect(consumer.match(/@ts-expect-error/g)!.length).toBeGreaterThan(10);
  });

  it("is sound as a test: a wrong use without the mark is reported", () => {
    project.write(
      "wrong.ts",
      'import { operationTable } from "./gen/shop/index.js";\noperationTable.nothing;\n',
    );
    expect(diagnose(project.path("wrong.ts"))).toEqual([
      expect.stringContaining("wrong.ts:2: Property 'nothing'"),
    ]);
  });
});
