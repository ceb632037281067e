/** Results of calls, their responses and outcomes; tokens; pages and events. No network: a fetch answers. */
import { describe, expect, it } from "vitest";
import type { AgentwireError } from "../../src/core/errors.js";
import {
  type CallOptions,
  HttpClient,
  type HttpClientOptions,
  type HttpOperation,
  ResponsePromise,
  TokenSource,
} from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

const read: HttpOperation = {
  id: "read",
  method: "GET",
  path: "/things",
  idempotent: true,
  expects: "object",
  errors: ["404", "4XX"],
};
const write: HttpOperation = { ...read, id: "write", method: "POST", idempotent: false };

interface Seen {
  readonly url: URL;
  readonly headers: Headers;
  readonly body: unknown;
}

function make(
  answer: (seen: Seen, n: number) => Response | Promise<Response>,
  more: Partial<HttpClientOptions> = {},
) {
  const seen: Seen[] = [];
  const send: typeof fetch = async (input, init) => {
    const item = { url: new URL(String(input)), headers: new Headers(init?.headers), body: init?.body };
    seen.push(item);
    return answer(item, seen.length - 1);
  };
  const http = new HttpClient({
    baseUrl: "http://127.0.0.1:1",
    server: "the server",
    fetch: send,
    retry: { minDelayMs: 0 },
    ...more,
  });
  return { http, seen };
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as AgentwireError,
  );

describe("a response that is not what was promised", () => {
  it.each([
    ["HTML", new Response("<h1>Sign in</h1>", { headers: { "content-type": "text/html" } })],
    ["cut JSON", new Response('{"a": [1,')],
    ["nothing", new Response("")],
    ["204", new Response(null, { status: 204 })],
    ["a list", new Response("[]")],
    ["null", new Response("null")],
  ])("%s is a ProtocolError with all there is", async (_, response) => {
    response.headers.set("x-request-id", "r-1");
    const { http, seen } = make(() => response);
    const error = await failure(http.send(write, [], { correlationId: "mine" }, {}));
    const { status } = response;
    expect(error).toMatchObject({ name: "ProtocolError", code: "UNEXPECTED_RESPONSE", status });
    expect(error).toMatchObject({ requestId: "r-1", correlationId: "mine", attempts: 1 });
    expect(error.headers?.get("x-request-id")).toBe("r-1");
    expect(error.message).toMatch(/expected .*JSON.*, found HTTP/);
    expect(seen).toHaveLength(1);
  });

  it("an echoed credential does not reach a message", async () => {
    const auth = new TokenSource({ token: "planted-token" });
    const { http } = make(
      ({ headers }) => Response.json({ error: `bad ${headers.get("authorization")}` }, { status: 403 }),
      {
        auth,
      },
    );
    const error = await failure(http.send(read, []));
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain("planted-token");
  });
});

describe("ResponsePromise", () => {
  it("gives the data, and with it status, headers, request id and attempts", async () => {
    const { http } = make((_, n) =>
      n === 0
        ? new Response("", { status: 503 })
        : Response.json({ a: 1 }, { headers: { "x-request-id": "r" } }),
    );
    const call = http.send<{ a: number }>(read, []);
    expect(call).toBeInstanceOf(Promise);
    expect(await call.withResponse()).toMatchObject({
      data: { a: 1 },
      status: 200,
      requestId: "r",
      attempts: 2,
    });
    expect(await Promise.all([call, call.map(({ a }) => a + 1)])).toEqual([{ a: 1 }, 2]);
    const [settled] = await Promise.allSettled([call.map(() => Promise.reject(new Error("x")))]);
    expect(settled.status).toBe("rejected");
    const broken = call.map((): number => {
      throw new Error("in map");
    });
    expect(await failure(broken)).toMatchObject({ message: "in map" });
    expect(call.then((data) => data)).not.toBeInstanceOf(ResponsePromise);
  });

  it("tells errors that the spec describes by their status, and rejects for all others", async () => {
    const outcome = async (status: number) => {
      const { http } = make(() => Response.json({ error: status }, { status }), { retry: false });
      return http.send<unknown, { 404: { error: number }; "4XX": { error: number } }>(read, []).outcome();
    };
    expect(await outcome(200)).toMatchObject({ ok: true, data: { error: 200 }, status: 200 });
    expect(await outcome(404)).toMatchObject({ ok: false, status: 404, error: { error: 404 } });
    expect(await outcome(409)).toMatchObject({ ok: false, status: 409, error: { error: 409 } });
    expect(await failure(outcome(500))).toMatchObject({ name: "UpstreamError", status: 500 });
    const { http } = make(() => Promise.reject(new TypeError("fetch failed")), { retry: false });
    expect(await failure(http.send(read, []).outcome())).toMatchObject({ name: "ConnectionError" });
  });

  it("leaves no unhandled rejection behind, whatever is awaited or not", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    const { http } = make(() => Response.json({}, { status: 404 }), { retry: false });
    void http.send(read, []);
    await http.send(read, []).outcome();
    await http
      .send(read, [])
      .withResponse()
      .catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });
});

describe("limits", () => {
  const hang = (): Promise<Response> => new Promise(() => {});

  it("bound each request and the whole call, and say which of them passed", async () => {
    const clock = new FakeClock();
    const { http, seen } = make(hang, { clock, timeoutMs: 1_000 });
    const late = failure(http.send(write, [], {}, {}));
    await expect.poll(() => clock.nextInMs).toBe(1_000);
    await clock.advance(1_000);
    expect(await late).toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("within 1000 ms"),
    });
    const total = failure(
      http.send(read, [], { totalTimeoutMs: 2_500, retry: { attempts: 9, minDelayMs: 0 } }),
    );
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    await clock.advance(2_500);
    expect(await total).toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("2500 ms in total"),
    });
    expect(seen.length).toBe(4);
    expect(clock.pending).toBe(0);
    const endless = failure(http.send(read, [], { timeoutMs: 0, signal: AbortSignal.timeout(20) }));
    expect((await endless).name).toBe("TimeoutError");
    const aborted = failure(http.send(read, [], { signal: AbortSignal.abort() }));
    expect((await aborted).name).toBe("AbortError");
    expect(await failure(http.send(read, [], { timeoutMs: -1 }))).toMatchObject({ name: "ValidationError" });
  });

  it("bound the wait for a token as well", async () => {
    const clock = new FakeClock();
    const auth = new TokenSource({ issue: () => new Promise(() => {}) });
    const { http, seen } = make(hang, { clock, auth, timeoutMs: 300, retry: false });
    const late = failure(http.send(read, []));
    await expect.poll(() => clock.nextInMs).toBe(300);
    await clock.advance(300);
    expect((await late).name).toBe("TimeoutError");
    expect(seen).toHaveLength(0);
  });
});

describe("TokenSource", () => {
  function issuing(lifeMs?: number) {
    let issued = 0;
    const clock = new FakeClock();
    const auth = new TokenSource({ issue: async () => ({ token: `t${++issued}`, lifeMs }), clock });
    return { auth, clock, issued: () => issued };
  }

  it("asks once for calls at the same time, and once for many late refusals of an old token", async () => {
    const { auth, issued } = issuing();
    let valid = "Bearer t1";
    const gates: (() => void)[] = [];
    const { http, seen } = make(
      async ({ headers }) => {
        const token = headers.get("authorization");
        await new Promise<void>((resolve) => gates.push(resolve));
        return token === valid ? Response.json({}) : Response.json({}, { status: 401 });
      },
      { auth },
    );
    const open = async (count: number): Promise<void> => {
      await expect.poll(() => gates.length).toBe(count);
      for (const gate of gates.splice(0)) gate();
    };
    const first = Promise.all(Array.from({ length: 40 }, () => http.send(write, [], {}, {})));
    await open(40);
    await first;
    expect(issued()).toBe(1);
    valid = "Bearer t2";
    const second = Promise.all(Array.from({ length: 40 }, () => http.send(write, [], {}, {})));
    await expect.poll(() => gates.length).toBe(40);
    // One refusal after the other: each comes when a newer token is there already.
    for (const gate of gates.splice(0)) {
      gate();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await open(40);
    await second;
    expect(issued()).toBe(2);
    expect(seen).toHaveLength(120);
  });

  it("renews before the end but not in the first half of a life, and never by a clock that disagrees", async () => {
    const call = async (http: HttpClient, options?: CallOptions) => http.send(read, [], options);
    const { auth, clock, issued } = issuing(100_000);
    const { http } = make(() => Response.json({}), { auth });
    await call(http);
    await clock.advance(49_999);
    await call(http);
    expect(issued()).toBe(1);
    await clock.advance(1);
    await call(http);
    expect(issued()).toBe(2);
    const passed = issuing(-5_000);
    const other = make(() => Response.json({}), { auth: passed.auth }).http;
    for (let n = 0; n < 3; n++) await call(other);
    expect(passed.issued()).toBe(1);
  });

  it("a refresh that fails rejects its waiters, and the next call asks again", async () => {
    let asked = 0;
    const auth = new TokenSource({
      issue: async () => {
        if (++asked === 1) throw new Error("no");
        return { token: "t" };
      },
    });
    const { http, seen } = make(({ headers }) => Response.json({ token: headers.get("authorization") }), {
      auth,
    });
    const both = await Promise.allSettled([http.send(read, []), http.send(read, [])]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await http.send(read, [])).toEqual({ token: "Bearer t" });
    expect(asked).toBe(2);
    await http.send({ ...read, public: true }, []);
    expect(seen.at(-1)!.headers.get("authorization")).toBeNull();
  });
});

describe("pages", () => {
  it.each([
    ["offset", { parameter: "offset", items: "list" }, ["", "2", "4"]],
    ["page", { parameter: "page", items: "list", counts: "page" }, ["", "2", "3"]],
    ["cursor", { parameter: "cursor", items: "list", next: "next" }, ["", "c1", "c2"]],
  ] as const)("by %s are asked for one after the other", async (_, paging, asked) => {
    const { http, seen } = make((_, n) =>
      Response.json({ list: n < 2 ? [n * 2, n * 2 + 1] : [], next: n < 2 ? `c${n + 1}` : null }),
    );
    const found: number[] = [];
    for await (const item of http.pages<object, number>({ ...read, paging }, [])) found.push(item);
    expect(found).toEqual([0, 1, 2, 3]);
    expect(seen.map(({ url }) => url.searchParams.get(paging.parameter) ?? "")).toEqual(asked);
    seen.length = 0;
    for await (const item of http.pages<object, number>({ ...read, paging }, [])) if (item === 1) break;
    expect(seen).toHaveLength(1);
  });
});

describe("events", () => {
  const watch: HttpOperation = { ...read, id: "watch", result: "events" };
  const stream = (parts: readonly string[], type = "text/event-stream") =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      }),
      { headers: { "content-type": type } },
    );

  it("come in order, on every chunking", async () => {
    const text =
      '\uFEFFdata: {"n":1}\n\n: comment\r\ndata: {"n":\rdata: 2}\r\rdata: plain\n\ndata: unfinished';
    for (const size of [1, 2, 3, 7, 1_000]) {
      const parts = text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
      const { http, seen } = make(() => stream(parts));
      const events: unknown[] = [];
      for await (const event of http.events(watch, [])) events.push(event);
      expect(events).toEqual([{ n: 1 }, { n: 2 }, "plain"]);
      expect(seen[0]!.headers.get("accept")).toBe("text/event-stream");
    }
  });

  it("are refused where no stream comes", async () => {
    const { http } = make(() => Response.json({}));
    expect(await failure(http.events(watch, []).next())).toMatchObject({ code: "UNEXPECTED_RESPONSE" });
  });
});

describe("middleware", () => {
  it("is composed once, sees every request, and may answer itself", async () => {
    let made = 0;
    const seenBy: string[] = [];
    const { http, seen } = make(
      (_, n) => (n === 0 ? new Response("", { status: 503 }) : Response.json({ n })),
      {
        middleware: [
          (next) => {
            made++;
            return async (call) => {
              seenBy.push(`${call.operationId} ${call.method} ${call.attempt} ${call.signal.aborted}`);
              if (call.url.endsWith("?own=1"))
                return { status: 200, headers: new Headers(), text: '{"own":1}', body: {} };
              return next({ ...call, headers: { ...call.headers, "x-added": "1" } });
            };
          },
        ],
      },
    );
    expect(await http.send(read, [])).toEqual({ n: 1 });
    expect(await http.send(read, [], { query: { own: 1 } })).toEqual({ own: 1 });
    expect([made, seen.length, seen[0]!.headers.get("x-added")]).toEqual([1, 2, "1"]);
    expect(seenBy).toEqual(["read GET 1 false", "read GET 2 false", "read GET 1 false"]);
  });
});

describe("bodies", () => {
  it.each([
    ["form", { a: "1 2", b: [1, 2], none: undefined }, "application/x-www-form-urlencoded", "a=1+2&b=1&b=2"],
    ["text", "plain", "text/plain;charset=UTF-8", "plain"],
    ["bytes", new Uint8Array([104, 105]), "application/octet-stream", "hi"],
    ["bytes", new Blob(["blob"], { type: "image/x" }), "image/x", "blob"],
    ["bytes", new TextEncoder().encode("view").buffer, "application/octet-stream", "view"],
  ] as const)("as %s", async (body, value, type, text) => {
    const { http, seen } = make(() => Response.json({}));
    await http.send({ ...write, body }, [], {}, value);
    expect(seen[0]!.headers.get("content-type")).toBe(type);
    expect(
      new TextDecoder().decode(new Uint8Array(await new Response(seen[0]!.body as BodyInit).arrayBuffer())),
    ).toBe(text);
  });

  it("as multipart, with a boundary", async () => {
    const { http, seen } = make(() => Response.json({}));
    await http.send({ ...write, body: "multipart" }, [], {}, { name: "n", file: new Blob(["data"]) });
    const type = seen[0]!.headers.get("content-type")!;
    const form = await new Response(seen[0]!.body as BodyInit, {
      headers: { "content-type": type },
    }).formData();
    expect(form.get("name")).toBe("n");
    expect(await (form.get("file") as File).text()).toBe("data");
    for (const body of ["form", "multipart", "text", "bytes"] as const)
      expect(await failure(http.send({ ...write, body }, [], {}, 7))).toMatchObject({
        name: "ValidationError",
      });
  });
});
