/** The user's middleware around every request. */
import { describe, expect, it } from "vitest";
import { NotFoundError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { bearer, type HttpAnswer, type HttpCall, type HttpMiddleware } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { all, client, events, failure, json, read, serve, transports, write } from "./server.ts";

const answerOf = (status: number, text: string, headers: HeadersInit = {}): HttpAnswer => ({
  status,
  headers: new Headers(headers),
  text,
  body: "not what is read",
});

describe.each(transports)("middleware over %s", (_, how) => {
  const start = async (middleware: HttpMiddleware[], statuses: number[] = [], more: object = {}) => {
    const { baseUrl, seen } = await serve((_, response, n) => json(response, statuses[n] ?? 200, { n }));
    return { http: client(baseUrl, { ...how, ...more, middleware }), seen, baseUrl };
  };

  it("is composed once, the first one outermost, and sees each request", async () => {
    const order: string[] = [];
    const calls: HttpCall[] = [];
    let composed = 0;
    const named =
      (name: string): HttpMiddleware =>
      (next) => {
        composed++;
        return async (call) => {
          order.push(`${name} in`);
          if (name === "a") calls.push(call);
          const answer = await next(call);
          order.push(`${name} out ${answer.status}`);
          return answer;
        };
      };
    const { http, baseUrl } = await start([named("a"), named("b")], [503], { auth: bearer("t") });
    await http.send({ ...write, idempotent: true }, [], { headers: { "X-B": "1" } }, { a: 1 });
    await http.send(read, ["1"], { query: { q: 1 } });
    expect(composed).toBe(2);
    expect(order.slice(0, 6)).toEqual(["a in", "b in", "a in", "b in", "b out 200", "a out 200"]);
    expect(
      calls.map(({ operationId, method, url, attempt, body }) => [operationId, method, url, attempt, body]),
    ).toEqual([
      ["write", "POST", `${baseUrl}/things`, 1, '{"a":1}'],
      ["write", "POST", `${baseUrl}/things`, 2, '{"a":1}'],
      ["read", "GET", `${baseUrl}/things/1?q=1`, 1, undefined],
    ]);
    expect(calls[0]!.headers).toEqual({
      accept: "application/json",
      "content-type": "application/json",
      "x-b": "1",
    });
    for (const { signal } of calls) expect(signal.aborted).toBe(false);
  });

  it("may change URL and headers, for each attempt anew", async () => {
    const change: HttpMiddleware = (next) => (call) =>
      next({
        ...call,
        url: `${call.url}?sig=${call.attempt}`,
        headers: { ...call.headers, "X-Sig": `${call.attempt}` },
      });
    const { http, seen } = await start([change], [503, 503], { auth: bearer("t") });
    await http.send(read, ["1"]);
    expect(seen.map(({ url, headers }) => [url, headers["x-sig"], headers.authorization])).toEqual([
      ["/things/1?sig=1", "1", "Bearer t"],
      ["/things/1?sig=2", "2", "Bearer t"],
      ["/things/1?sig=3", "3", "Bearer t"],
    ]);
  });

  it("cannot add a line to a request, nor send it nowhere", async () => {
    const changes: [Partial<HttpCall>, string][] = [
      [{ headers: { "x-a": "1\r\nx-admin: 1" } }, "INVALID_HEADER"],
      [{ headers: { "x-a: 1\r\nx-admin": "1" } }, "INVALID_HEADER"],
      [{ url: "things" }, "INVALID_URL"],
      [{ url: "ftp://h/x" }, "INVALID_URL"],
      [{ url: "xhttp://h/x" }, "INVALID_URL"],
    ];
    for (const [change, code] of changes) {
      const { http, seen } = await start([(next) => (call) => next({ ...call, ...change })]);
      const error = await failure(http.send(read, ["1"]));
      expect(error).toBeInstanceOf(ValidationError);
      expect([error.code, seen.length]).toEqual([code, 0]);
    }
    const odd: HttpMiddleware = (next) => (call) =>
      next({
        ...call,
        url: `${call.url}/a b ü?c=\r\nd e#frag`,
        headers: { Host: "evil", "Content-Length": "9" },
      });
    const { http, seen } = await start([odd]);
    await http.send(write, [], {}, {});
    expect(seen[0]!.url).toBe("/things/a%20b%20%C3%BC?c=d%20e");
    expect(seen[0]!.headers).toMatchObject({
      host: expect.stringContaining("127.0.0.1"),
      "content-length": "2",
    });
  });

  it("may answer itself, also with a status that is an error, and with events", async () => {
    const own: HttpMiddleware =
      () =>
      async ({ operationId, attempt }) => {
        if (operationId === "events")
          return answerOf(200, "data: 1\n\ndata: 2\n\n", { "content-type": "text/event-stream" });
        if (operationId === "write") return answerOf(404, '{"message":"own"}', { "x-request-id": "r" });
        return attempt === 1 ? answerOf(503, "") : answerOf(200, '{"own":true}');
      };
    const { http, seen } = await start([own]);
    expect(await http.send(read, ["1"]).withResponse()).toMatchObject({ data: { own: true }, attempts: 2 });
    const error = await failure(http.send(write, []));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, requestId: "r", body: { message: "own" } });
    expect(await all(http.events(events, []))).toEqual([1, 2]);
    expect(seen).toEqual([]);
  });

  it("may call next twice", async () => {
    const twice: HttpMiddleware = (next) => async (call) => {
      await next({ ...call, headers: { ...call.headers, "x-n": "1" } });
      const both = await Promise.all([
        next(call),
        next({ ...call, url: `${call.url}?b`, headers: { "x-n": "3" } }),
      ]);
      return both[0];
    };
    const { http, seen } = await start([twice], [], { auth: bearer("t") });
    await http.send(write, [], {}, { a: 1 });
    const found = seen.map(
      ({ url, headers, body }) => `${url} ${headers["x-n"]} ${headers.authorization} ${body}`,
    );
    expect(found.sort()).toEqual([
      '/things 1 Bearer t {"a":1}',
      '/things undefined Bearer t {"a":1}',
      '/things?b 3 Bearer t {"a":1}',
    ]);
  });

  it("sees the errors of the request, and may throw its own", async () => {
    const seen: unknown[] = [];
    const watching: HttpMiddleware = (next) => async (call) => {
      try {
        return await next(call);
      } catch (error) {
        seen.push(error);
        throw error;
      }
    };
    const { http } = await start([watching], [404]);
    const error = await failure(http.send(write, []));
    expect(seen).toEqual([error]);
    for (const own of [new Error("own"), undefined]) {
      for (const broken of [
        () => () => Promise.reject(own),
        () => () => {
          throw own;
        },
      ] satisfies HttpMiddleware[]) {
        const { http: other, seen: sent } = await start([broken]);
        expect(await failure(other.send(read, ["1"]))).toBe(own);
        expect(sent).toEqual([]);
      }
    }
  });

  it("sees that the time is over, whatever a given fetch rejects with then", async () => {
    const clock = new FakeClock();
    const names: string[] = [];
    const watching: HttpMiddleware = (next) => (call) =>
      next(call).catch((error: Error) => {
        names.push(error.name);
        throw error;
      });
    const fetch = (_: unknown, init?: RequestInit): Promise<Response> =>
      new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(new Error("stopped"))));
    const http = client("http://server.test", { fetch, clock, middleware: [watching], retry: false });
    for (const limits of [{ timeoutMs: 50 }, { totalTimeoutMs: 50 }])
      expect((await clock.until(failure(http.send(read, ["1"], limits)))).name).toBe("TimeoutError");
    expect(names).toEqual(["TimeoutError", "TimeoutError"]);
  });

  it("that passes on another call than the one it was given is told so", async () => {
    for (const call of [undefined, null, {}]) {
      const { http, seen } = await start([(next) => () => next(call as HttpCall)]);
      const error = await failure(http.send(read, ["1"]));
      expect(error).toBeInstanceOf(ValidationError);
      expect([error.message.includes("pass on the call"), seen.length]).toEqual([true, 0]);
    }
  });

  it("that returns nothing, or not all of a response, is told so", async () => {
    const wrong: unknown[] = [
      undefined,
      null,
      {},
      { status: 200, text: "{}" },
      { status: 200, headers: new Headers() },
    ];
    for (const answer of wrong) {
      const { http } = await start([() => async () => answer as HttpAnswer]);
      const error = await failure(http.send(read, ["1"]));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toContain("middleware must return");
    }
    const spread: HttpMiddleware = (next) => async (call) => ({ ...(await next(call)) });
    expect(await failure((await start([spread])).http.send(read, ["1"]))).toBeInstanceOf(ValidationError);
  });

  it("keeps what its factory holds: a breaker opens over calls, and closes again", async () => {
    let isTime = false;
    const breaker: HttpMiddleware = (next) => {
      let failures = 0;
      return async (call) => {
        if (failures >= 2 && !isTime) throw new UpstreamError("the circuit is open", { retryable: false });
        try {
          const answer = await next(call);
          failures = 0;
          return answer;
        } catch (error) {
          failures++;
          throw error;
        }
      };
    };
    const { http, seen } = await start([breaker], [500, 500], { retry: false });
    for (let i = 0; i < 5; i++) await failure(http.send(read, ["1"]));
    expect(seen).toHaveLength(2);
    isTime = true;
    expect(await http.send(read, ["1"])).toEqual({ n: 2 });
    isTime = false;
    expect(await http.send(read, ["1"])).toEqual({ n: 3 });
  });

  it("is outside of the credential, and inside of retries and the limit of a request", async () => {
    let asked = 0;
    let passed = 0;
    const counting: HttpMiddleware = (next) => (call) => {
      passed++;
      expect(call.headers.authorization).toBeUndefined();
      return next(call);
    };
    const { http, seen } = await start([counting], [401], { auth: bearer(() => `t${++asked}`) });
    await http.send(write, []);
    expect([passed, seen.length, asked]).toEqual([1, 2, 2]);
  });
});
