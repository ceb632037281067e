/** What goes wrong around a call: clocks, aborts, shared keys, limits, answers that are none. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  GatewayAdmin,
  GatewayClient,
  GatewayConflictError,
  GatewayProtocolError,
  GatewayTimeoutError,
  GatewayValidationError,
  type ProxyOptions,
} from "../../src/4runr/index.js";
import { AbortError, ClosedError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { agentId, failure, issued, mail, ok, type Reply, search, setUp } from "./scripted.ts";

const HOUR = 3_600_000;
const keyed = { ...mail, idempotency_key: "k-1" };
const down = { status: 503, body: { error: "Service is shutting down" } };

describe("an idempotency key", () => {
  it(req("fourRunr.idempotency.freed", "is free again after an abort before the call"), async () => {
    const { gw, proxied } = setUp();
    const gone = AbortSignal.abort();
    expect(await failure(gw.proxy("gmail_send", "send", keyed, { signal: gone }))).toBeInstanceOf(AbortError);
    expect(await gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(1);
  });

  it(req("fourRunr.idempotency.freed", "is free again after a failure of the token endpoint"), async () => {
    const { gw } = setUp([{}], { retry: false }, (n) => (n === 1 ? { status: 500, body: {} } : issued(n)));
    expect((await failure(gw.proxy("gmail_send", "send", keyed))).status).toBe(500);
    expect(await gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
  });

  it(req("fourRunr.idempotency.freed", "is free again after parameters that were refused here"), async () => {
    const { gw } = setUp();
    const wrong = { ...keyed, to: "nobody" };
    expect(await failure(gw.proxy("gmail_send", "send", wrong))).toBeInstanceOf(GatewayValidationError);
    expect(await gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
  });

  it(req("fourRunr.idempotency.freed", "is free again after an abort in the limiter"), async () => {
    const { gw, clock, proxied } = setUp([{}], { rateLimit: { calls: 1, windowMs: 1_000 } });
    await gw.proxy("serpapi", "search", search);
    const controller = new AbortController();
    const held = failure(gw.proxy("gmail_send", "send", keyed, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await held).toBeInstanceOf(AbortError);
    expect(await clock.until(gw.proxy("gmail_send", "send", keyed))).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(2);
  });

  it(req("fourRunr.idempotency.joined", "is shared by callers who leave one by one"), async () => {
    const { gw, clock, proxied } = setUp([{}], { rateLimit: { calls: 1, windowMs: 1_000 } });
    await gw.proxy("serpapi", "search", search);
    const [first, second] = [new AbortController(), new AbortController()];
    const one = failure(gw.proxy("gmail_send", "send", keyed, { signal: first.signal }));
    const two = failure(gw.proxy("gmail_send", "send", keyed, { signal: second.signal }));
    const three = gw.proxy("gmail_send", "send", keyed);
    await clock.settle();
    first.abort();
    expect(await one).toBeInstanceOf(AbortError);
    second.abort();
    expect(await two).toBeInstanceOf(AbortError);
    expect(await clock.until(three)).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(2);
  });

  it("ends the request when the last caller has left", async () => {
    const { gw, clock, proxied } = setUp([{ hangs: true }], { timeoutMs: 1e9 });
    const controller = new AbortController();
    const calls = [1, 2].map(() =>
      failure(gw.proxy("gmail_send", "send", keyed, { signal: controller.signal })),
    );
    await clock.settle();
    controller.abort();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(AbortError);
    await clock.settle();
    expect([proxied().length, clock.pending]).toEqual([1, 0]);
  });

  it.each<[string, (abort: () => void, clock: FakeClock) => unknown, ProxyOptions]>([
    ["aborted", (abort) => abort(), {}],
    ["ran out of time", (_, clock) => clock.advance(500), { totalTimeoutMs: 500 }],
  ])("of a call that %s after its request left is in doubt for the next caller", async (_, end, options) => {
    const { gw, clock, proxied } = setUp([{ hangs: true }, {}], { timeoutMs: 1e9 });
    const controller = new AbortController();
    const first = failure(gw.proxy("gmail_send", "send", keyed, { signal: controller.signal, ...options }));
    await clock.settle();
    await end(() => controller.abort(), clock);
    expect(await first).toMatchObject({
      attempts: 1,
      correlationId: proxied()[0]!.headers["x-correlation-id"],
    });
    for (let i = 0; i < 2; i++) {
      const next = await failure(gw.proxy("gmail_send", "send", keyed, { correlationId: `next-${i}` }));
      expect(next).toBeInstanceOf(GatewayConflictError);
      expect(next).toMatchObject({ code: "OUTCOME_IN_DOUBT", correlationId: `next-${i}` });
      expect(next.sent).toBeUndefined(); // false would say that a repetition is safe
      await clock.settle();
    }
    expect(proxied()).toHaveLength(1);
  });

  it("gives each caller an error that names its own call", async () => {
    const { gw } = setUp([{ status: 502, body: { error: "External API request failed" } }], { retry: false });
    const ids = ["a", "b"];
    const errors = await Promise.all(
      ids.map((correlationId) => failure(gw.proxy("gmail_send", "send", keyed, { correlationId }))),
    );
    expect(errors.map((error) => [error.correlationId, error.status, error instanceof Error])).toEqual([
      ["a", 502, true],
      ["b", 502, true],
    ]);
  });

  it("of a call whose result came before an abort keeps that result", async () => {
    const { gw, proxied } = setUp();
    await gw.proxy("gmail_send", "send", keyed);
    expect(
      await failure(gw.proxy("gmail_send", "send", keyed, { signal: AbortSignal.abort() })),
    ).toBeInstanceOf(AbortError);
    expect(await gw.proxy("gmail_send", "send", keyed)).toEqual({ x: 1 });
    expect(proxied()).toHaveLength(1);
  });

  it("is remembered as often as the option says", async () => {
    const { gw, proxied } = setUp([{}], { idempotencyKeys: 1 });
    for (const idempotencyKey of ["a", "b", "b", "a"])
      await gw.proxy("gmail_send", "send", mail, { idempotencyKey });
    expect(proxied().map(({ headers }) => headers["idempotency-key"])).toEqual(["a", "b", "a"]);
  });

  it("of a call in the background gives its result, or says that it goes on", async () => {
    const queued = { status: 202, body: { job_id: "j-1" } };
    const done = setUp([queued, { body: { status: "done", result: { id: 7 } } }]);
    await done.gw.proxyAsync("gmail_send", "send", keyed);
    expect(await done.gw.proxy("gmail_send", "send", keyed)).toEqual({ id: 7 });
    const running = setUp([queued, { body: { status: "running" } }]);
    await running.gw.proxyAsync("gmail_send", "send", keyed);
    const error = await failure(running.gw.proxy("gmail_send", "send", keyed));
    expect(error).toBeInstanceOf(GatewayConflictError);
    expect(error.details).toEqual({ jobId: "j-1", status: "running" });
  });
});

it(req("fourRunr.middleware.once", "middleware is composed once, and may answer by itself"), async () => {
  let made = 0;
  const cache = new Map<string, unknown>();
  const { gw, proxied } = setUp([{}], {
    middleware: [
      (next) => {
        made++;
        return async (call) => {
          const key = JSON.stringify(call.params);
          if (!cache.has(key)) cache.set(key, await next(call));
          return cache.get(key);
        };
      },
    ],
  });
  for (let i = 0; i < 3; i++) expect(await gw.proxy("serpapi", "search", search)).toEqual({ x: 1 });
  expect((await gw.proxy("serpapi", "search", search).withResponse()).attempts).toBe(0);
  expect([made, proxied().length]).toEqual([1, 1]);
});

describe("time", () => {
  it(req("fourRunr.time.token", "timeoutMs of a call bounds its token request"), async () => {
    const { gw, clock, proxied } = setUp([{}], { retry: false }, () => ({ hangs: true }));
    const error = await clock.until(failure(gw.proxy("serpapi", "search", search, { timeoutMs: 300 })));
    expect(error).toBeInstanceOf(GatewayTimeoutError);
    expect([clock.monotonic(), proxied().length]).toEqual([300, 0]);
  });

  it.each<[string, ProxyOptions, number]>([
    ["timeoutMs", { timeoutMs: 300, retry: false }, 300],
    ["totalTimeoutMs", { totalTimeoutMs: 400 }, 400],
    [
      "timeoutMs of each attempt",
      { timeoutMs: 300, retry: { attempts: 2, minDelayMs: 100, jitter: 0 } },
      700,
    ],
  ])("%s of a call bounds its wait for a token that another call has asked for", async (_, options, ms) => {
    const { gw, clock, tokenRequests } = setUp([{}], { timeoutMs: 31_000 }, () => ({ hangs: true }));
    const first = failure(gw.proxy("serpapi", "search", search, { retry: false }));
    await clock.settle();
    const error = await clock.until(failure(gw.proxy("serpapi", "search", search, options)));
    expect(error).toBeInstanceOf(GatewayTimeoutError);
    expect([clock.monotonic(), tokenRequests().length]).toEqual([ms, 1]);
    expect(await clock.until(first)).toBeInstanceOf(GatewayTimeoutError);
    expect([clock.monotonic(), clock.pending]).toEqual([31_000, 0]);
  });

  it("a call that joins a token request is not bound by the limits of the call that began it", async () => {
    let give = (): void => {};
    const { gw, clock, tokenRequests } = setUp([{}], { timeoutMs: 31_000 }, (n) => ({
      ...issued(n),
      until: new Promise<void>((resolve) => (give = resolve)),
    }));
    const first = failure(gw.proxy("serpapi", "search", search, { timeoutMs: 300, retry: false }));
    await clock.settle();
    const second = gw.proxy("serpapi", "search", search);
    expect(await clock.until(first)).toBeInstanceOf(GatewayTimeoutError);
    give();
    expect(await second).toEqual({ x: 1 });
    expect(tokenRequests()).toHaveLength(1);
  });

  it("the last call that waits for a token takes its request with it", async () => {
    const { gw, clock, tokenRequests } = setUp([{}], {}, (n) => (n === 1 ? { hangs: true } : issued(n)));
    const controller = new AbortController();
    const gone = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await gone).toBeInstanceOf(AbortError);
    expect(await gw.proxy("serpapi", "search", search)).toEqual({ x: 1 });
    expect([tokenRequests().length, clock.pending]).toEqual([2, 0]);
  });

  it.each<[string, ProxyOptions, number]>([
    ["false", { retry: false }, 1],
    ["two attempts", { retry: { attempts: 2 } }, 2],
    ["the client's four", {}, 4],
  ])("retry of a call, %s, holds for its token request", async (_, options, attempts) => {
    const { gw, clock, tokenRequests, proxied } = setUp([{}], {}, () => down);
    const error = await clock.until(failure(gw.proxy("gmail_send", "send", mail, options)));
    expect(error).toMatchObject({ status: 503, attempts });
    expect([tokenRequests().length, proxied().length]).toEqual([attempts, 0]);
  });

  it.each<[string, ProxyOptions, (abort: () => void) => void]>([
    ["an abort", {}, (abort) => abort()],
    ["the total limit", { totalTimeoutMs: 200 }, () => {}],
    ["the limit of a request", { timeoutMs: 200, retry: false }, () => {}],
  ])("%s during a token request says of which call, and after how many attempts", async (_, options, end) => {
    for (const params of [search, { ...search, idempotency_key: "k" }]) {
      const { gw, clock } = setUp([{}], {}, () => ({ hangs: true }));
      const controller = new AbortController();
      const { signal } = controller;
      const failed = failure(
        gw.proxy("serpapi", "search", params, { signal, correlationId: "c-1", ...options }),
      );
      await clock.settle();
      end(() => controller.abort());
      const error = await clock.until(failed);
      expect(error.correlationId).toBe("c-1");
      expect(error.attempts).toBeTypeOf("number");
    }
  });

  it(req("fourRunr.time.total", "totalTimeoutMs bounds the whole call, waits included"), async () => {
    for (const options of [{ rateLimit: { calls: 1, windowMs: HOUR } }, { waitForLimits: true }]) {
      const limited = { status: 429, body: { error: "Rate limit exceeded", retry_after: 30 } };
      const { gw, clock } = setUp([{}, limited], options);
      await gw.proxy("serpapi", "search", search);
      const error = await clock.until(
        failure(gw.proxy("serpapi", "search", search, { totalTimeoutMs: 2_000 })),
      );
      expect(error).toBeInstanceOf(GatewayTimeoutError);
      expect(error.message).toContain("totalTimeoutMs");
      expect([clock.monotonic(), clock.pending]).toEqual([2_000, 0]);
    }
  });

  it(req("fourRunr.token.clock", "the gateway's clock is used where ours is behind"), async () => {
    const refusal = {
      status: 400,
      body: { error: "Validation error", details: [{ message: "Token expiry date must be in the future." }] },
      headers: { date: new Date(Date.UTC(2026, 0, 1, 0, 20)).toUTCString() },
    };
    const { gw, tokenRequests } = setUp([{}], {}, (n) => (n === 1 ? refusal : issued(n)));
    expect(await gw.proxy("serpapi", "search", search)).toEqual({ x: 1 });
    expect(tokenRequests().map(({ body }) => body!.expires_at)).toEqual([
      "2026-01-01T00:10:00.000Z",
      "2026-01-01T00:30:00.000Z",
    ]);
  });

  it(
    req("fourRunr.token.slept", "an own token that a sleep of the machine made too old is replaced"),
    async () => {
      const clock = new FakeClock();
      let slept = 0;
      const sleepy = Object.assign(Object.create(clock) as FakeClock, {
        now: () => clock.now() + slept,
        monotonic: () => clock.monotonic(),
        setTimeout: clock.setTimeout.bind(clock),
        clearTimeout: clock.clearTimeout.bind(clock),
      });
      const { gw, tokenRequests } = setUp([{}], { clock: sleepy, tokenTtlMs: 12 * HOUR });
      await gw.proxy("serpapi", "search", search);
      slept = 25 * HOUR;
      expect(await gw.proxy("serpapi", "search", search)).toEqual({ x: 1 });
      expect(tokenRequests()).toHaveLength(2);
    },
  );

  it("a call that the limiter holds back ends at once when the client is closed", async () => {
    const { gw, clock, proxied } = setUp([{}], { rateLimit: { calls: 1, windowMs: HOUR } });
    await gw.proxy("serpapi", "search", search);
    const held = failure(gw.proxy("serpapi", "search", search));
    await clock.settle();
    await gw.close();
    expect(await held).toBeInstanceOf(ClosedError);
    expect([clock.monotonic(), clock.pending, proxied().length]).toEqual([0, 0, 1]);
  });
});

describe("answers", () => {
  const headers = { "x-correlation-id": "req_1_gateway", "content-type": "text/html" };
  it.each<[Reply]>([
    [{ status: 200, body: "<html>hello</html>", headers }],
    [{ status: 200, body: '{"success": tr', headers }],
    [{ status: 204, headers }],
    [{ status: 202, body: {}, headers }],
    [{ status: 200, body: { success: true }, headers }],
    [{ status: 200, body: [1], headers }],
  ])(req("fourRunr.errors.facts", "an error about %j carries what came"), async (reply) => {
    const { gw, proxied } = setUp([reply], { retry: false });
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toBeInstanceOf(GatewayProtocolError);
    expect(error).toMatchObject({ status: reply.status, requestId: "req_1_gateway" });
    expect(error.correlationId).toBe(proxied()[0]!.headers["x-correlation-id"]);
    expect((error.headers as Headers).get("content-type")).toBe("text/html");
    if (reply.body !== undefined) expect(error.body).toEqual(reply.body);
  });

  it(req("fourRunr.results", "give status, headers, the gateway's id and the attempts"), async () => {
    const { gw, clock } = setUp([down, { body: ok({ n: 1 }), headers }]);
    const result = await clock.until(gw.proxy("serpapi", "search", search).withResponse());
    expect(result).toMatchObject({ data: { n: 1 }, status: 200, requestId: "req_1_gateway", attempts: 2 });
    expect(result.headers.get("content-type")).toBe("text/html");
  });

  it("options of a call: headers and retry", async () => {
    const { gw, proxied } = setUp([down]);
    const options = { headers: { "X-Team": "a" }, retry: false, correlationId: "mine-1" } as const;
    const error = await failure(gw.proxy("serpapi", "search", search, options));
    expect(error).toMatchObject({ status: 503, correlationId: "mine-1" });
    expect(proxied().map(({ headers }) => [headers["x-team"], headers["x-correlation-id"]])).toEqual([
      ["a", "mine-1"],
    ]);
  });
});

describe("a chat", () => {
  const messages = [{ role: "user", content: "one" }] as const;

  it(
    req("fourRunr.bridge.chat", "gets `input` only from a gateway in mock mode, which is found out once"),
    async () => {
      const fault = {
        status: 502,
        body: {
          error: "External API request failed",
          details: "Cannot read properties of undefined (reading 'slice')",
        },
      };
      const { gw, proxied } = setUp([fault, {}]);
      await gw.proxy("openai", "chat", { messages: [...messages] });
      await gw.proxy("openai", "chat", { messages: [...messages] });
      expect(proxied().map(({ body }) => (body!.params as { input?: string }).input)).toEqual([
        undefined,
        "one",
        "one",
      ]);
    },
  );

  it("works with mock://, and says so once", async () => {
    const warned: string[] = [];
    const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} };
    await using gw = new GatewayClient({ baseUrl: "mock://local", agentId, logger });
    expect(await gw.proxy("openai", "chat", { messages: [...messages] })).toMatchObject({
      output: "SUMMARY: one",
    });
    expect(warned.filter((text) => text.includes("mock://"))).toHaveLength(1);
  });

  it("in the background on mock:// has its result for the next call with its key", async () => {
    await using gw = new GatewayClient({ baseUrl: "mock://local", agentId, logger: false });
    const call = { messages: [...messages], idempotency_key: "k" };
    const { jobId } = await gw.proxyAsync("openai", "chat", call);
    const { result } = await gw.getJob(jobId);
    expect(result).toMatchObject({ output: "SUMMARY: one" });
    expect(await gw.proxy("openai", "chat", call)).toEqual(result);
  });

  it("is left as it is for tools that the switch names", async () => {
    const { gw, proxied } = setUp([{}], { bridgeParams: (tool) => tool !== "openai" });
    await gw.proxy("openai", "chat", { messages: [...messages] });
    expect(proxied()[0]!.body!.params).toEqual({ messages });
  });
});

describe("input", () => {
  it("of a constructor that is not valid is a GatewayError", () => {
    for (const options of [
      { baseUrl: "nope" },
      { baseUrl: "ftp://g" },
      { baseUrl: "http://g", timeoutMs: -1 },
    ]) {
      for (const make of [() => new GatewayClient({ agentId, ...options }), () => new GatewayAdmin(options)])
        expect(make).toThrow(GatewayValidationError);
    }
  });

  it(req("fourRunr.urls.password", "a base URL with a password is refused without showing it"), () => {
    for (const make of [
      () => new GatewayClient({ baseUrl: "http://me:pass-word@gateway.test", agentId }),
      () => new GatewayAdmin({ baseUrl: "http://me:pass-word@gateway.test" }),
    ]) {
      try {
        make();
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(ValidationError);
        expect(inspect(error, { depth: 9 })).not.toContain("pass-word");
      }
    }
  });

  it.each([[undefined], [null], ["q"], [3]])("params %j is a typed error", async (params) => {
    const { gw, asked } = setUp();
    const call = gw.proxy("serpapi", "search", params as unknown as { q: string });
    expect(await failure(call)).toBeInstanceOf(GatewayValidationError);
    expect(asked).toEqual([]);
  });

  it("a limit that is no limit is a typed error, and nothing is sent", async () => {
    const { gw, asked } = setUp();
    for (const options of [{ totalTimeoutMs: -1 }, { timeoutMs: Number.NaN, agentToken: "t.1" }]) {
      expect(await failure(gw.proxy("serpapi", "search", search, options))).toBeInstanceOf(
        GatewayValidationError,
      );
    }
    expect(asked).toEqual([]);
  });

  it("a signal that has fired sends nothing, no token request either", async () => {
    const { gw, asked } = setUp();
    await failure(gw.proxy("serpapi", "search", search, { signal: AbortSignal.abort() }));
    expect(asked).toEqual([]);
  });

  it("AGENT_ID is trimmed", () => {
    process.env.AGENT_ID = " agent-1 \n";
    try {
      expect(new GatewayClient({ baseUrl: "mock://x" }).agentId).toBe("agent-1");
    } finally {
      delete process.env.AGENT_ID;
    }
  });
});
