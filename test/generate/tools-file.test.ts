import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateTools } from "../../src/generate/tools-file.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tools-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function generate(text: string): string {
  writeFileSync(join(root, "tools.yaml"), text);
  return generateTools(root, { tools: "tools.yaml", out: "gen/tools" }).files.get("index.ts")!;
}

it("writes the types and the table of the tools", () => {
  const text = generate(readFileSync(join(import.meta.dirname, "fixtures/tools.yaml"), "utf8"));
  expect(text).toContain(`export interface ToolActions {
  jira: {
    /** Creates an issue. */
    createIssue: {
      params: {
        /** Key of the project. */
        project: string;
        labels?: string[];
      };
      result: {
        key: string;
      };
    };
    "get-issue": {
      params: {
        key: string;
      };
      result: Record<string, unknown> | null;
    };
  };
}`);
  expect(text).toContain("export const tools: ToolTable<ToolActions> = {");
  expect(text).toContain("idempotent: false");
  expect(text).toContain('retry: "never"');
  expect(text).not.toContain('description: "Key');
});

describe("a file of the wrong form is refused, at the line", () => {
  const good = "idempotent: true, params: { type: object }, result: {}";
  it.each([
    ["", "1:1: must be a map with `tools:"],
    ["tools: []", "1:1: tools must be `{ tool:"],
    [`tools: { a: { b: { ${good} } } }\ntool: {}`, "2:1: tool is not known; known: tools"],
    ["tools:\n  a: {}", "2:3: tools.a must be a map of at least one action"],
    [
      "tools:\n  a:\n    b: { params: { type: object }, result: {} }",
      "3:5: tools.a.b.idempotent must be true or false",
    ],
    [`tools:\n  a:\n    b: { ${good}, retries: 1 }`, "retries"],
    [
      "tools: { a: { b: { idempotent: true, params: { type: string }, result: {} } } }",
      "params.type must be object",
    ],
    [
      "tools: { a: { b: { idempotent: true, params: { type: object }, result: text } } }",
      "result must be a schema",
    ],
    [
      "tools: { a: { b: { idempotent: true, params: { type: object }, result: { items: { $ref: '#/x' } } } } }",
      "$ref is not supported here",
    ],
  ])("%j", (text, message) => {
    expect(() => generate(text)).toThrow(message);
  });
});
