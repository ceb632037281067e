import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PolicySpec } from "../../gen/4runr/index.js";
import {
  GatewayAdmin,
  GatewayClient,
  GatewayNotFoundError,
  GatewayPolicyError,
  GatewayTokenError,
  GatewayValidationError,
} from "../../src/4runr/index.js";
import { FakeClock, Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { failure, scripted, search } from "./scripted.ts";

let gateway: Local4Runr;
let admin: GatewayAdmin;
const clock = new FakeClock({ now: Date.UTC(2026, 10, 21, 12, 30) });
beforeEach(async () => {
  gateway = await Local4Runr.start({ clock });
  admin = new GatewayAdmin({ baseUrl: gateway.url, clock, retry: false });
});
afterEach(() => gateway.close());

async function agentWith(spec: PolicySpec, role = "scraper") {
  const { agentId } = await admin.createAgent({ name: "probe", createdBy: "ops", role });
  const policy = await admin.createPolicy({ name: "p", agentId, spec });
  return { agentId, policy, gw: new GatewayClient({ baseUrl: gateway.url, agentId, clock, retry: false }) };
}

describe("GatewayAdmin", () => {
  it(req("fourRunr.admin", "agents, tokens and policies, in camelCase"), async () => {
    const created = await admin.createAgent({ name: "probe", createdBy: "ops", role: "r" });
    expect(created.privateKey).toContain("BEGIN PRIVATE KEY");
    const { agentId } = created;
    expect((await admin.getAgent(agentId)).agent).toMatchObject({
      id: agentId,
      createdBy: "ops",
      status: "active",
    });
    expect((await admin.listAgents()).agents.map(({ id }) => id)).toEqual([agentId]);
    expect(await failure(admin.getAgent("no/such agent"))).toBeInstanceOf(GatewayNotFoundError);

    const expiresAt = "2026-11-21T12:31:00.000Z";
    const token = await admin.generateToken({
      agentId,
      tools: ["serpapi"],
      permissions: ["read"],
      expiresAt,
    });
    expect(token.expiresAt).toBe(expiresAt);
    expect((await admin.listTokenRegistry())[0]).toMatchObject({ tokenId: token.tokenId, isRevoked: false });
    const [record] = (await admin.listTokenRecords(agentId)).tokens;
    await admin.revokeTokenRecord(record!.id);
    expect((await admin.listTokenRecords(agentId)).tokens).toEqual([]);

    const spec = { scopes: ["serpapi:search"], guards: { maxRequestSize: 300 } };
    const made = await admin.createPolicy({ name: "p", role: "r", spec });
    const policy = await admin.getPolicy(made.id);
    expect(policy).toEqual({ ...made, spec });
    expect(await admin.listPolicies({ query: { role: "r", active: true } })).toEqual([policy]);
    expect((await admin.getMergedPolicy(agentId)).sourcePolicies).toEqual([policy.id]);
    expect(await admin.updatePolicy(policy.id, { active: false })).toMatchObject({ active: false });
    expect(await admin.deletePolicy(policy.id)).toBeUndefined();
    expect(await failure(admin.getPolicy(policy.id))).toBeInstanceOf(GatewayNotFoundError);
    const invalid = await failure(admin.createPolicy({ name: "p", role: "r", spec: { scopes: [] } }));
    expect(invalid).toBeInstanceOf(GatewayValidationError);
    expect(invalid.message).toContain("Array must contain at least 1 element(s)");
    expect((await admin.getProxyStatus()).availableActions.http_fetch).toEqual(["get", "head"]);
    expect((await admin.getHealth()).ok).toBe(true);
  });

  it(req("fourRunr.revoke", "revocation bites in proof mode, and only there"), async () => {
    const { agentId } = await agentWith({ scopes: ["serpapi:search"] });
    for (const [proof, outcome] of [
      [true, GatewayTokenError],
      [false, undefined],
    ] as const) {
      const gw = new GatewayClient({ baseUrl: gateway.url, agentId, clock, proof, retry: false });
      await gw.proxy("serpapi", "search", search);
      for (const { tokenId } of await admin.listTokenRegistry()) await admin.revokeToken(tokenId);
      const error = await gw.proxy("serpapi", "search", search).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      if (outcome === undefined) expect(error).toBeUndefined();
      else expect(error).toBeInstanceOf(outcome);
    }
  });

  it(req("fourRunr.revoke", "the POST has neither a body nor a content type"), async () => {
    const { fetch, asked } = scripted([{ body: { message: "m", tokenId: "t", revokedAt: "x" } }]);
    await new GatewayAdmin({ baseUrl: "http://g.test", fetch }).revokeToken("a/b");
    expect(asked[0]).toMatchObject({
      method: "POST",
      path: "/api/admin/tokens/a%2Fb/revoke",
      body: undefined,
    });
    expect(asked[0]!.headers).not.toHaveProperty("content-type");
  });

  it.each<[string, PolicySpec, string, string, object]>([
    ["allowed", { scopes: ["serpapi:search"] }, "serpapi", "search", search],
    ["scope", { scopes: ["http_fetch:get"] }, "serpapi", "search", search],
    [
      "intent",
      { scopes: ["serpapi:search"], intent: "leads" },
      "serpapi",
      "search",
      { ...search, intent: "other" },
    ],
    ["size", { scopes: ["serpapi:search"], guards: { maxRequestSize: 10 } }, "serpapi", "search", search],
    [
      "domain",
      { scopes: ["http_fetch:get"], guards: { allowedDomains: ["a.com"] } },
      "http_fetch",
      "get",
      { url: "https://b.com" },
    ],
    [
      "head escapes",
      { scopes: ["http_fetch:head"], guards: { allowedDomains: ["a.com"] } },
      "http_fetch",
      "head",
      { url: "https://b.com" },
    ],
    ["schedule", { scopes: ["serpapi:search"], schedule: { allowedDays: [1] } }, "serpapi", "search", search],
    [
      "quota",
      { scopes: ["serpapi:search"], quotas: [{ action: "serpapi:search", limit: 0, window: "1h" }] },
      "serpapi",
      "search",
      search,
    ],
  ])(req("fourRunr.admin.verdict", "%s"), async (_, spec, tool, action, params) => {
    const { agentId, gw } = await agentWith(spec);
    const bridged = tool === "serpapi" ? { ...params, query: search.q } : params;
    const verdict = await admin.wouldAllow({ agentId, tool, action, params: bridged });
    const error = await gw.proxy(tool, action, params as Record<string, unknown>).then(
      () => undefined,
      (thrown: GatewayPolicyError) => thrown,
    );
    if (verdict.allowed) expect(error).toBeUndefined();
    else
      expect(error).toMatchObject({ name: "GatewayPolicyError", reason: verdict.reason, kind: verdict.kind });
  });

  it("a verdict counts the parameters that the client derives, unless it is told not to", async () => {
    const { agentId, gw } = await agentWith({ scopes: ["serpapi:search"], guards: { maxRequestSize: 90 } });
    const params = { q: "x".repeat(50) };
    const call = { agentId, tool: "serpapi", action: "search", params };
    expect(await admin.wouldAllow(call)).toMatchObject({ allowed: false, kind: "size" });
    expect(await failure(gw.proxy("serpapi", "search", params))).toMatchObject({ kind: "size" });
    expect(await admin.wouldAllow({ ...call, bridgeParams: false })).toEqual({ allowed: true });
  });

  it("says whether the gateway is ready, its metrics, and how many requests it logged", async () => {
    const { gw } = await agentWith({ scopes: ["serpapi:search"] });
    expect(await admin.ready()).toBe(true);
    for (let i = 0; i < 3; i++) await gw.proxy("serpapi", "search", search);
    const page = await admin.listRequestLogs();
    expect([page.logs.length, page.total]).toEqual([3, 3]);
    expect(await admin.getMetrics()).toContain("# TYPE");
    const away = new GatewayAdmin({ baseUrl: "http://127.0.0.1:1", retry: false, logger: false });
    expect(await failure(away.ready())).toMatchObject({ name: "GatewayNetworkError", sent: false });
  });

  it(
    req("fourRunr.admin.quota-bound", "quotas say that they are a lower bound where the log is cut off"),
    async () => {
      const quotas = [{ action: "serpapi:search", limit: 3, window: "24h" }];
      const { agentId, gw } = await agentWith({ scopes: ["serpapi:search"], quotas });
      for (let i = 0; i < 3; i++) await gw.proxy("serpapi", "search", search);
      expect(await admin.quotas(agentId)).toMatchObject([{ used: 3, remaining: 0, isLowerBound: false }]);
      for (let i = 0; i < 110; i++) {
        if (i % 4 === 0) await clock.advance(61_000); // the rate limit
        await failure(gw.proxy("gmail_send", "profile", {}));
      }
      const [quota] = await admin.quotas(agentId);
      expect(quota).toMatchObject({ isLowerBound: true });
      const verdict = await admin.wouldAllow({ agentId, tool: "serpapi", action: "search" });
      expect(verdict).toEqual({ allowed: true, isLowerBound: true });
    },
  );

  it("quotas say what is left and when they begin anew", async () => {
    const quota = { action: "serpapi:search", limit: 3, window: "1h" };
    const { agentId, gw } = await agentWith({ scopes: ["serpapi:search"], quotas: [quota] });
    expect(await admin.quotas(agentId)).toMatchObject([{ used: 0, remaining: 3 }]);
    await gw.proxy("serpapi", "search", search);
    await gw.proxy("serpapi", "search", search);
    const resetAt = new Date("2026-11-21T13:00:00.000Z");
    expect(await admin.quotas(agentId)).toMatchObject([{ ...quota, used: 2, remaining: 1, resetAt }]);
    await gw.proxy("serpapi", "search", search);
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toMatchObject({ kind: "quota", resetAt });
    expect(await admin.wouldAllow({ agentId, tool: "serpapi", action: "search" })).toMatchObject({
      allowed: false,
      resetAt,
    });
    expect(await admin.wouldAllow({ agentId, tool: "serpapi", action: "search", at: resetAt })).toEqual({
      allowed: true,
    });
  });

  it(
    req("fourRunr.admin.explain", "a call that succeeded, one that a policy denied, one nobody knows"),
    async () => {
      const { gw } = await agentWith({ scopes: ["serpapi:search"] });
      let id: string | undefined;
      gw.on("answer", ({ requestId }) => {
        id = requestId;
      });
      await gw.proxy("serpapi", "search", search);
      const fine = await admin.explain(id!);
      expect(fine.summary).toMatch(/^serpapi:search answered 200 after \d+ ms$/);
      expect(fine).toMatchObject({ request: { corrId: id, success: true }, decision: { decision: "allow" } });
      const error = await failure(gw.proxy("gmail_send", "profile", {}));
      expect(error).toBeInstanceOf(GatewayPolicyError);
      const denied = await admin.explain(error.requestId as string);
      expect(denied.summary).toContain("answered 403");
      expect(denied.summary).toContain("Scope 'gmail_send:profile' not allowed");
      expect(denied.denial).toEqual({ kind: "scope" });
      expect((await admin.explain("req_0_nobody")).summary).toContain("no log line");
    },
  );

  it("needs a base URL", () => {
    expect(() => new GatewayAdmin()).toThrow("GATEWAY_URL");
    expect(() => new GatewayAdmin({ baseUrl: "ftp://x" })).toThrow("base URL");
  });
});
