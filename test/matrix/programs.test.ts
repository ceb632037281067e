/** What the matrix is made of, without its runtimes: the programs, the proxy, and how outcomes are judged. */
import { describe, expect, it } from "vitest";
import { corsProxy } from "./cors.ts";
import { partNames, runParts } from "./smoke/parts.ts";
import { startPeers } from "./smoke/peers.ts";
import { sortErrors } from "./types.ts";

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

it("errors of compilers are told from those in other packages", () => {
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
