import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { wire } from "../../gen/4runr/index.js";
import { toolActions } from "../../gen/4runr/index.js";
import { GatewayAdmin, GatewayClient, GatewayPolicyError } from "../../src/4runr/index.js";
import { checkParams } from "../../src/4runr/params.js";
import { judgePolicy, mergePolicies, type PolicyRules, quotaResetAt } from "../../src/4runr/policy.js";
import { countQuota, quotaState } from "../../src/4runr/quota.js";
import { findAction } from "../../src/4runr/tool-table.js";
import { schemas } from "../../src/testing/four-runr/body-checks.js";
import { issueTexts, zodParse } from "../../src/testing/http/zod.js";
import { FakeClock, Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

/** A Thursday. */
const noon = new Date("2026-01-01T12:30:00Z");
const get = (url: string) => ({ tool: "http_fetch", action: "get", params: { url } });
const scopes = ["http_fetch:get", "http_fetch:head"];

function reasonOf(rules: Partial<PolicyRules>, call = get("https://a.example/x"), utcOffsetMinutes = 0) {
  const verdict = judgePolicy({ scopes, ...rules }, call, { now: noon, utcOffsetMinutes });
  return verdict.allowed ? "allowed" : `${verdict.kind}: ${verdict.reason}`;
}

describe("a quota", () => {
  const log = (createdAt: string, decision: "allow" | "deny" = "allow", action = "get") =>
    ({ id: "i", policyId: "p", agentId: "a", tool: "http_fetch", action, decision, createdAt }) as const;
  const quota = (window: string) => ({ action: "http_fetch:get", limit: 2, window });
  const at = (time: string) => log(`2026-01-01T${time}Z`);

  it.each<[string, string, ReturnType<typeof log>[], number, string, number?]>([
    ["no call", "1h", [], 0, "2026-01-01T13:00:00.000Z"],
    [
      "calls in any order",
      "1h",
      [at("12:20:00"), at("12:00:00"), at("12:10:00")],
      3,
      "2026-01-01T13:00:00.000Z",
    ],
    ["a call of this moment", "1h", [at("12:30:00")], 1, "2026-01-01T13:00:00.000Z"],
    ["a call to come", "1h", [at("12:30:01")], 0, "2026-01-01T13:00:00.000Z"],
    ["a window that is over", "1h", [at("11:10:00"), at("11:59:59")], 0, "2026-01-01T13:00:00.000Z"],
    ["a call at its end", "1h", [at("11:10:00"), at("12:00:00")], 1, "2026-01-01T13:00:00.000Z"],
    ["a denied call", "1h", [log("2026-01-01T12:10:00Z", "deny")], 0, "2026-01-01T13:00:00.000Z"],
    ["another action", "1h", [log("2026-01-01T12:10:00Z", "allow", "head")], 0, "2026-01-01T13:00:00.000Z"],
    ["local days", "24h", [at("12:00:00")], 1, "2026-01-01T15:00:00.000Z", 540],
    [
      "windows that begin with their first call",
      "7d",
      [log("2025-12-21T10:00:00Z"), log("2025-12-29T09:00:00Z"), log("2025-12-31T09:00:00Z")],
      2,
      "2026-01-05T00:00:00.000Z",
    ],
  ])("counts %s", (_name, window, logs, current, resetAt, offset) => {
    expect(countQuota(quota(window), logs, noon, offset)).toEqual({ current, resetAt: new Date(resetAt) });
  });

  it.each<[string, ReturnType<typeof log>[], number, boolean | undefined]>([
    ["is whole", [at("12:10:00")], 2, undefined],
    ["reaches back to an earlier window", [at("12:10:00"), at("11:59:59"), at("12:20:00")], 3, false],
    ["is cut off in the window", [at("12:10:00"), at("12:00:00")], 2, true],
    ["begins with a denied call", [at("12:10:00"), log("2026-01-01T11:00:00Z", "deny")], 2, false],
  ])("counts a log that %s", (_name, logs, limit, isLowerBound) => {
    expect(countQuota(quota("1h"), logs, noon, 0, limit).isLowerBound).toBe(isLowerBound);
  });

  it("is over at the very moment that it resets", () => {
    const one = new Date("2026-01-01T13:00:00Z");
    expect(countQuota(quota("1h"), [at("12:10:00")], one, 0, 1)).toEqual({
      current: 0,
      resetAt: new Date("2026-01-01T14:00:00Z"),
      isLowerBound: false,
    });
  });

  it.each([
    [0, 2],
    [2, 0],
    [5, 0],
  ])("of two, with %i used, has %i left", (current, remaining) => {
    const state = { ...quota("1h"), used: current, remaining, resetAt: noon };
    expect(quotaState(quota("1h"), { current, resetAt: noon })).toEqual({ ...state, isLowerBound: false });
    const bound = { current, resetAt: noon, isLowerBound: true };
    expect(quotaState(quota("1h"), bound)).toEqual({ ...state, isLowerBound: true });
  });
});

describe("a policy", () => {
  it.each<[string, Partial<PolicyRules>, string]>([
    ["no rules", {}, "allowed"],
    [
      "another scope",
      { scopes: ["a:b", "c:d"] },
      "scope: Scope 'http_fetch:get' not allowed. Allowed scopes: a:b, c:d",
    ],
    [
      "scopes are no patterns",
      { scopes: ["http_fetch:*"] },
      "scope: Scope 'http_fetch:get' not allowed. Allowed scopes: http_fetch:*",
    ],
    ["an intent that the call does not name", { intent: "x" }, "allowed"],
    ["size", { guards: { maxRequestSize: 28 } }, "size: Request size 29 exceeds limit 28"],
    ["size that fits", { guards: { maxRequestSize: 29 } }, "allowed"],
    ["a blocked host", { guards: { blockedDomains: ["a.example"] } }, "domain: Domain a.example is blocked"],
    [
      "a host above it",
      { guards: { blockedDomains: ["example"], allowedDomains: ["a.example"] } },
      "allowed",
    ],
    ["no allowed host", { guards: { allowedDomains: [] } }, "domain: Domain a.example not in allowed list: "],
    [
      "too early",
      { guards: { timeWindow: { start: "12:31" } } },
      "time: Request time 12:30 before allowed start time 12:31",
    ],
    [
      "too late",
      { guards: { timeWindow: { end: "12:29" } } },
      "time: Request time 12:30 after allowed end time 12:29",
    ],
    [
      "in time",
      { guards: { timeWindow: { start: "12:30", end: "12:30", timezone: "Asia/Tokyo" } } },
      "allowed",
    ],
    ["another day", { schedule: { allowedDays: [0, 6] } }, "schedule: Day 4 not in allowed days: 0, 6"],
    ["no day", { schedule: { allowedDays: [] } }, "schedule: Day 4 not in allowed days: "],
    ["a schedule that is off", { schedule: { enabled: false, allowedDays: [] } }, "allowed"],
    [
      "an early hour",
      { schedule: { allowedHours: { start: 13 } } },
      "schedule: Current hour 12 before allowed start hour 13",
    ],
    ["the last hour", { schedule: { allowedHours: { start: 12, end: 12 } } }, "allowed"],
    [
      "a late hour",
      { schedule: { allowedHours: { end: 11 } } },
      "schedule: Current hour 12 after allowed end hour 11",
    ],
    ["hour 0 counts as not set", { schedule: { allowedHours: { end: 0 } } }, "allowed"],
    ["filters decide nothing", { responseFilters: { blockPatterns: ["."] } }, "allowed"],
  ])("judges: %s", (_name, rules, wanted) => {
    expect(reasonOf(rules)).toBe(wanted);
  });

  it(
    req("fourRunr.local.policy", "goes by the gateway's local time, and guards hosts of http_fetch:get only"),
    () => {
      expect(reasonOf({ schedule: { allowedDays: [5] } }, get("https://a"), 12 * 60)).toBe("allowed");
      const head = { ...get("https://b.example"), action: "head" };
      expect(reasonOf({ guards: { allowedDomains: [] } }, head)).toBe("allowed");
      expect(() => reasonOf({ guards: {} }, get("nope"))).toThrow(TypeError);
      expect(reasonOf({}, get("nope"))).toBe("allowed");
      const bare = { ...get(""), params: undefined } as never;
      expect(reasonOf({ guards: { maxRequestSize: 1 } }, bare)).toBe("allowed");
    },
  );

  it("is merged of the agent's and then the role's: lists united, single values from the last", () => {
    const own = {
      scopes: ["a:b"],
      intent: "one",
      guards: { maxRequestSize: 1, allowedDomains: ["x"] },
      quotas: [{ action: "a:b", limit: 1, window: "1h" }],
      responseFilters: { redactFields: ["f"], truncateFields: [{ field: "f", maxLength: 1 }] },
    };
    const role = {
      scopes: ["a:b", "c:d"],
      intent: "two",
      guards: { allowedDomains: ["x", "y"], blockedDomains: ["z"] },
      quotas: [{ action: "a:b", limit: 2, window: "24h" }],
      schedule: { allowedDays: [1] },
      responseFilters: { blockPatterns: ["p"] },
    };
    expect(mergePolicies([own, role])).toEqual({
      scopes: ["a:b", "c:d"],
      intent: "two",
      guards: { maxRequestSize: 1, allowedDomains: ["x", "y"], blockedDomains: ["z"] },
      quotas: [...own.quotas, ...role.quotas],
      schedule: { allowedDays: [1] },
      responseFilters: {
        redactFields: ["f"],
        truncateFields: [{ field: "f", maxLength: 1 }],
        blockPatterns: ["p"],
      },
    });
    expect(mergePolicies([own])).toEqual(own);
    expect(mergePolicies([])).toEqual({ scopes: [], intent: "default_deny" });
  });

  it.each([
    ["1h", 0, "2026-01-01T13:00:00.000Z"],
    ["24h", 0, "2026-01-02T00:00:00.000Z"],
    ["24h", 540, "2026-01-01T15:00:00.000Z"],
    ["7d", 0, "2026-01-08T00:00:00.000Z"],
    ["1m", 0, noon.toISOString()],
  ])("begins a quota of %s anew, %i minutes ahead of UTC, at %s", (window, offset, wanted) => {
    expect(quotaResetAt(window, noon, offset).toISOString()).toBe(wanted);
  });

  it.each<[string, Partial<PolicyRules>, Partial<PolicyRules>, Partial<PolicyRules>]>([
    [
      "nothing",
      { intent: "i", schedule: { allowedDays: [1] } },
      {},
      { intent: "i", schedule: { allowedDays: [1] } },
    ],
    ["an intent", {}, { intent: "i" }, { intent: "i" }],
    [
      "guards",
      { guards: { piiFilters: ["p"], maxRequestSize: 1 } },
      { guards: { piiFilters: ["q"], maxRequestSize: 2 } },
      { guards: { piiFilters: ["p", "q"], maxRequestSize: 2 } },
    ],
    ["guards to none", {}, { guards: { blockedDomains: ["b"] } }, { guards: { blockedDomains: ["b"] } }],
    [
      "fields that are cut to none",
      { responseFilters: { redactFields: ["a"] } },
      { responseFilters: { redactFields: ["a", "b"], truncateFields: [{ field: "f", maxLength: 1 }] } },
      { responseFilters: { redactFields: ["a", "b"], truncateFields: [{ field: "f", maxLength: 1 }] } },
    ],
    [
      "more fields that are cut",
      { responseFilters: { truncateFields: [{ field: "f", maxLength: 1 }], blockPatterns: ["p"] } },
      { responseFilters: { truncateFields: [{ field: "g", maxLength: 2 }], blockPatterns: ["q"] } },
      {
        responseFilters: {
          truncateFields: [
            { field: "f", maxLength: 1 },
            { field: "g", maxLength: 2 },
          ],
          blockPatterns: ["p", "q"],
        },
      },
    ],
    [
      "quotas to none",
      {},
      { quotas: [{ action: "a:b", limit: 1, window: "1h" }] },
      { quotas: [{ action: "a:b", limit: 1, window: "1h" }] },
    ],
  ])("adds to a policy: %s", (_name, own, role, merged) => {
    expect(
      mergePolicies([
        { scopes, ...own },
        { scopes: [], ...role },
      ]),
    ).toEqual({ scopes, ...merged });
  });

  it("refuses at the first quota of the action that is used up", () => {
    const resetAt = new Date("2026-01-01T13:00:00Z");
    const quotas = [
      { action: "other:get", limit: 0, window: "1h" },
      { action: "http_fetch:get", limit: 3, window: "1h" },
      { action: "http_fetch:get", limit: 2, window: "24h" },
    ];
    const judged = (current: number, isLowerBound?: boolean) =>
      judgePolicy({ scopes, quotas }, get("https://a"), {
        now: noon,
        quota: ({ window }) => ({ current, resetAt, isLowerBound: isLowerBound && window === "1h" }),
      });
    expect(judged(1)).toEqual({ allowed: true });
    expect(judged(1, true)).toEqual({ allowed: true, isLowerBound: true });
    expect(judged(2)).toEqual({
      allowed: false,
      kind: "quota",
      reason: "Quota exceeded for http_fetch:get: 2/2 (resets at 2026-01-01T13:00:00.000Z)",
      resetAt,
    });
    expect(judgePolicy({ scopes, quotas }, get("https://a"), { now: noon })).toEqual({ allowed: true });
  });
});

describe("policies of a gateway", async () => {
  const clock = new FakeClock({ now: noon.getTime() });
  const gateway = await Local4Runr.start({ clock, rateLimit: { calls: 1_000 } });
  let admin: GatewayAdmin;
  let agent: { readonly agentId: string };

  afterAll(() => gateway.close());
  beforeEach(async () => {
    gateway.forget();
    admin = new GatewayAdmin({ baseUrl: gateway.url, clock });
    agent = await gateway.register({ role: "scraper", spec: { scopes: ["http_fetch:get"] } });
  });

  const client = () =>
    new GatewayClient({ baseUrl: gateway.url, agentId: agent.agentId, clock, checkParams: false });

  it(
    req("fourRunr.local.quota", "count calls in windows of the calendar, refused ones too once they pass"),
    async () => {
      const spec = {
        scopes: ["serpapi:search"],
        quotas: [{ action: "serpapi:search", limit: 2, window: "1h" }],
      };
      agent = await gateway.register({ spec });
      const gw = client();
      const search = () => gw.proxy("serpapi", "search", { q: "a", num: 1 });
      await search();
      await expect(gw.proxy("serpapi", "search", { q: "a", num: 101 })).rejects.toThrow(
        "num: Number must be",
      );
      const denied = await search().catch((error: unknown) => error);
      expect(denied).toBeInstanceOf(GatewayPolicyError);
      expect(denied).toMatchObject({ kind: "quota", resetAt: new Date("2026-01-01T13:00:00.000Z") });
      await clock.advance(30 * 60_000);
      await search();
      await gw.close();
    },
  );

  it("explain a denial by its kind, whatever the rule", async () => {
    const gw = client();
    const kinds = [];
    await admin.updatePolicy((await admin.listPolicies())[0]!.id, {
      spec: { scopes: ["http_fetch:get"], intent: "wanted", guards: { blockedDomains: ["b.example"] } },
    });
    const calls = [
      () => gw.proxy("openai", "complete", { prompt: "p" }),
      () => gw.proxy("http_fetch", "get", { url: "https://a.example" }, { intent: "other" }),
      () => gw.proxy("http_fetch", "get", { url: "https://b.example" }),
    ];
    for (const call of calls) {
      const { requestId, kind } = (await call().catch((error: unknown) => error)) as GatewayPolicyError;
      const { denial, request } = await admin.explain(requestId!);
      kinds.push([kind, denial?.kind, request?.statusCode]);
      await clock.advance(1_000);
    }
    expect(kinds).toEqual([
      ["scope", "scope", 403],
      ["intent", "intent", 403],
      ["domain", "domain", 403],
    ]);
    await gw.close();
  });

  it(
    req("fourRunr.local.wouldAllow", "decide as wouldAllow foretells, whatever the policies and the call"),
    async () => {
      const specs: fc.Arbitrary<wire.components["schemas"]["PolicySpec"]> = fc.record(
        {
          scopes: fc.subarray(["http_fetch:get", "http_fetch:head", "serpapi:search"], { minLength: 1 }),
          intent: fc.constantFrom("leads", "mail"),
          guards: fc.record(
            {
              maxRequestSize: fc.integer({ min: 20, max: 60 }),
              allowedDomains: fc.subarray(["a.example", "b.example"]),
              blockedDomains: fc.subarray(["b.example"]),
            },
            { requiredKeys: [] },
          ),
          schedule: fc.record({ allowedDays: fc.subarray([0, 1, 2, 3, 4, 5, 6]) }, { requiredKeys: [] }),
        },
        { requiredKeys: ["scopes"] },
      );
      const calls = fc.record(
        {
          action: fc.constantFrom("get", "head"),
          url: fc.constantFrom("https://a.example/", "https://b.example/long/enough/to/matter"),
          intent: fc.constantFrom("leads", "mail"),
        },
        { requiredKeys: ["action", "url"] },
      );
      const ofAgent = (await admin.listPolicies())[0]!;
      const head = { name: "of the role", role: "scraper" };
      const ofRole = await admin.createPolicy({ ...head, spec: { scopes: ["a:b"] } });
      await fc.assert(
        fc.asyncProperty(specs, specs, calls, async (own, role, { action, ...params }) => {
          await admin.updatePolicy(ofAgent.id, { spec: own });
          await admin.updatePolicy(ofRole.id, { spec: role });
          const foretold = await admin.wouldAllow({
            agentId: agent.agentId,
            tool: "http_fetch",
            action,
            params,
          });
          const gw = client();
          const done = await gw.proxy("http_fetch", action, params).then(
            () => "allowed",
            (error: GatewayPolicyError) => error.reason,
          );
          await gw.close();
          expect(done).toBe(foretold.allowed ? "allowed" : foretold.reason);
        }),
        { numRuns: 100 },
      );
    },
  );
});

describe("the check of params", () => {
  it(req("fourRunr.local.params", "says the same in the client and in the gateway"), () => {
    const text = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom("a@b.co", "https://a.example", "", "user"),
    );
    const value = fc.oneof(
      text,
      fc.integer({ min: -2, max: 31_000 }),
      fc.constantFrom(null, undefined, true, [], {}, ["a@b.co", 5]),
      fc.array(fc.record({ role: fc.constantFrom("user", "x", 3), content: text }), { maxLength: 2 }),
      fc.constant("x".repeat(10_001)),
    );
    const names = [
      "query",
      "num",
      "safe",
      "url",
      "headers",
      "timeout",
      "messages",
      "prompt",
      "to",
      "subject",
      "body",
    ];
    const params = fc.oneof(fc.dictionary(fc.constantFrom(...names, "cc", "temperature"), value), value);
    const actions = Object.entries(toolActions).flatMap(([tool, entries]) =>
      Object.entries(entries).map(([action, entry]) => [tool, action, entry.params] as const),
    );
    fc.assert(
      fc.property(fc.constantFrom(...actions), params, ([tool, action, schema], given) => {
        expect(checkParams(findAction(undefined, tool, action)!, given)).toEqual(
          issueTexts(zodParse(schemas, schemas.at(schema), given).issues),
        );
      }),
      { numRuns: 500 },
    );
  });
});
