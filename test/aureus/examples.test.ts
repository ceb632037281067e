import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** What an example prints. */
async function output(example: string): Promise<string[]> {
  const main = join(root, "examples", example, "main.ts");
  const { stdout } = await run(process.execPath, ["--import", "tsx", main], { cwd: root });
  return stdout.trimEnd().split("\n");
}

describe("examples", { timeout: 180_000 }, () => {
  it("data processing reads, validates, transforms and writes a file", async () => {
    expect(await output("aureus-data-processing")).toEqual([
      "lint findings: 0",
      "Workflow Status: success",
      "Task read-data: success",
      "Task validate-data: success",
      "Task process-data: success",
      "Task save-results: success",
      "state: completed",
      'written: {"batch":"batch-001","totals":{"ada":150,"grace":250}}',
    ]);
  });

  it("CRV judges a balance change offline and over V1", async () => {
    const lines = await output("aureus-crv");
    expect(lines.slice(0, 3)).toEqual([
      "offline: passed",
      "offline, another currency: POLICY_VIOLATION",
      "remote: blocked OUT_OF_SCOPE",
    ]);
    expect(lines.at(-1)).toBe("  no Field 'balance' value -5 is below minimum 0");
  });

  it("an approval is handed to a human and back", async () => {
    expect(await output("aureus-approval")).toEqual([
      "allowed: false - Critical action requires explicit human approval",
      "workflow: failed - Policy gate blocked: Critical action requires explicit human approval. Approval required.",
      "console: pending",
      "records deleted - Approved by operator",
    ]);
  });
});
