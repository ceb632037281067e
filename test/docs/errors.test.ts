import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorClasses, errorCodes } from "../../scripts/docs/errors.ts";
import { AgentwireError } from "../../src/index.js";

const root = join(import.meta.dirname, "../..");

describe("docs/errors.md", () => {
  it("has codes in UPPER_SNAKE alone, and those of the core and of HTTP in the type `ErrorCode`", {
    timeout: 120_000, // it loads every entry
  }, async () => {
    const classes = await errorClasses(root);
    const codes = errorCodes(root);
    const all = [...classes, ...codes].map(({ code }) => code);
    expect(all.filter((code) => !/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/.test(code))).toEqual([]);

    const source = readFileSync(join(root, "src/core/errors.ts"), "utf8");
    const [, union = ""] = /export type ErrorCode =([^;]+);/.exec(source) ?? [];
    const listed = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code!);
    const ofCore = [
      ...classes.filter(({ from }) => from === "agentwire"),
      ...codes.filter(({ areas }) => areas.some((area) => area === "core" || area === "http")),
    ].map(({ code }) => code);
    // This one is computed from another, so the table does not find it.
    expect(listed.sort()).toEqual([...new Set([...ofCore, "SCHEMA_TOO_LARGE"])].sort());
  });

  it("tells what each class means, and which entry has it", async () => {
    const classes = await errorClasses(root);
    expect(classes.filter(({ means }) => means === "")).toEqual([]);
    expect(classes.find(({ name }) => name === "GatewayTimeoutError")).toMatchObject({
      from: "agentwire/4runr",
      retryable: true,
      also: expect.arrayContaining(["TimeoutError", "GatewayError"]),
    });
    expect(classes.map(({ name }) => name)).toContain(AgentwireError.name);
  });

  it("finds codes where errors are made, and no other text called code", () => {
    const codes = new Map(errorCodes(root).map(({ code, classes }) => [code, classes]));
    expect(codes.get("MISSING_PACKAGE")).toEqual(["UnsupportedError"]);
    expect(codes.has("CANCELLED")).toBe(false); // a code of a nack
  });
});
