import { connect } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { wire } from "../../gen/4runr/index.js";
import { UnsupportedError } from "../../src/core/errors.js";
import type { Local4RunrOptions, RegisterOptions } from "../../src/testing/index.js";
import { FakeClock, Local4Runr, type LocalAgent, ToolFailure } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

let gateway: Local4Runr;
afterEach(() => gateway?.close());

async function start(options: Local4RunrOptions = {}): Promise<Local4Runr> {
  gateway = new Local4Runr(options);
  await gateway.start();
  return gateway;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Answer> {
  const { json, ...rest } = init;
  const response = await fetch(gateway.url + path, {
    ...(json !== undefined && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(json),
    }),
    ...rest,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
}

async function tokenFor(
  { agentId }: LocalAgent,
  ttlMs = 600_000,
  now = Date.now(),
): Promise<wire.IssuedToken> {
  const expires_at = new Date(now + ttlMs).toISOString();
  const given = { agent_id: agentId, tools: ["serpapi"], permissions: ["read"], expires_at };
  const { status, body } = await ask("/api/generate-token", { json: given });
  expect(status).toBe(201);
  return body as unknown as wire.IssuedToken;
}

function call(agent_token: string, tool: string, action: string, params: object, more: object = {}) {
  return ask("/api/proxy-request", { json: { agent_token, tool, action, params, ...more } });
}

const search = (token: string, more: object = {}) =>
  call(token, "serpapi", "search", { q: "a", query: "a", num: 1 }, more);

async function agentWithToken(options?: RegisterOptions, now?: number) {
  const agent = await gateway.register(options);
  return { agent, token: (await tokenFor(agent, 600_000, now)).agent_token };
}

describe("the rate limit", () => {
  it(
    req("fourRunr.local.rate", "takes five calls in a window, tells how long to wait, and begins anew"),
    async () => {
      const clock = new FakeClock();
      await start({ clock });
      const first = await agentWithToken({}, clock.now());
      const second = await agentWithToken({}, clock.now());
      for (let calls = 0; calls < 5; calls++) expect((await search(first.token)).status).toBe(200);
      await clock.advance(20_500);
      const late = await search(first.token);
      expect([late.status, late.body]).toEqual([429, { error: "Rate limit exceeded", retry_after: 40 }]);
      expect(late.headers.get("retry-after")).toBeNull();
      expect((await search(second.token)).status).toBe(200);
      await clock.advance(39_500);
      expect((await search(first.token)).status).toBe(200);
    },
  );
});

describe("the circuit breaker", () => {
  it(
    req(
      "fourRunr.local.breaker",
      "opens after five failures in all, for 30 s after the last, and one success closes it",
    ),
    async () => {
      const clock = new FakeClock();
      let fails = true;
      const profile = (): object => {
        if (fails) throw new Error("no");
        return {};
      };
      await start({ clock, tools: { gmail_send: { profile } }, rateLimit: { calls: 100 } });
      const { token } = await agentWithToken({}, clock.now());
      const ask = async () => {
        const { status, body } = await call(token, "gmail_send", "profile", {});
        return status === 200 ? "ok" : body.details;
      };
      for (let failures = 0; failures < 3; failures++) expect(await ask()).toBe("no");
      fails = false;
      expect(await ask()).toBe("ok");
      fails = true;
      for (let failures = 0; failures < 2; failures++) expect(await ask()).toBe("no");
      fails = false;
      const open = "Circuit breaker is OPEN for 30000ms";
      expect(await ask()).toBe(open);
      expect((await fetch(`${gateway.url}/ready`)).status).toBe(503);
      expect((await search(token)).status, "other tools go on").toBe(200);
      await clock.advance(29_999);
      expect(await ask()).toBe(open);
      await clock.advance(1);
      fails = true;
      expect(await ask(), "the one try fails").toBe("no");
      fails = false;
      expect(await ask()).toBe(open);
      await clock.advance(30_000);
      expect(await ask()).toBe("ok");
      expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
    },
  );
});

describe("tools", () => {
  it(
    req("fourRunr.local.upstream", "an upstream's status and body are passed on, without its Retry-After"),
    async () => {
      await start({
        tools: {
          gmail_send: {
            send: () => {
              throw new ToolFailure(404, { error: "up 404" });
            },
            profile: () => {
              throw new ToolFailure(429);
            },
          },
        },
      });
      const { token } = await agentWithToken();
      const mail = { to: "a@b.co", subject: "s", body: "b", text: "b" };
      const sent = await call(token, "gmail_send", "send", mail);
      expect([sent.status, sent.body]).toEqual([
        404,
        { error: "External API request failed", details: { error: "up 404" } },
      ]);
      const limited = await call(token, "gmail_send", "profile", {});
      expect([limited.status, limited.body.details]).toEqual([429, "Request failed with status code 429"]);
      expect(limited.headers.get("retry-after")).toBeNull();
    },
  );

  it(
    req("fourRunr.local.retries", "a transient failure is tried three times in all, but mail only once"),
    async () => {
      const clock = new FakeClock();
      const lost = (): never => {
        throw new ToolFailure(503);
      };
      await start({
        clock,
        random: () => 0.5,
        tools: { serpapi: { search: lost }, gmail_send: { profile: lost } },
      });
      const calls: string[] = [];
      gateway.on("call", ({ tool }) => calls.push(tool));
      const { token } = await agentWithToken({}, clock.now());
      const before = clock.monotonic();
      const answered = search(token);
      while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(clock.nextInMs).toBe(250);
      expect((await clock.until(answered)).status).toBe(503);
      expect(clock.monotonic() - before).toBe(250 + 500);
      await call(token, "gmail_send", "profile", {});
      expect(calls).toEqual(["serpapi", "serpapi", "serpapi", "gmail_send"]);
    },
  );

  it("are known by their own names only", async () => {
    await start();
    const { token } = await agentWithToken({ spec: { scopes: ["__proto__:constructor"] } });
    const { status, body } = await call(token, "__proto__", "constructor", {});
    expect([status, body.details]).toEqual([400, ["No validator found for __proto__:constructor"]]);
  });

  it(req("fourRunr.local.chaos", "with chaos on, one call in five fails; mail shows it"), async () => {
    const clock = new FakeClock();
    let [next, seen] = [0.19, 0];
    await start({
      clock,
      random: () => {
        seen++;
        return next;
      },
    });
    const { token } = await agentWithToken({}, clock.now());
    expect((await call(token, "gmail_send", "profile", {})).status).toBe(200);
    expect(seen, "off by default").toBe(0);
    gateway.chaos = true;
    const failing = call(token, "gmail_send", "profile", {});
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.nextInMs).toBeCloseTo(300 + 0.19 * 1_200);
    const failed = await clock.until(failing);
    expect([failed.status, failed.body.details]).toEqual([502, "mock 503"]);
    next = 0.2;
    expect((await call(token, "gmail_send", "profile", {})).status).toBe(200);
  });
});

describe("tokens", () => {
  it(
    req(
      "fourRunr.local.tokens",
      "expire by the gateway's clock, and name a rotation in their last five minutes",
    ),
    async () => {
      const clock = new FakeClock();
      await start({ clock, rateLimit: { calls: 100 } });
      const { token } = await agentWithToken({}, clock.now());
      const expiresAt = new Date(clock.now() + 600_000).toISOString();
      const rotation = ({ headers }: Answer) => [
        headers.get("x-token-rotation-recommended"),
        headers.get("x-token-expires-at"),
      ];
      await clock.advance(300_000);
      expect(rotation(await search(token))).toEqual([null, null]);
      await clock.advance(1);
      expect(rotation(await search(token))).toEqual(["true", expiresAt]);
      await clock.advance(299_999);
      expect((await search(token)).status).toBe(200);
      await clock.advance(1);
      const late = await search(token);
      expect([late.status, late.body]).toEqual([403, { error: "Token expired" }]);
    },
  );

  it("of another gateway, or of this one before a restart, are refused", async () => {
    await start({ signingSecret: "one" });
    const { token } = await agentWithToken();
    const { url } = gateway;
    await gateway.restart();
    expect(gateway.url).toBe(url);
    // The client may find only now that its connection was cut.
    expect((await search(token).catch(() => search(token))).body).toEqual({ error: "Agent not found" });
    await gateway.close();
    await start({ signingSecret: "two" });
    expect((await search(token)).body).toEqual({ error: "Invalid token signature" });
  });

  it("read a date-time without offset in the gateway's local time", async () => {
    const clock = new FakeClock();
    const soon = new Date(clock.now() + 900_000).toISOString().replace("Z", "");
    for (const [utcOffsetMinutes, status] of [
      [0, 201],
      [-300, 201],
      [540, 400],
    ] as const) {
      await start({ clock, utcOffsetMinutes });
      const { agentId } = await gateway.register();
      const wish = { agent_id: agentId, tools: [], permissions: [], expires_at: soon };
      expect((await ask("/api/generate-token", { json: wish })).status).toBe(status);
      await gateway.close();
    }
  });

  it(
    req(
      "fourRunr.local.revocation",
      "a revoked token is refused once its id is sent along, and not otherwise",
    ),
    async () => {
      await start();
      const agent = await gateway.register();
      const { agent_token, token_id } = await tokenFor(agent);
      const proof_payload = Buffer.from(agent_token.split(".")[0]!, "base64").toString("utf8");
      expect((await search(agent_token, { token_id, proof_payload })).status).toBe(200);
      expect((await ask(`/api/admin/tokens/${token_id}/revoke`, { method: "POST" })).status).toBe(200);
      expect((await search(agent_token, { token_id, proof_payload })).body).toEqual({
        error: "Token has been revoked",
      });
      expect((await search(agent_token)).status).toBe(200);
    },
  );
});

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
      expect((await clock.until(answered)).status).toBe(200);
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
    await expect(gateway.start()).rejects.toThrow("is closed");
  });

  it("has no URL before it listens", () => {
    gateway = new Local4Runr();
    expect(() => gateway.url).toThrow("not started");
  });

  it("survives a client that goes away amid a request", async () => {
    await start();
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.write("POST /api/create-agent HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    expect((await ask("/health")).status).toBe(200);
  });

  it("needs Node", () => {
    const found = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    expect(() => new Local4Runr()).toThrow(UnsupportedError);
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
