import { describe, expect, it } from "vitest";
import {
  GatewayCircuitOpenError,
  GatewayNetworkError,
  GatewayProtocolError,
  GatewayRateLimitError,
  GatewayTimeoutError,
} from "../../src/4runr/index.js";
import { AbortError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { failure, mail, ok, search, setUp } from "./scripted.ts";

const down = { status: 503, body: { error: "x" } };
const upstream = { status: 503, body: { error: "External API request failed", details: "x" } };
const open = {
  status: 502,
  body: { error: "External API request failed", details: "Circuit breaker is OPEN for 30000ms" },
};
const limited = { status: 429, body: { error: "Rate limit exceeded", retry_after: 7 } };
const refused = Object.assign(new TypeError("fetch failed"), {
  cause: { code: "ECONNREFUSED", syscall: "connect" },
});
const reset = Object.assign(new TypeError("fetch failed"), {
  cause: { code: "ECONNRESET", syscall: "read" },
});

describe("tries", () => {
  it.each([
    [0, [1125, 2250, 4500]],
    [0.5, [1000, 2000, 4000]],
    [0.999999, [875, 1750, 3500]],
  ])(req("fourRunr.retry.waits", "with %s of the jitter"), async (share, waits) => {
    const { gw, clock, proxied } = setUp([down], { random: () => share });
    const seen: number[] = [];
    gw.on("retry", ({ delayMs }) => seen.push(Math.round(delayMs)));
    const failed = failure(gw.proxy("serpapi", "search", search));
    expect((await clock.until(failed)).code).toBe("UPSTREAM_ERROR");
    expect(seen).toEqual(waits);
    expect(new Set(proxied().map(({ headers }) => headers["x-correlation-id"])).size).toBe(1);
  });

  it("each try has the whole time, and a timeout in a later one is an error like any other", async () => {
    const { gw, clock, proxied } = setUp([{ hangs: true }], { timeoutMs: 500, random: () => 0.5 });
    const started = clock.monotonic();
    const error = await clock.until(failure(gw.proxy("serpapi", "search", search)));
    expect(error).toBeInstanceOf(GatewayTimeoutError);
    expect(error.code).toBe("NETWORK_ERROR");
    expect([proxied().length, clock.monotonic() - started]).toEqual([4, 4 * 500 + 7000]);
  });

  it.each([
    ["serpapi", "search", search],
    ["http_fetch", "get", { url: "https://example.com" }],
    ["http_fetch", "head", { url: "https://example.com" }],
    ["openai", "chat", { messages: [{ role: "user", content: "x" }] }],
    ["openai", "complete", { prompt: "x" }],
    ["gmail_send", "profile", {}],
  ] as const)(req("fourRunr.retry.idempotent", "%s:%s is tried again"), async (tool, action, params) => {
    const { gw, clock } = setUp([upstream, {}]);
    expect(await clock.until(gw.proxy(tool as string, action, params))).toEqual({ x: 1 });
  });

  it("an action that nobody knows is not", async () => {
    const { gw, proxied } = setUp([upstream]);
    await failure(gw.proxy("new_tool", "do", { any: 1 }));
    expect(proxied()).toHaveLength(1);
  });

  it.each([
    ["a failure of the tool", upstream],
    ["an answer 500", { status: 500, body: { error: "Internal server error during proxy request" } }],
    ["a broken connection", { throws: reset }],
    ["a timeout", { hangs: true }],
    ["an answer that is not JSON", { status: 502, body: "<html>" }],
  ])(req("fourRunr.retry.mail", "a mail is sent once after %s"), async (_, reply) => {
    const { gw, clock, proxied } = setUp([reply]);
    await clock.until(failure(gw.proxy("gmail_send", "send", mail)));
    expect(proxied()).toHaveLength(1);
  });

  it.each([
    ["the connection was refused", { throws: refused }, {}, 2],
    ["the rate limit refused it and the client waits", limited, { waitForLimits: true }, 2],
    ["the breaker was open and the client waits", open, { waitForLimits: true }, 2],
    ["the rate limit refused it", limited, {}, 1],
    ["the breaker was open", open, {}, 1],
  ])("a mail when %s", async (_, reply, options, tries) => {
    const { gw, clock, proxied } = setUp([reply, {}], options);
    await clock.until(gw.proxy("gmail_send", "send", mail).catch(() => {}));
    expect(proxied()).toHaveLength(tries);
  });

  it.each([
    [limited, GatewayRateLimitError, 7],
    [open, GatewayCircuitOpenError, 30],
  ])("says how long to wait, and waits so long when told to", async (reply, type, seconds) => {
    const { gw } = setUp([reply]);
    const limits: unknown[] = [];
    gw.on("limit", (event) => limits.push(event));
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toBeInstanceOf(type);
    expect(error.retryAfter).toBe(seconds);
    expect(limits).toEqual([{ source: "gateway", waitMs: seconds * 1000 }]);
    const patient = setUp([reply, {}], { waitForLimits: true });
    await patient.clock.until(patient.gw.proxy("serpapi", "search", search));
    expect(patient.clock.monotonic()).toBe(seconds * 1000);
  });

  it("an abort ends the wait between two tries at once", async () => {
    const { gw, clock } = setUp([down]);
    const controller = new AbortController();
    const failed = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    await clock.advance(100);
    controller.abort();
    expect(await failed).toBeInstanceOf(AbortError);
    expect(clock.pending).toBe(0);
  });

  it(req("fourRunr.redirects", "a redirect is an error, and nothing is asked elsewhere"), async () => {
    const { gw, proxied } = setUp([{ status: 307, body: "", headers: { location: "http://evil.test/" } }]);
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toBeInstanceOf(GatewayProtocolError);
    expect(error.code).toBe("REDIRECT");
    expect(proxied()).toHaveLength(1);
  });

  it("a gateway that cannot be reached is a network error of the agent's family and of the package's", async () => {
    const { gw } = setUp([{ throws: reset }], { retry: false });
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toBeInstanceOf(GatewayNetworkError);
    expect(error.name).toBe("GatewayNetworkError");
  });
});

describe("answers", () => {
  it.each([
    [ok(null), null],
    [{ success: true, data: 1 }, 1],
    [{ data: { deep: [1] } }, { deep: [1] }],
  ])("the result in %j", async (body, result) => {
    const { gw } = setUp([{ body }]);
    expect(await gw.proxy("serpapi", "search", search)).toEqual(result);
  });

  it.each([[""], ["<html>"], [[]], [{ success: true }]])("no result in %j", async (body) => {
    const { gw } = setUp([{ body: body === "" ? " " : body }]);
    expect(await failure(gw.proxy("serpapi", "search", search))).toBeInstanceOf(GatewayProtocolError);
  });

  it("listeners hear of the gateway's own id", async () => {
    const { gw, proxied } = setUp([{ headers: { "x-correlation-id": "req_1_gateway" } }]);
    const answers: unknown[] = [];
    gw.on("answer", (event) => answers.push(event));
    await gw.proxy("serpapi", "search", search);
    expect(answers).toEqual([
      {
        tool: "serpapi",
        action: "search",
        correlationId: proxied()[0]!.headers["x-correlation-id"],
        requestId: "req_1_gateway",
        responseTimeMs: 3,
      },
    ]);
  });
});
