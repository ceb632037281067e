import { describe, expect, it } from "vitest";
import { FakeClock, ToolFailure } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { type Answer, agentWithToken, ask, call, gateway, search, start, tokenFor } from "./local-bench.ts";

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
