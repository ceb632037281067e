import { describe, expect, it } from "vitest";
import {
  GatewayCircuitOpenError,
  GatewayConflictError,
  GatewayNetworkError,
  GatewayProtocolError,
  GatewayRateLimitError,
  GatewayTimeoutError,
  GatewayUnsupportedError,
  GatewayValidationError,
} from "../../src/4runr/index.js";
import { AbortedError, ClosedError, RateLimitError } from "../../src/core/errors.js";
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
    expect(await failed).toBeInstanceOf(AbortedError);
    expect(clock.pending).toBe(0);
  });

  it(req("fourRunr.redirects", "a redirect is an error, and nothing is asked elsewhere"), async () => {
    const { gw, proxied } = setUp([{ status: 307, body: "", headers: { location: "http://evil.test/" } }]);
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toBeInstanceOf(GatewayProtocolError);
    expect(error.code).toBe("redirect");
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
        correlationId: "req_1_gateway",
        clientCorrelationId: proxied()[0]!.headers["x-correlation-id"],
        responseTimeMs: 3,
      },
    ]);
  });
});

describe("parameters", () => {
  it.each([
    ["serpapi", "search", { q: "a" }, { q: "a", query: "a" }],
    ["serpapi", "search", { query: "a" }, { q: "a", query: "a" }],
    ["serpapi", "search", { q: "a", query: "b" }, { q: "a", query: "b" }],
    ["gmail_send", "send", mail, { ...mail, text: mail.body }],
    [
      "openai",
      "chat",
      {
        messages: [
          { role: "user", content: "one" },
          { role: "assistant", content: "x" },
          { role: "user", content: "two" },
        ],
      },
      { input: "two", model: "gpt-4o-mini" },
    ],
    ["openai", "chat", { messages: [{ role: "system", content: "s" }], model: "m" }, { model: "m" }],
    ["openai", "complete", { prompt: "p" }, { prompt: "p", model: "gpt-4o-mini" }],
    ["http_fetch", "get", { url: "https://example.com" }, { url: "https://example.com" }],
  ] as const)(req("fourRunr.bridge", "%s:%s of %j"), async (tool, action, params, sent) => {
    const { gw, proxied } = setUp();
    const before = structuredClone(params);
    await gw.proxy(tool as string, action, params);
    expect(proxied()[0]!.body!.params).toMatchObject(sent);
    expect(params).toEqual(before);
  });

  it("the bridge can be turned off, and the default model too", async () => {
    const { gw, proxied } = setUp([{}], { bridgeParams: false, checkParams: false });
    await gw.proxy("serpapi", "search", { q: "a" });
    expect(proxied()[0]!.body!.params).toEqual({ q: "a" });
    const plain = setUp([{}], { defaultModel: "" });
    await plain.gw.proxy("openai", "complete", { prompt: "p" });
    expect(plain.proxied()[0]!.body!.params).toEqual({ prompt: "p" });
  });

  it.each([
    ["serpapi", "search", {}, "query: Required"],
    ["serpapi", "search", { q: "x".repeat(501) }, "query: String must contain at most 500 character(s)"],
    ["serpapi", "search", { q: "x", num: 101 }, "num: Number must be less than or equal to 100"],
    ["http_fetch", "get", { url: "not a url" }, "url: Invalid url"],
    ["gmail_send", "send", { ...mail, to: ["a@b.co"] }, "to: Expected string, received array"],
    ["gmail_send", "send", { ...mail, to: "nobody" }, "to: Invalid email"],
    ["openai", "chat", { messages: [] }, "messages: Array must contain at least 1 element(s)"],
  ] as const)(req("fourRunr.params", "%s:%s of %j spends nothing"), async (tool, action, params, issue) => {
    const { gw, asked } = setUp();
    const error = await failure(gw.proxy(tool as string, action, params));
    expect(error).toBeInstanceOf(GatewayValidationError);
    expect(error.details).toEqual([issue]);
    expect(asked).toEqual([]);
  });

  it(req("fourRunr.intent", "stands in params, body and header"), async () => {
    const { gw, proxied } = setUp([{}], {
      defaultIntent: "lead_discovery",
      intentInParams: (tool) => tool !== "openai",
    });
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[0]).toMatchObject({
      headers: { "x-agent-intent": "lead_discovery" },
      body: { intent: "lead_discovery", params: { intent: "lead_discovery" } },
    });
    gw.setIntent("other");
    await gw.proxy("openai", "complete", { prompt: "p" });
    expect(proxied()[1]!.body!.intent).toBe("other");
    expect(proxied()[1]!.body!.params).not.toHaveProperty("intent");
    await gw.proxy("serpapi", "search", { ...search, intent: "own" });
    expect(proxied()[2]!.body!.params).toMatchObject({ intent: "own" });
    gw.setIntent(undefined);
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[3]!.body).not.toHaveProperty("intent");
  });
});

it("the compiler knows the tools, and lets others pass", async () => {
  const { gw } = setUp([{ body: ok({ results: [{ title: "t", url: "u" }] }) }]);
  const found = await gw.proxy("serpapi", "search", { q: "x" });
  const title: string | undefined = found.results?.[0]?.title;
  const unknown: unknown = await gw.proxy("new_tool", "do", { any: 1 });
  expect([title, unknown]).toEqual(["t", { results: [{ title: "t", url: "u" }] }]);
  // @ts-expect-error num is a number
  await failure(gw.proxy("serpapi", "search", { q: "x", num: "10" }));
  // @ts-expect-error to is required
  await failure(gw.proxy("gmail_send", "send", { subject: "s", body: "b" }));
  // @ts-expect-error a result of a tool that is not known is unknown
  unknown.results;
});

describe("idempotency keys", () => {
  const keyed = { ...mail, idempotency_key: "k-1" };

  it(req("fourRunr.idempotency.once", "two calls with one key, at once and later, are one"), async () => {
    const { gw, proxied } = setUp([{ body: ok({ id: "m-1" }) }, { body: ok({ id: "m-2" }) }]);
    const both = await Promise.all([
      gw.proxy("gmail_send", "send", keyed),
      gw.proxy("gmail_send", "send", keyed),
    ]);
    expect([...both, await gw.proxy("gmail_send", "send", keyed)]).toEqual(Array(3).fill({ id: "m-1" }));
    expect(proxied()).toHaveLength(1);
    expect(proxied()[0]!.headers["idempotency-key"]).toBe("k-1");
    expect(await gw.proxy("gmail_send", "send", mail, { idempotencyKey: "k-2" })).toEqual({ id: "m-2" });
  });

  it("one key for two different calls is a conflict", async () => {
    const { gw } = setUp();
    await gw.proxy("gmail_send", "send", keyed);
    const other = { ...keyed, subject: "Another" };
    expect(await failure(gw.proxy("gmail_send", "send", other))).toBeInstanceOf(GatewayConflictError);
  });

  it("a call that may have been carried out is not made again; one that was not, is", async () => {
    const { gw, clock, proxied } = setUp([{ hangs: true }, {}]);
    const first = await clock.until(failure(gw.proxy("gmail_send", "send", keyed)));
    expect(await failure(gw.proxy("gmail_send", "send", keyed))).toBe(first);
    expect(proxied()).toHaveLength(1);
    for (const reply of [
      limited,
      open,
      { throws: refused },
      { status: 403, body: { error: "Policy denied" } },
    ]) {
      const again = setUp([reply, {}], { retry: false });
      await failure(again.gw.proxy("gmail_send", "send", keyed));
      expect(await again.gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
    }
  });
});

describe("jobs", () => {
  it(req("fourRunr.async", "a finished result becomes a job of the client"), async () => {
    const { gw, proxied } = setUp([{ body: ok({ id: "m-1" }) }]);
    const { jobId } = await gw.proxyAsync("gmail_send", "send", mail);
    expect(proxied()[0]!.body!.async).toBe(true);
    expect(await gw.getJob(jobId)).toEqual({ jobId, status: "done", result: { id: "m-1" } });
  });

  it("a job id of the gateway is asked for there, percent-encoded", async () => {
    const { gw, asked } = setUp([
      { status: 202, body: { job_id: "a/b c?#%" } },
      { body: { status: "running", result: null } },
    ]);
    const { jobId } = await gw.proxyAsync("serpapi", "search", search);
    expect(await gw.getJob(jobId)).toEqual({ jobId, status: "running" });
    expect(asked.at(-1)).toMatchObject({ method: "GET", path: "/api/jobs/a%2Fb%20c%3F%23%25" });
  });

  it("a gateway without jobs says so", async () => {
    const body = { message: "Route GET:/api/jobs/x not found", error: "Not Found", statusCode: 404 };
    const { gw } = setUp([{ status: 404, body }]);
    expect(await failure(gw.getJob("x"))).toBeInstanceOf(GatewayUnsupportedError);
  });
});

describe("the local limiter", () => {
  it(req("fourRunr.rate-limit", "of twelve calls at once five leave in each minute, in order"), async () => {
    const { gw, clock, proxied } = setUp([{}], { rateLimit: true });
    const waits: number[] = [];
    gw.on("limit", ({ waitMs }) => waits.push(waitMs!));
    const sent: number[] = [];
    const all = Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        await gw.proxy("serpapi", "search", { q: `q${n}` });
        sent.push(clock.monotonic());
      }),
    );
    await clock.until(all);
    expect(sent).toEqual([...Array(5).fill(0), ...Array(5).fill(60_000), ...Array(2).fill(120_000)]);
    expect(proxied().map(({ body }) => (body!.params as { q: string }).q)).toEqual(
      Array.from({ length: 12 }, (_, n) => `q${n}`),
    );
    expect(waits).toHaveLength(7);
  });

  it("a wait that is aborted gives its place back", async () => {
    const { gw, clock } = setUp([{}], { rateLimit: { calls: 1, windowMs: 1000 } });
    await gw.proxy("serpapi", "search", search);
    const controller = new AbortController();
    const aborted = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortedError);
    await clock.until(gw.proxy("serpapi", "search", search));
    expect(clock.monotonic()).toBe(1000);
  });
});

describe("URLs and close", () => {
  it.each([
    ["http://gateway.test", "/api/proxy-request"],
    ["http://gateway.test//", "/api/proxy-request"],
    ["http://gateway.test/base/v2/", "/base/v2/api/proxy-request"],
  ])(req("fourRunr.urls", "%s"), async (baseUrl, path) => {
    const { gw, asked } = setUp([{}], { baseUrl });
    await gw.proxy("serpapi", "search", search);
    expect(asked.at(-1)!.path).toBe(path);
  });

  it("takes no calls after close, waits for those in hand, and may be closed twice", async () => {
    const { gw, clock } = setUp([down, {}]);
    const inHand = gw.proxy("serpapi", "search", search);
    await clock.settle();
    const closing = Promise.all([gw.close(), gw[Symbol.asyncDispose]()]);
    expect(await failure(gw.proxy("serpapi", "search", search))).toBeInstanceOf(ClosedError);
    expect(await clock.until(inHand)).toEqual({ x: 1 });
    await clock.until(closing);
    expect(clock.pending).toBe(0);
  });

  it("cuts short what does not end in the grace time", async () => {
    const { gw, clock } = setUp([{ hangs: true }], { timeoutMs: 1e9, closeGraceMs: 100 });
    const failed = failure(gw.proxy("serpapi", "search", search));
    await clock.settle();
    await clock.until(gw.close());
    expect(await failed).toBeInstanceOf(Error);
    expect(clock.pending).toBe(0);
  });

  it("middleware wraps calls of tools and sees no token", async () => {
    const seen: unknown[] = [];
    const { gw, proxied } = setUp([{}], {
      middleware: [
        (next) => async (call) => {
          seen.push(call);
          return next({ ...call, params: { ...call.params, num: 3 } });
        },
      ],
    });
    await gw.proxy("serpapi", "search", search);
    expect(proxied()[0]!.body!.params).toMatchObject({ num: 3 });
    expect(JSON.stringify(seen)).not.toContain(String(proxied()[0]!.body!.agent_token));
  });

  it("an error of either family is caught", async () => {
    const { gw } = setUp([limited]);
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect([error instanceof RateLimitError, error instanceof GatewayRateLimitError]).toEqual([true, true]);
  });
});
