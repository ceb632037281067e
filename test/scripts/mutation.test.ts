/** How `pnpm mutation` reads a report, and the reasons of survivors. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { count, readReasons, readReport, staleKeys } from "../../scripts/mutation/report.ts";

const mutant = (status: string, from: number, to: number, replacement: string) => ({
  status,
  replacement,
  location: { start: { line: 2, column: from }, end: { line: 2, column: to } },
});
const report = JSON.stringify({
  files: {
    "src/a.ts": {
      source: "// sum\nreturn a + b;\n",
      mutants: [
        mutant("Survived", 8, 13, "a - b"),
        mutant("NoCoverage", 1, 14, ""),
        mutant("Killed", 8, 9, "0"),
        mutant("Timeout", 12, 13, "0"),
        mutant("Ignored", 1, 7, "x"),
        mutant("CompileError", 1, 7, "y"),
      ],
    },
  },
});
const key = "src/a.ts: `a + b` -> `a - b`";

it("a mutant that no test reaches survives, and what is no valid code does not count", () => {
  const { survivors, ...counts } = count(readReport(report));
  expect(counts).toEqual({ files: 1, total: 4, killed: 1, timeout: 1, score: 50 });
  expect(survivors.map(({ key, place }) => [key, place])).toEqual([
    [key, "src/a.ts:2:8"],
    ["src/a.ts: `return a + b;` -> ``", "src/a.ts:2:1"],
  ]);
});

it("a reason is stale once its mutant is killed or gone, and not while its file was not mutated", () => {
  const gone = "src/a.ts: `a * b` -> `a / b`";
  const elsewhere = "src/b.ts: `a + b` -> `a - b`";
  const reasons = readReasons([key, gone, elsewhere].map((one) => `- ${one}: it is all the same`).join("\n"));
  expect(reasons.get(key)).toBe("it is all the same");
  expect(staleKeys(readReport(report), reasons)).toEqual([gone]);
});

it("every line of survivors.md that looks like an entry is one", () => {
  const text = readFileSync(join(import.meta.dirname, "../../scripts/mutation/survivors.md"), "utf8");
  expect(readReasons(text).size).toBe(text.match(/^- /gm)?.length ?? 0);
});
