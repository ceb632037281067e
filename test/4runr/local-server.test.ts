import { connect } from "node:net";
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { UnsupportedError } from "../../src/core/errors.js";
import { FakeClock, Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { agentWithToken, ask, gateway, search, start } from "./local-bench.ts";

describe("faults", () => {
  it(
    req("fourRunr.local.faults", "come in the order of the script, each for the requests it names"),
    async () => {
      await start({
        faults: [
          { kind: "status", status: 401, body: { error: "Unauthorized" }, on: "proxyRequest" },
          { kind: "status", status: 503, on: "proxyRequest", times: 2 },
          { kind: "malformed", on: "proxyRequest" },
          { kind: "drop", on: "proxyRequest" },
          { kind: "drop", when: "after", tool: "serpapi" },
        ],
      });
      const { token } = await agentWithToken();
      const calls: string[] = [];
      gateway.on("call", ({ tool }) => calls.push(tool));
      expect((await search(token)).body).toEqual({ error: "Unauthorized" });
      expect((await search(token)).status).toBe(503);
      expect((await search(token)).body).toEqual({ error: "injected 503" });
      expect(calls).toEqual([]);
      await expect(search(token), "not JSON").rejects.toThrow(SyntaxError);
      expect(calls).toHaveLength(1);
      await expect(search(token)).rejects.toThrow("fetch failed");
      expect(calls, "dropped before the work").toHaveLength(1);
      await expect(search(token)).rejects.toThrow("fetch failed");
      expect(calls, "dropped after the work").toHaveLength(2);
      expect(gateway.faults.pending).toBe(0);
      expect((await search(token)).status).toBe(200);
    },
  );

  it("can hold a request back, or half of an answer", async () => {
    const clock = new FakeClock();
    await start({ clock });
    const { token } = await agentWithToken({}, clock.now());
    const calls: string[] = [];
    gateway.on("call", ({ tool }) => calls.push(tool));
    for (const fault of [
      { kind: "delay", delayMs: 700 } as const,
      { kind: "split", pauseMs: 800 } as const,
    ]) {
      gateway.faults.add({ ...fault, on: "proxyRequest" });
      const answered = search(token);
      while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(calls).toHaveLength(fault.kind === "delay" ? 0 : 2);
      expect(clock.nextInMs).toBe(fault.kind === "delay" ? 700 : 800);
      await clock.advance(clock.nextInMs!);
      expect((await answered).status).toBe(200); // over a real socket, which no clock waits for
    }
  });

  it("can be skipped, taken away and forgotten", async () => {
    await start();
    gateway.faults.add({ kind: "status", status: 500, on: "getHealth", after: 1 });
    const off = gateway.faults.add({ kind: "status", status: 501, on: "listAgents" });
    off();
    const statuses = [];
    for (let asked = 0; asked < 3; asked++) statuses.push((await ask("/health")).status);
    expect(statuses).toEqual([200, 500, 200]);
    expect((await ask("/api/agents")).status).toBe(200);
    gateway.faults.add({ kind: "status", status: 500 });
    gateway.faults.clear();
    expect((await ask("/health")).status).toBe(200);
  });
});

describe("strictness", () => {
  it(
    req("fourRunr.local.strict", "refuses what the spec forbids and the real gateway lets pass"),
    async () => {
      const odd = { name: 5, created_by: "c", role: "r" };
      await start();
      const refused = await ask("/api/create-agent", { json: odd });
      expect([refused.status, refused.body]).toEqual([
        400,
        {
          statusCode: 400,
          code: "FST_ERR_VALIDATION",
          error: "Bad Request",
          message: "body/name must be string",
        },
      ]);
      const { token } = await agentWithToken();
      expect((await search(token, { async: "yes" })).body.message).toBe("body/async must be boolean");
      await gateway.close();
      await start({ strict: false });
      expect((await ask("/api/create-agent", { json: odd })).status).toBe(201);
    },
  );

  it.each([
    ["text/html", "<p>", 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE"],
    ["application/json", "", 400, "FST_ERR_CTP_EMPTY_JSON_BODY"],
    ["application/json", "[", 400, undefined],
  ])("a body of type %s that reads %j is refused", async (type, body, status, code) => {
    await start();
    const init = { method: "POST", headers: { "content-type": type }, body };
    const answer = await ask("/api/create-agent", init);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe("the server", () => {
  it("listens on loopback only, closes twice, and takes no calls afterwards", async () => {
    await start();
    const { hostname } = new URL(gateway.url);
    expect(hostname).toBe("127.0.0.1");
    await Promise.all([gateway.close(), gateway.close()]);
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow("fetch failed");
  });

  it("survives a client that goes away amid a request", async () => {
    await start();
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.write("POST /api/create-agent HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    expect((await ask("/health")).status).toBe(200);
  });

  it("needs Node", async () => {
    const found = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    await expect(Local4Runr.start()).rejects.toThrow(UnsupportedError);
    found.mockRestore();
  });

  it(
    req("fourRunr.local.secrets", "shows no token, key or secret in its log, its events and itself"),
    async () => {
      const heard: unknown[] = [];
      const log = (...line: unknown[]): void => void heard.push(line);
      const secret = "planted-signing-secret";
      await start({ signingSecret: secret, logger: { debug: log, info: log, warn: log, error: log } });
      for (const name of ["request", "call", "error"] as const)
        gateway.on(name, (event) => heard.push(event));
      const { agent, token } = await agentWithToken();
      await search(token);
      await search("no.token");
      heard.push(gateway);
      const shown = inspect(heard, { depth: 12, showHidden: true, getters: true });
      const planted = [secret, token, agent.privateKeyPem.slice(40, 90)];
      expect(planted.filter((text) => shown.includes(text))).toEqual([]);
      expect(inspect({ control: token }), "the control is found").toContain(token);
      expect(heard.length).toBeGreaterThan(4);
    },
  );
});
