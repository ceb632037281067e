import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { runDemo } from "../../src/cli/demo/play.js";
import { formatEnd } from "../../src/cli/demo/report.js";
import { summarize } from "../../src/cli/demo/summarize.js";
import { describeWithPeers, natsServer } from "../peers/ladder.ts";
import { startNats } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "../..");
const file = join(root, "LICENSE");

function agentwire(...args: string[]) {
  const tsx = join(root, "node_modules/.bin/tsx");
  return promisify(execFile)(tsx, [join(root, "src/cli/main.ts"), ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe("summarize", () => {
  it("counts what is there", () => {
    expect(summarize("one two two\nThree three THREE four\n\nend\n")).toEqual({
      characters: 40,
      words: 8,
      lines: 4,
      longestLines: [
        { line: 2, characters: 22, start: "Three three THREE four" },
        { line: 1, characters: 11, start: "one two two" },
        { line: 4, characters: 3, start: "end" },
      ],
      topWords: [
        { word: "three", count: 3 },
        { word: "four", count: 1 },
      ],
    });
  });
});

describe("agentwire demo", () => {
  it(req("cap.demo", "every check holds, on the page that was given, and every wire was used"), async () => {
    const seen: string[] = [];
    const report = await runDemo({ file, onHop: ({ wire }) => seen.push(wire) });
    expect(report.checks.filter(({ held }) => !held)).toEqual([]);
    expect(report.checks.length).toBeGreaterThan(8);
    expect(report.summary).toEqual(summarize(readFileSync(file, "utf8")));
    expect(new Set(seen)).toEqual(new Set(["cap", "neuron", "4runr", "aureus"]));
    expect(report.hops.map(({ wire }) => wire)).toEqual(seen);
    const packets = report.hops.filter(({ wire, what }) => wire === "cap" && !what.includes("Progress"));
    expect(packets.map(({ what, good }) => [what.split(" ")[0], good])).toEqual([
      ...Array.from({ length: 2 }, () => [
        ["sys.job.submit", true],
        ["worker.demo-agent.jobs", true],
        ["sys.job.result", true],
      ]).flat(),
      ["worker.demo-agent.jobs", false],
    ]);
  });

  it("says FAIL where a check does not hold", async () => {
    const report = await runDemo({ file });
    const end = formatEnd({ color: false }, { ...report, checks: [{ name: "x", held: false }] });
    expect(end).toContain("FAIL x");
  });

  it("stops at once when it is interrupted", async () => {
    const abort = new AbortController();
    const running = runDemo({ file, signal: abort.signal, onHop: () => abort.abort() });
    await expect(running).rejects.toThrow(expect.objectContaining({ code: "ABORTED" }));
  });

  it(req("cap.demo", "runs as a command: exit 0, text or JSON"), { timeout: 120_000 }, async () => {
    const plain = await agentwire("demo", "--file", file);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain("carry a signature that verifies");
    const json = await agentwire("demo", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, result: { checks: expect.any(Array) } });
  });

  it("exits 1 when something fails, 2 when the command line is wrong", { timeout: 120_000 }, async () => {
    const missing = await agentwire("demo", "--file", "no-such-file");
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("no such file")]);
    expect((await agentwire("dance")).code).toBe(2);
    expect((await agentwire("demo", "--no-such-option")).code).toBe(2);
    expect((await agentwire("--help")).stdout).toContain("Usage: agentwire");
  });
});

await describeWithPeers("agentwire demo --nats", [natsServer], ([path]) => {
  it(req("cap.demo", "runs the same through a real server"), async () => {
    const server = await startNats(path!);
    const { code, stdout } = await agentwire("demo", "--nats", server.url, "--file", file, "--json");
    const { result: report } = JSON.parse(stdout) as {
      result: { hops: { wire: string }[]; checks: { held: boolean }[] };
    };
    expect(code).toBe(0);
    expect(report.checks.every(({ held }) => held)).toBe(true);
    expect(report.hops.filter(({ wire }) => wire === "cap")).toHaveLength(12);
    await server.stop();
    const away = await agentwire("demo", "--nats", server.url, "--file", file);
    expect(away.code).toBe(3);
    expect(away.stderr).toContain("[CONNECTION]");
  });
});
