/** What is said, and kept, about calls that end before their result is known. */
import { describe, expect, it } from "vitest";
import {
  GatewayClient,
  GatewayProtocolError,
  GatewayTimeoutError,
  GatewayValidationError,
  generateIdempotencyKeyFromData,
  type ProxyOptions,
  type TokenOptions,
} from "../../src/4runr/index.js";
import { AbortError, ClosedError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { agentId, failure, issued, mail, ok, type Reply, scripted, search, setUp } from "./scripted.ts";

const keyed = { ...mail, idempotency_key: "k-1" };
const limited: Reply = { status: 429, body: { error: "Rate limit exceeded", retry_after: 30 } };
const refusedConnection = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
const hanging = () => () => new Promise<never>(() => {});

describe("a middleware that never returns", () => {
  it.each<[string, ProxyOptions, (abort: () => void) => void, unknown]>([
    ["an abort", { correlationId: "c" }, (abort) => abort(), AbortError],
    ["the total limit", { correlationId: "c", totalTimeoutMs: 100 }, () => {}, GatewayTimeoutError],
  ])("is left at %s", async (_, options, end, type) => {
    const { gw, clock, asked } = setUp([{}], { middleware: [hanging] });
    const controller = new AbortController();
    const failed = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal, ...options }));
    await clock.settle();
    end(() => controller.abort());
    const error = await clock.until(failed);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ correlationId: "c", sent: false });
    expect([asked.length, clock.pending]).toEqual([0, 0]);
  });

  it("is left when the client is closed", async () => {
    const { gw, clock } = setUp([{}], { middleware: [hanging] });
    const failed = failure(gw.proxy("serpapi", "search", search));
    await clock.settle();
    await clock.until(gw.close());
    expect(await failed).toBeInstanceOf(ClosedError);
  });

  it("learns by its signal that the call has ended", async () => {
    let reason: unknown;
    const { gw, clock } = setUp([{}], {
      middleware: [
        () => (call) =>
          new Promise(() => call.signal.addEventListener("abort", () => (reason = call.signal.reason))),
      ],
    });
    const error = await clock.until(failure(gw.proxy("serpapi", "search", search, { totalTimeoutMs: 100 })));
    expect(error).toBeInstanceOf(GatewayTimeoutError);
    expect(String(reason)).toContain("totalTimeoutMs");
  });
});

describe("an idempotency key", () => {
  it.each<[string, Reply]>([
    ["is refused", limited],
    ["does not leave", { throws: refusedConnection }],
  ])("is free after an abort while a call that %s waits for its next attempt", async (_, reply) => {
    const { gw, clock, proxied } = setUp([reply, {}], { waitForLimits: true });
    const controller = new AbortController();
    const first = failure(gw.proxy("gmail_send", "send", keyed, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await first).toBeInstanceOf(AbortError);
    expect(await gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(2);
  });

  it("is kept if an earlier attempt may have been carried out, whatever became of the last one", async () => {
    const replies = [{ throws: new TypeError("reset") }, { throws: refusedConnection }, {}];
    const { gw, clock, proxied } = setUp(replies);
    const retry = { attempts: 2 };
    const call = () => gw.proxy("serpapi", "search", { ...search, idempotency_key: "k" }, { retry });
    const first = await clock.until(failure(call()));
    expect(first).toMatchObject({ attempts: 2, code: "NETWORK_ERROR" });
    expect(first.sent).toBeUndefined();
    expect(await failure(call())).toMatchObject({ code: "NETWORK_ERROR" });
    expect(proxied()).toHaveLength(2);
  });

  it.each<[boolean, Reply]>([
    [true, { status: 500, body: { error: "Internal server error during proxy request" } }],
    [true, { status: 502, body: "<html>" }],
    [true, { status: 302, headers: { location: "/login" } }],
    [true, { status: 200, body: "<html>" }],
    [true, { status: 404, body: { error: "External API request failed", details: "HTTP 404" } }],
    [true, { throws: new TypeError("reset") }],
    [false, { status: 400, body: { error: "Validation failed" } }],
    [false, { status: 403, body: { error: "Policy denied" } }],
    [false, { status: 499, body: { error: "no" } }],
  ])(
    req(
      "fourRunr.idempotency.once",
      "is kept (%s) after a failure that may, or cannot, be that of a call that was carried out: %j",
    ),
    async (isKept, reply) => {
      const { gw, proxied } = setUp([reply, {}], { retry: false });
      await failure(gw.proxy("gmail_send", "send", keyed));
      const second = await gw.proxy("gmail_send", "send", keyed).catch((error: unknown) => error);
      expect(proxied()).toHaveLength(isKept ? 1 : 2);
      if (!isKept) expect(second).toEqual({ x: 1 });
    },
  );

  it("is kept if a response that seemed to refuse the call was cut off", async () => {
    let calls = 0;
    const { fetch } = scripted([]);
    const cutOff = (): Response => {
      const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("reset")) });
      return new Response(body, { status: 404 });
    };
    const { gw } = setUp([], {
      retry: false,
      fetch: async (url, init) => {
        if (String(url).endsWith("/api/generate-token")) return fetch(url, init);
        return calls++ === 0 ? cutOff() : Response.json(ok({ x: 1 }));
      },
    });
    const first = await failure(gw.proxy("gmail_send", "send", keyed));
    expect(first).toMatchObject({ code: "NETWORK_ERROR", status: 404 });
    expect(await failure(gw.proxy("gmail_send", "send", keyed))).toMatchObject({ code: "NETWORK_ERROR" });
    expect(calls).toBe(1);
  });

  it("stays that of a finished call when a later caller leaves", async () => {
    const { gw, clock, proxied } = setUp([{}, { body: ok({ x: 2 }) }]);
    await gw.proxy("gmail_send", "send", keyed);
    for (let steps = 0; steps < 30; steps++) {
      const controller = new AbortController();
      const late = gw.proxy("gmail_send", "send", keyed, { signal: controller.signal }).catch(() => {});
      for (let step = 0; step < steps; step++) await Promise.resolve();
      controller.abort();
      await late;
    }
    expect(await clock.until(gw.proxy("gmail_send", "send", keyed))).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(1);
  });

  it("on its way is not forgotten for newer ones", async () => {
    let give = (): void => {};
    const until = new Promise<void>((resolve) => (give = resolve));
    const { gw, clock, proxied } = setUp([{ until }, {}], { idempotencyKeys: 1 });
    const first = gw.proxy("gmail_send", "send", mail, { idempotencyKey: "a" });
    await clock.settle();
    await gw.proxy("gmail_send", "send", mail, { idempotencyKey: "b" });
    const second = gw.proxy("gmail_send", "send", mail, { idempotencyKey: "a" });
    give();
    expect(await Promise.all([first, second])).toEqual([{ x: 1 }, { x: 1 }]);
    expect(proxied()).toHaveLength(2);
  });

  it("gives each caller a result of its own", async () => {
    const { gw } = setUp([{ body: ok({ list: [1] }) }]);
    const call = () => gw.proxy("tool", "action", { idempotency_key: "k" }) as Promise<{ list: number[] }>;
    (await call()).list.push(2);
    expect(await call()).toEqual({ list: [1] });
  });

  it("lets a second caller bound its wait with timeoutMs", async () => {
    const { gw, clock } = setUp([{ hangs: true }], { timeoutMs: 60_000, retry: false });
    const first = failure(gw.proxy("gmail_send", "send", keyed));
    await clock.settle();
    const second = await clock.until(failure(gw.proxy("gmail_send", "send", keyed, { timeoutMs: 100 })));
    expect(second).toBeInstanceOf(GatewayTimeoutError);
    expect(clock.monotonic()).toBe(100);
    expect(await clock.until(first)).toBeInstanceOf(GatewayTimeoutError);
  });
});

describe("facts", () => {
  it.each<[string, ProxyOptions, (abort: () => void) => void]>([
    ["aborted", {}, (abort) => abort()],
    ["out of time", { totalTimeoutMs: 100 }, () => {}],
  ])("of a call that is %s in the local limiter say that it was not sent", async (_, options, end) => {
    const { gw, clock } = setUp([{}], { rateLimit: { calls: 1 } });
    await gw.proxy("serpapi", "search", search);
    const controller = new AbortController();
    const held = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal, ...options }));
    await clock.settle();
    end(() => controller.abort());
    expect(await clock.until(held)).toMatchObject({ sent: false });
  });

  it("count the requests for a token where nothing else was sent", async () => {
    const { gw, clock, tokenRequests } = setUp([{}], {}, () => ({ hangs: true }));
    const controller = new AbortController();
    const failed = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await failed).toMatchObject({ name: "AbortError", attempts: 1, sent: false });
    expect(tokenRequests()).toHaveLength(1);
  });

  it("of a call stand in a debug line, without its secrets", async () => {
    const lines: [string, object?][] = [];
    const none = () => {};
    const logger = {
      debug: (...line: [string, object?]) => void lines.push(line),
      info: none,
      warn: none,
      error: none,
    };
    const { gw } = setUp([{}], { logger });
    await gw.proxy("tool", "action", { q: 1, password: "planted" }, { correlationId: "c" });
    const params = { q: 1, password: expect.not.stringContaining("planted") };
    const line = { tool: "tool", action: "action", correlationId: "c", params };
    expect(lines).toContainEqual(["calling a tool", line]);
  });

  it("count the attempts with both tokens", async () => {
    const expired = { status: 403, body: { error: "Token expired" } };
    const { gw } = setUp([expired, {}]);
    expect(await gw.proxy("serpapi", "search", search).withResponse()).toMatchObject({ attempts: 2 });
  });

  it("of a call after the close name it", async () => {
    const { gw } = setUp();
    await gw.close();
    const error = await failure(gw.proxy("serpapi", "search", search, { correlationId: "c" }));
    expect(error).toBeInstanceOf(ClosedError);
    expect(error).toMatchObject({ correlationId: "c", sent: false });
  });
});

describe("what is wrong", () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;

  it.each<[string, Record<string, unknown>, object]>([
    ["an intent with a lone surrogate", {}, { intent: "\ud800" }],
    ["a key with a lone surrogate", {}, { idempotencyKey: "\ud800" }],
    ["a bigint under a key", { n: 1n }, { idempotencyKey: "k" }],
    ["a cycle under a key", loop, { idempotencyKey: "k" }],
    ["a bigint", { n: 1n }, {}],
    ["a proof that is a bigint", {}, { proofPayload: 1n }],
    ["a proof that is a function", {}, { proofPayload: () => 1 }],
    ["a token that is a number", {}, { agentToken: 5 }],
    ["a signal that is none", {}, { signal: {} }],
    ["a retry that is none", {}, { retry: 5 }],
    ["headers that are none", {}, { headers: 5 }],
    ["headers that are Headers", {}, { headers: new Headers({ a: "b" }) }],
    ["a key that is a number", {}, { idempotencyKey: 5 }],
    ["an intent that is a number", {}, { intent: 5 }],
    ["parameters that are a list", [] as never, {}],
    ["parameters that are a Map", new Map([["a", 1]]) as never, {}],
  ])("with %s is a GatewayValidationError with the code of the table", async (_, params, options) => {
    const { gw, proxied } = setUp();
    const error = await failure(gw.proxy("tool", "action", params, options as ProxyOptions));
    expect(error).toBeInstanceOf(GatewayValidationError);
    expect(error.code).toMatch(/^(?:VALIDATION_ERROR|INVALID_TEXT|INVALID_HEADER|NOT_SERIALIZABLE)$/);
    if (error.code === "INVALID_TEXT") expect(error.message).toContain(Object.keys(options)[0]);
    expect(proxied()).toEqual([]);
  });

  it.each([[{ agent_token: 5 }], [{ agent_token: "" }], [{ agent_token: "two words" }]])(
    "with the token response %j is a GatewayProtocolError",
    async (body) => {
      const { gw } = setUp([{}], {}, () => ({ ...issued(1), body }));
      const error = await failure(gw.proxy("serpapi", "search", search));
      expect(error).toBeInstanceOf(GatewayProtocolError);
      expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status: 201 });
    },
  );

  it.each<[string, object]>([
    ["middleware", { middleware: [5] }],
    ["middleware", { middleware: 5 }],
    ["baseUrl", { baseUrl: 5 }],
    ["agentId", { agentId: 5 }],
    ["tools", { tools: 5 }],
    ["permissions", { permissions: "read" }],
    ["defaultIntent", { defaultIntent: 5 }],
    ["fetch", { fetch: 5 }],
    ["logger", { logger: 5 }],
    ["rateLimit.calls", { rateLimit: { calls: Number.NaN } }],
    ["rateLimit.windowMs", { rateLimit: { windowMs: -1 } }],
    ["idempotencyKeys", { idempotencyKeys: Number.NaN }],
    ["tokenTtlMs", { tokenTtlMs: Number.NaN }],
    ["graceMs", { graceMs: -1 }],
    ["timeoutMs", { timeoutMs: Number.NaN }],
    ["retry", { retry: { attempts: 0 } }],
  ])("with the option %s is a GatewayValidationError", (name, options) => {
    const make = () => new GatewayClient({ baseUrl: "http://gateway.test", agentId, ...options });
    expect(make).toThrow(GatewayValidationError);
    expect(make).toThrow(new RegExp(name.replace(".", "\\.")));
    try {
      make();
    } catch (error) {
      expect(error).toMatchObject({ code: "VALIDATION_ERROR" });
    }
  });

  it.each<[string, object]>([
    ["tools", {}],
    ["tools", { tools: "search" }],
    ["permissions", { tools: ["search"], permissions: 5 }],
    ["ttlMinutes", { tools: ["search"], ttlMinutes: Number.NaN }],
  ])("with %s of a token request is a GatewayValidationError: %j", async (name, options) => {
    const { gw, asked } = setUp();
    const error = await failure(gw.getToken(options as TokenOptions));
    expect(error).toBeInstanceOf(GatewayValidationError);
    expect(error.message).toContain(name);
    expect(asked).toEqual([]);
  });

  it("with what a middleware passes on is a GatewayValidationError", async () => {
    const { gw, asked } = setUp([{}], { middleware: [(next) => () => next(undefined as never)] });
    expect(await failure(gw.proxy("tool", "action", {}))).toBeInstanceOf(GatewayValidationError);
    expect(asked).toEqual([]);
  });

  it("with the data of a key is a GatewayValidationError", () => {
    for (const mode of ["canonical", "python", "javascript"] as const)
      expect(() => generateIdempotencyKeyFromData("t", "a", loop, mode)).toThrow(GatewayValidationError);
  });
});
