import { describe, expect, it } from "vitest";
import { GatewayRateLimitError, GatewayUnsupportedError } from "../../src/4runr/index.js";
import { AbortError, ClosedError, RateLimitError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { failure, mail, ok, search, setUp } from "./scripted.ts";

const down = { status: 503, body: { error: "x" } };
const limited = { status: 429, body: { error: "Rate limit exceeded", retry_after: 7 } };

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
    expect(waits).toEqual([...Array(5).fill(60_000), ...Array(2).fill(120_000)]);
  });

  it("reports how long a call waits from now, and forgets calls beyond its window", async () => {
    const { gw, clock } = setUp([{}], { rateLimit: { calls: 2, windowMs: 1000 } });
    const waits: unknown[] = [];
    gw.on("limit", (event) => waits.push(event));
    const starts: number[] = [];
    for (const pauseMs of [0, 300, 400, 0, 1000]) {
      await clock.advance(pauseMs);
      await clock.until(gw.proxy("serpapi", "search", search));
      starts.push(clock.monotonic());
    }
    expect(starts).toEqual([0, 300, 1000, 1300, 2300]);
    expect(waits).toEqual([
      { source: "local", waitMs: 300 },
      { source: "local", waitMs: 300 },
    ]);
  });

  it("a wait that is aborted gives its place back", async () => {
    const { gw, clock } = setUp([{}], { rateLimit: { calls: 1, windowMs: 1000 } });
    await gw.proxy("serpapi", "search", search);
    const controller = new AbortController();
    const aborted = failure(gw.proxy("serpapi", "search", search, { signal: controller.signal }));
    await clock.settle();
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortError);
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

  it("ends what the limiter holds back, which was not sent", async () => {
    const { gw, clock, proxied } = setUp([{}], { rateLimit: { calls: 1 } });
    await gw.proxy("serpapi", "search", search);
    const held = failure(gw.proxy("serpapi", "search", search));
    await clock.settle();
    await clock.until(gw.close());
    expect(await held).toBeInstanceOf(ClosedError);
    expect(await held).toMatchObject({ sent: false });
    expect([proxied().length, clock.monotonic(), clock.pending]).toEqual([1, 0, 0]);
  });

  it("cuts short what does not end in the grace time", async () => {
    const { gw, clock } = setUp([{ hangs: true }], { timeoutMs: 1e9, graceMs: 100 });
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
