import { describe, expect, it } from "vitest";
import { GatewayClient, GatewayTokenError, GatewayUpstreamError } from "../../src/4runr/index.js";
import { AbortError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { agentId, failure, issued, mail, ok, scripted, search, setUp, tokenOf } from "./scripted.ts";

const MINUTE = 60_000;
const rotate = { "x-token-rotation-recommended": "true", "x-token-expires-at": "2026-01-01T00:04:00.000Z" };

describe("tokens", () => {
  it(
    req("fourRunr.token.cache", "one token serves calls of one tool; another tool gets its own"),
    async () => {
      const { gw, tokenRequests } = setUp();
      for (let i = 0; i < 3; i++) await gw.proxy("serpapi", "search", search);
      expect(tokenRequests()).toHaveLength(1);
      await gw.proxy("gmail_send", "send", mail);
      expect(tokenRequests().map(({ body }) => [body!.tools, body!.permissions])).toEqual([
        [["serpapi"], ["read", "write"]],
        [["gmail_send"], ["read", "write"]],
      ]);
    },
  );

  it(req("fourRunr.token.single-flight", "20 concurrent first calls make one token request"), async () => {
    const { gw, tokenRequests, proxied } = setUp();
    await Promise.all(Array.from({ length: 20 }, () => gw.proxy("serpapi", "search", search)));
    expect([tokenRequests().length, proxied().length]).toEqual([1, 20]);
  });

  it("an abort of one caller does not take the token from the others", async () => {
    const { gw, tokenRequests } = setUp();
    const controller = new AbortController();
    const first = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    const second = gw.proxy("serpapi", "search", search);
    controller.abort();
    expect(await first).toBeInstanceOf(AbortError);
    expect(await second).toEqual({ x: 1 });
    expect(tokenRequests()).toHaveLength(1);
  });

  it.each([
    [10, 5],
    [20, 15],
    [4, 2],
  ])(req("fourRunr.token.renewal", "of %s minutes a token is used for %s"), async (ttl, used) => {
    const { gw, clock, tokenRequests } = setUp([{}], { tokenTtlMs: ttl * MINUTE });
    await gw.proxy("serpapi", "search", search);
    await clock.advance(used * MINUTE - 1);
    await gw.proxy("serpapi", "search", search);
    expect(tokenRequests()).toHaveLength(1);
    await clock.advance(1);
    await gw.proxy("serpapi", "search", search);
    expect(tokenRequests()).toHaveLength(2);
  });

  it("uses the kept token while it is good when renewal fails", async () => {
    const { gw, clock, proxied } = setUp([{}], { retry: false }, (n) =>
      n === 1 ? issued(1) : { status: 500 },
    );
    await gw.proxy("serpapi", "search", search);
    await clock.advance(6 * MINUTE);
    await gw.proxy("serpapi", "search", search);
    expect(new Set(proxied().map(({ body }) => body!.agent_token)).size).toBe(1);
    await clock.advance(4 * MINUTE);
    expect((await failure(gw.proxy("serpapi", "search", search))).status).toBe(500);
  });

  it.each(["America/Toronto", "Asia/Tokyo", "UTC"])(
    req("fourRunr.token.utc", "in %s the end of a token is asked for in UTC"),
    async (zone) => {
      const before = process.env.TZ;
      process.env.TZ = zone;
      try {
        const { gw, tokenRequests } = setUp();
        await gw.getToken({ tools: ["serpapi"], permissions: ["read"], ttlMinutes: 15 });
        expect(tokenRequests()[0]!.body).toEqual({
          agent_id: agentId,
          tools: ["serpapi"],
          permissions: ["read"],
          expires_at: "2026-01-01T00:15:00.000Z",
        });
      } finally {
        if (before === undefined) delete process.env.TZ;
        else process.env.TZ = before;
      }
    },
  );

  it("getToken gives a new token each time", async () => {
    const { gw } = setUp();
    const [one, two] = [await gw.getToken({ tools: ["serpapi"] }), await gw.getToken({ tools: ["serpapi"] })];
    expect(one).not.toBe(two);
    expect((await failure(gw.getToken({ tools: [], ttlMinutes: 0 }))).name).toBe("GatewayValidationError");
  });

  const hours = (n: number) => Date.UTC(2026, 0, 1) - n * 60 * MINUTE;
  const jwt = (iat: number) =>
    ["{}", JSON.stringify({ iat }), "s"].map((part) => Buffer.from(part).toString("base64url")).join(".");
  it.each([
    ["issued_at", tokenOf({ agent_id: agentId, issued_at: new Date(hours(25)).toISOString() })],
    ["iat of a JWT", jwt(hours(25) / 1000)],
    ["issued_at as a number", tokenOf({ issued_at: hours(25), iat: hours(1) / 1000 })],
    ["iat beside its agent", tokenOf({ agent_id: agentId, iat: hours(25) / 1000, issued_at: "then" })],
  ])(req("fourRunr.token.age", "a token that is 25 hours old by its %s is not sent"), async (_, token) => {
    const { gw, asked } = setUp();
    const error = await failure(gw.proxy("serpapi", "search", search, token));
    expect(error).toBeInstanceOf(GatewayTokenError);
    expect([error.sent, asked]).toEqual([false, []]);
  });

  it.each([
    ["issued_at", tokenOf({ issued_at: hours(23), iat: hours(25) / 1000 })],
    ["iat of a JWT", jwt(hours(23) / 1000)],
    ["iat that is no number", jwt("x" as unknown as number)],
    ["payload that is not JSON", `${Buffer.from("{").toString("base64")}.00`],
    ["payload that is null", `${Buffer.from("null").toString("base64")}.00`],
  ])("a token that is less than 24 hours old by its %s is sent", async (_, token) => {
    const { gw, proxied } = setUp();
    await gw.proxy("serpapi", "search", search, token);
    expect(proxied()).toMatchObject([{ body: { agent_token: token } }]);
  });

  it.each(["a b", "a\n", "\na", "é", ""])("%j is no token, and is not sent", async (token) => {
    const { gw, asked } = setUp();
    const error = await failure(gw.proxy("serpapi", "search", search, token));
    expect([error.name, error.sent, asked]).toEqual(["GatewayValidationError", false, []]);
  });

  it("one that is too old when it comes is replaced before a call, once, however old the next one is", async () => {
    for (const isOld of [false, true]) {
      const { gw, clock, proxied, tokenRequests } = setUp([{}], {}, (n) => {
        const issuedAt = n === 1 || isOld ? hours(25) : hours(0);
        return { status: 201, body: { agent_token: tokenOf({ n, issued_at: issuedAt }), token_id: "t" } };
      });
      await gw.proxy("serpapi", "search", search);
      expect([tokenRequests().length, proxied().length]).toEqual([2, 1]);
      expect(proxied()[0]!.body!.agent_token).toContain(Buffer.from('{"n":2').toString("base64").slice(0, 8));
      expect(clock.pending).toBe(0);
    }
  });

  it("is kept by its tools, permissions and life, in any order of their names", async () => {
    const { gw, tokenRequests, proxied } = setUp();
    const kept = async (permissions: string[], tools = ["serpapi"], ttlMinutes?: number) => {
      const token = await gw.getToken({ tools, permissions, ...(ttlMinutes && { ttlMinutes }) });
      const before = tokenRequests().length;
      await gw.proxy("serpapi", "search", search);
      expect(tokenRequests().length - before).toBe(0);
      return proxied().at(-1)!.body!.agent_token === token;
    };
    expect(await kept(["write", "read"])).toBe(true);
    expect(await kept(["read", "write"])).toBe(true);
    expect(await kept(["read"])).toBe(false);
    expect(await kept(["read", "write", "x"])).toBe(false);
    expect(await kept(["read", "write"], ["serpapi", "gmail_send"])).toBe(false);
    expect(await kept(["read", "write"], ["serpapi"], 99)).toBe(false);
  });

  it("a token that tells no age counts from when it came", async () => {
    const { gw, clock, proxied } = setUp();
    await gw.proxy("serpapi", "search", search, "opaque.token");
    await clock.advance(24 * 60 * MINUTE);
    await gw.proxy("serpapi", "search", search, "opaque.token");
    await clock.advance(1);
    expect(await failure(gw.proxy("serpapi", "search", search, "opaque.token"))).toBeInstanceOf(
      GatewayTokenError,
    );
    expect(proxied()).toHaveLength(2);
  });
});

describe("rotation", () => {
  it.each([200, 502])(
    req(
      "fourRunr.rotation.once",
      "an answer %s that recommends it is not asked for again; the next call has a new token",
    ),
    async (status) => {
      const body = status === 200 ? ok({ id: 1 }) : { error: "External API request failed", details: "x" };
      const { gw, proxied } = setUp([{ status, body, headers: rotate }, {}]);
      const events: unknown[] = [];
      gw.on("rotation", (event) => events.push(event));
      await gw.proxy("gmail_send", "send", mail).catch(() => {});
      expect(proxied()).toHaveLength(1);
      await gw.proxy("gmail_send", "send", mail);
      const [first, second] = proxied().map(({ body }) => body!.agent_token);
      expect(first).not.toBe(second);
      expect(events).toMatchObject([{ expiresAt: "2026-01-01T00:04:00.000Z" }]);
    },
  );

  it("of one token leaves those of other tools as they are, kept or not", async () => {
    const expired = { status: 403, body: { error: "Token expired" } };
    const { gw, tokenRequests } = setUp(
      [{}, { headers: rotate }, {}, {}, expired, {}],
      { retry: false },
      (n) => (n === 2 ? { status: 500 } : issued(n)),
    );
    await gw.proxy("serpapi", "search", search);
    expect((await failure(gw.proxy("http_fetch", "get", { url: "https://x.test/" }))).status).toBe(500);
    await gw.proxy("gmail_send", "send", mail);
    await gw.proxy("serpapi", "search", search);
    expect(tokenRequests()).toHaveLength(3);
    await gw.proxy("gmail_send", "send", mail);
    expect(tokenRequests()).toHaveLength(4);
    await gw.proxy("gmail_send", "send", mail); // refused, and made once more
    expect(tokenRequests()).toHaveLength(5);
    await gw.proxy("serpapi", "search", search);
    expect(tokenRequests()).toHaveLength(5);
  });

  it.each(["Token expired", "Invalid token signature", "Token not found in registry"])(
    req("fourRunr.rotation.refused", "after %s the call is made once more"),
    async (error) => {
      const { gw, proxied, tokenRequests } = setUp([{ status: 403, body: { error } }, {}]);
      expect(await gw.proxy("gmail_send", "send", mail)).toEqual({ x: 1 });
      expect([proxied().length, tokenRequests().length]).toEqual([2, 2]);
      expect(new Set(proxied().map(({ headers }) => headers["x-correlation-id"])).size).toBe(1);
    },
  );

  it.each(["Token has been revoked", "Token proof verification failed", "Policy denied", "Agent not found"])(
    "after %s it is not",
    async (error) => {
      const { gw, proxied } = setUp([{ status: 403, body: { error } }]);
      await failure(gw.proxy("serpapi", "search", search));
      expect(proxied()).toHaveLength(1);
    },
  );

  it("a second refusal, and one of a token that was handed in, are the caller's to deal with", async () => {
    const { gw, proxied } = setUp([{ status: 403, body: { error: "Token expired" } }]);
    expect(await failure(gw.proxy("serpapi", "search", search))).toBeInstanceOf(GatewayTokenError);
    expect(proxied()).toHaveLength(2);
    const token = await gw.getToken({ tools: ["serpapi"] });
    await failure(gw.proxy("serpapi", "search", search, token));
    expect(proxied()).toHaveLength(3);
  });
});

describe("proof", () => {
  const payload = `{"agent_id":"${agentId}","agent_name":"vec é ~~~???>>>"}`;
  const agent_token = `${Buffer.from(payload).toString("base64")}.00`;
  const issue = () => ({
    status: 201,
    body: { agent_token, token_id: "tid", expires_at: "x", agent_name: "n" },
  });

  it.each([
    ["base64", agent_token],
    ["base64url", agent_token.replaceAll("+", "-").replaceAll("/", "_")],
  ] as const)(
    req("fourRunr.proof", "the id and the exact payload are sent, out of %s"),
    async (form, agent_token) => {
      expect(agent_token).toMatch(form === "base64" ? /\+.*\// : /-.*_/);
      const { gw, proxied } = setUp([{}], { proof: true }, () => ({
        status: 201,
        body: { agent_token, token_id: "tid" },
      }));
      await gw.proxy("serpapi", "search", search);
      await gw.proxy("serpapi", "search", search, await gw.getToken({ tools: ["serpapi"] }));
      for (const { body } of proxied())
        expect(body).toMatchObject({ token_id: "tid", proof_payload: payload });
    },
  );

  it.each([
    ["another agent", tokenOf({ agent_id: "other" })],
    ["an encrypted payload", `${Buffer.alloc(300, 0xf7).toString("base64")}.00`],
    [
      "a payload that is no text",
      `${Buffer.from(payload.replace("é", "\xff"), "latin1").toString("base64")}.00`,
    ],
    ["a payload behind a byte order mark", `${Buffer.from(`\uFEFF${payload}`).toString("base64")}.00`],
  ])("not for a token of %s", async (_, token) => {
    const { gw, proxied } = setUp([{}], { proof: true }, () => ({
      status: 201,
      body: { agent_token: token, token_id: "t" },
    }));
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[0]!.body).not.toHaveProperty("token_id");
    expect(proxied()[0]!.body).not.toHaveProperty("proof_payload");
  });

  it("not without the token's id, which a caller may give", async () => {
    const { gw, proxied } = setUp([{}], { proof: true });
    const own = tokenOf({ agent_id: agentId });
    for (const tokenId of [undefined, "mine"])
      await gw.proxy("serpapi", "search", search, { agentToken: own, ...(tokenId && { tokenId }) });
    const [without, given] = proxied().map(({ body }) => body!);
    expect(without).not.toHaveProperty("token_id");
    expect(without).not.toHaveProperty("proof_payload");
    expect(given).toMatchObject({ token_id: "mine", proof_payload: JSON.stringify({ agent_id: agentId }) });
  });

  it("is off by default, and an override is sent as text", async () => {
    const { gw, proxied } = setUp([{}], {}, issue);
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[0]!.body).not.toHaveProperty("token_id");
    await gw.proxy("serpapi", "search", search, "t.1", { a: 1 });
    expect(proxied()[1]!.body).toMatchObject({ agent_token: "t.1", proof_payload: '{"a":1}' });
  });
});

describe("construction", () => {
  it("takes what is missing from the environment; an option wins", async () => {
    const gateway = scripted([{}]);
    const before = { ...process.env };
    Object.assign(process.env, {
      GATEWAY_URL: "http://env.test",
      AGENT_ID: "env-agent",
      AGENT_PRIVATE_KEY: "k",
    });
    try {
      const gw = new GatewayClient({ fetch: gateway.fetch });
      await gw.proxy("serpapi", "search", search);
      expect(gateway.tokenRequests()[0]!.body!.agent_id).toBe("env-agent");
      expect(new GatewayClient({ agentId: "mine" }).agentId).toBe("mine");
    } finally {
      for (const name of ["GATEWAY_URL", "AGENT_ID", "AGENT_PRIVATE_KEY"]) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  it("says what is missing; a key that is no PEM is no matter, because nothing uses it", async () => {
    expect(() => new GatewayClient({ agentId })).toThrow("GATEWAY_URL");
    expect(() => new GatewayClient({ baseUrl: "http://g.test" })).toThrow("AGENT_ID");
    const { gw, asked } = setUp([{}], { agentPrivateKeyPem: "not a PEM" });
    await gw.proxy("serpapi", "search", search);
    expect(JSON.stringify(asked)).not.toContain("not a PEM");
  });

  it("a token request that gives no token fails as such", async () => {
    const { gw } = setUp([{}], { retry: false }, () => ({ status: 201, body: { token_id: "t" } }));
    expect((await failure(gw.proxy("serpapi", "search", search))).name).toBe("GatewayProtocolError");
    const down = setUp([{}], { retry: false }, () => ({
      status: 503,
      body: { error: "Service is shutting down" },
    }));
    expect(await failure(down.gw.getToken({ tools: ["x"] }))).toBeInstanceOf(GatewayUpstreamError);
  });
});
