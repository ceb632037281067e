/** What the matrix is made of, without its runtimes: the programs, the proxy, and how outcomes are judged. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { corsProxy } from "../../scripts/matrix/cors.ts";
import { partNames, runParts } from "../../scripts/matrix/smoke/parts.ts";
import { startPeers } from "../../scripts/matrix/smoke/peers.ts";
import { isGreen, markdownTable, type Row, rowLines } from "../../scripts/matrix/table.ts";
import { sortErrors } from "../../scripts/matrix/types.ts";
import { chromium, serverRuntimes, typescriptVersions, workerd } from "../../scripts/matrix/versions.ts";

describe("the programs", () => {
  it("pass here, and the gateway saw what they say", async () => {
    const peers = await startPeers();
    const results = await runParts(peers);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    expect(results.map(({ part }) => part)).toEqual(partNames);
    await peers.settled();
    await peers.close();
  });

  it("fail, each for itself, without counterparts", async () => {
    const peers = await startPeers();
    await peers.close();
    await expect(peers.settled()).rejects.toThrow("no neuron registered");
    const refusing = { compile: () => Promise.reject(new Error("no schemas here")) };
    const nowhere = "mock-is-not-http://x";
    const results = await runParts({
      ...{ bigBrainUrl: nowhere, aureusUrl: nowhere, fourRunrUrl: nowhere, agentId: "a" },
      validator: refusing,
    });
    const failed = results.filter(({ ok }) => !ok).map(({ part }) => part);
    expect(failed).toEqual(["core", "neuron", "aureus", "fourRunr"]);
  });
});

describe("the proxy for pages", () => {
  it("answers preflights, lets streams through, and remembers what was asked for", async () => {
    const peers = await startPeers();
    const proxy = await corsProxy(peers.aureusUrl, "Content-Type");
    const asked = {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    };
    const preflight = await fetch(`${proxy.url}/api/v1/policy/evaluate`, {
      method: "OPTIONS",
      headers: asked,
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "Content-Type",
    ]);
    const answer = await fetch(`${proxy.url}/api/v1/nothing`);
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([404, "*"]);
    expect([...proxy.asked]).toEqual(["authorization"]);
    await proxy.close();
    await peers.close();
  });
});

describe("outcomes", () => {
  const row = (outcome: Row["outcome"]): Row => ({ name: "X", version: "1", seconds: 1, outcome });
  const ok = { part: "cap", ok: true, detail: "signed" };

  it("are green when all went well, and something ran", () => {
    expect(isGreen(row({ kind: "programs", results: [ok] }))).toBe(true);
    expect(isGreen(row({ kind: "programs", results: [] }))).toBe(false);
    expect(isGreen(row({ kind: "programs", results: [ok, { ...ok, ok: false }] }))).toBe(false);
    expect(isGreen(row({ kind: "missing", reason: "no registry" }))).toBe(false);
    expect(
      isGreen(row({ kind: "types", results: [{ resolution: "bundler", ours: [], foreign: { nats: 2 } }] })),
    ).toBe(true);
    expect(
      isGreen(row({ kind: "types", results: [{ resolution: "bundler", ours: ["x"], foreign: {} }] })),
    ).toBe(false);
  });

  it("are told with what failed", () => {
    const lines = rowLines(
      row({ kind: "programs", results: [ok, { part: "neuron", ok: false, detail: "401" }] }),
    );
    expect(lines[0]).toMatch(/^FAIL X 1 .*1 of 2 programs: cap \(signed\)$/);
    expect(lines.slice(1)).toEqual(["     neuron: 401"]);
    expect(markdownTable([row({ kind: "programs", results: [ok] })])).toContain(
      "| X | 1 | 1 of 1 programs: cap |",
    );
  });

  it("of compilers tell our errors from those in other packages", () => {
    const output = [
      "node_modules/nats/lib/a.d.ts(1,2): error TS2416: Property x",
      "  more about it",
      "node_modules/@connectrpc/connect/x.d.ts(3,4): error TS1: y",
      "node_modules/agentwire/dist/src/a.d.ts(5,6): error TS2: z",
      "types/parts.ts(7,8): error TS2307: Cannot find module 'node_modules/nats'",
    ].join("\n");
    const { ours, foreign } = sortErrors(output);
    expect(foreign).toEqual({ nats: 1, "@connectrpc/connect": 1 });
    expect(ours.map((line) => line.slice(0, 12))).toEqual(["node_modules", "types/parts."]);
    expect(sortErrors("").ours).toEqual([]);
    expect(sortErrors("Segmentation fault").ours).toEqual(["Segmentation fault"]);
  });
});

it("docs/compatibility.md has a row for every runtime and compiler", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/compatibility.md"), "utf8");
  const rows = [...serverRuntimes, workerd, chromium].map(({ name, version }) => `| ${name} | ${version} |`);
  for (const version of typescriptVersions) rows.push(`| TypeScript | ${version} |`);
  for (const each of rows) expect(text).toContain(each);
});
