import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { readAureusRecordings } from "../recordings/aureus.ts";

const root = join(import.meta.dirname, "../..");
const v1 = readOpenApi(root, "specs/aureus/v1.yaml");
const console_ = readOpenApi(root, "specs/aureus/console.yaml");
const folder = "test/vectors/aureus";

describe("the reader of recordings", () => {
  it("finds a schema for every body of every recording", () => {
    const found = [
      readAureusRecordings("sdk-vs-")(root, folder, v1, "specs/aureus/v1"),
      readAureusRecordings("console-")(root, folder, console_, "specs/aureus/console"),
    ];
    expect(found.map((list) => list.length)).toEqual([108, 189]);
    expect(found.flat().filter(({ schema }) => schema === undefined)).toEqual([]);
  });

  it("takes a path without parameters before one with them", () => {
    const [, health] = readAureusRecordings("console-full")(root, folder, console_, "x").filter(({ id }) =>
      /validate_ok$/.test(id),
    );
    expect(health!.schema!.schema.$ref).toBe("#/components/schemas/WorkflowValidation");
  });

  it("leaves out bodies that were refused, and says when a path is unknown", () => {
    const own = mkdtempSync(join(tmpdir(), "agentwire-aureus-"));
    try {
      const line = (name: string, path: string, status: number) =>
        JSON.stringify({
          case: name,
          request: { method: "POST", path, body: {} },
          response: { status, headers: { "content-type": "application/json" }, body: { error: "x" } },
        });
      const lines = [line("a", "/api/v1/policy/check", 400), line("b", "/api/v1/nope", 200)];
      writeFileSync(join(own, "sdk-vs-x.jsonl"), `${lines.join("\n")}\n`);
      const found = readAureusRecordings("sdk-vs-")(own, "", v1, "p");
      expect(found.map(({ id, what, schema }) => [id, what, schema === undefined])).toEqual([
        ["p/sdk-vs-x/a", "answer 400 to POST /api/v1/policy/check", false],
        ["p/sdk-vs-x/b", "POST /api/v1/nope", true],
      ]);
    } finally {
      rmSync(own, { recursive: true });
    }
  });
});
