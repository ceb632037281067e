/** A fetch of one's own may reject, and answer, with anything. */
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import type { TimerOptions } from "../../src/core/clock.js";
import { Cut } from "../../src/core/cut.js";
import { AgentwireError, ClosedError, ConnectionError } from "../../src/core/errors.js";
import type { Call } from "../../src/http/call.js";
import { bearer, type SendOptions, TokenSource } from "../../src/http/index.js";
import { openTransport } from "../../src/http/transport-fetch.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { client, failure, read, thrown, turn, write } from "./server.ts";

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
  revoke();
  return proxy;
}

const traps = {
  get(): never {
    throw new Error("no member can be read");
  },
};

const base = "http://server.test";

function cyclicFields(): object {
  const fields: { self?: unknown; list: unknown[] } = { list: [null, 1, "1"] };
  fields.self = fields;
  return { fields };
}

const withData = (data: string) => Object.freeze(Object.assign(new Error("odd bytes"), { data }));

describe("a fetch that rejects with", () => {
  it.each<[string, () => unknown]>([
    ["null", () => null],
    ["undefined", () => undefined],
    ["a text", () => "down"],
    ["a symbol", () => Symbol("down")],
    ["a revoked proxy", revoked],
    ["a proxy whose members cannot be read", () => new Proxy(new Error("x"), traps)],
    ["an error whose code cannot be read", () => Object.defineProperty(new Error("x"), "code", traps)],
    ["an error whose cause cannot be read", () => Object.defineProperty(new Error("x"), "cause", traps)],
    ["a frozen error", () => Object.freeze(new Error("x"))],
    ["a cause that is a revoked proxy", () => new Error("x", { cause: revoked() })],
  ])("%s ends in a ConnectionError", async (_, make) => {
    const http = client(base, { fetch: () => Promise.reject(make()), retry: false });
    const error = await failure(http.send(read, ["1"]));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ attempts: 1, details: { operation: read.id } });
  });

  it("a frozen error that holds bytes does not show them", async () => {
    const http = client(base, { fetch: () => Promise.reject(withData("Bearer s3cret")), retry: false });
    const error = await failure(http.send(read, ["1"]));
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error.cause as { data?: unknown }).data).toBeUndefined();
  });
});

describe("the cause of a ConnectionError", () => {
  const causeOf = async (thrown: unknown, auth = bearer("planted-token-9")) => {
    const http = client(base, { fetch: () => Promise.reject(thrown), auth, retry: false });
    return (await failure(http.send(read, ["1"]))).cause as Error;
  };
  const chain = (length: number) =>
    Array.from({ length }).reduce<unknown>((cause) => new Error("one", { cause }), undefined);

  it.each<[string, unknown]>([
    ["an error with big numbers", Object.assign(new Error("x"), { size: 1n })],
    ["ten errors", chain(10)],
    ["fields that refer to themselves", Object.assign(new Error("x"), cyclicFields())],
    ["fields that hold nothing", Object.assign(new Error("x"), { none: null, not: undefined })],
    ["a text", "down"],
    ["an object", { a: 1 }],
  ])("is what was thrown: %s", async (_, thrown) => {
    expect(await causeOf(thrown)).toBe(thrown);
  });

  it.each<[string, unknown, string]>([
    ["more errors than are looked at", chain(11), "one"],
    ["a proxy that was revoked", revoked(), "unprintable value"],
  ])("is an error with its text alone for %s", async (_, thrown, text) => {
    const cause = await causeOf(thrown);
    expect(cause === thrown).toBe(false);
    expect([cause.constructor, cause.message, Object.keys(cause)]).toEqual([Error, text, []]);
  });

  it.each([
    ["down", new Error("down")],
    ["refused", new TypeError("fetch failed", { cause: new Error("refused") })],
  ])("is named in its message: %s", async (reason, thrown) => {
    const http = client(base, { fetch: () => Promise.reject(thrown), retry: false });
    expect((await failure(http.send(read, ["1"]))).message).toContain(`could not be reached: ${reason}`);
  });

  it.each(["UND_ERR_DESTROYED", "UND_ERR_CLOSED"])(
    "is that of a ClosedError with the code %s",
    async (code) => {
      const thrown = Object.assign(new Error("x"), { code });
      const error = await failure(
        client(base, { fetch: () => Promise.reject(thrown), retry: false }).send(read, ["1"]),
      );
      expect(error).toBeInstanceOf(ClosedError);
      expect(error.cause).toBe(thrown);
    },
  );
});

describe("a server that repeats the credential", () => {
  const send = async (headers: Record<string, string>, body: string, more: object = {}) => {
    const fetch = async () => new Response(body, { status: 400, headers: { ...more } });
    return failure(client(base, { fetch, headers }).send(write, [], {}, {}));
  };

  it.each<[string, Record<string, string>, string, unknown]>([
    ["as it is", { authorization: 'Token a"b/c d&e' }, 'said a"b/c d&e', "said [secret]"],
    ["in a JSON text", { authorization: 'Token a"b/c d&e' }, 'said a\\"b/c d&e', "said [secret]"],
    [
      "in a JSON text within one",
      { authorization: 'Token a"b/c d&e' },
      'said a\\\\\\"b/c d&e',
      "said [secret]",
    ],
    ["in a URL", { authorization: 'Token a"b/c d&e' }, "said a%22b%2Fc%20d%26e", "said [secret]"],
    ["in a form", { authorization: 'Token a"b/c d&e' }, "said a%22b%2Fc+d%26e", "said [secret]"],
    ["with other escapes", { "x-api-key": "ab/cd" }, '{"m":"\\u0061b\\/cd"}', { m: "[secret]" }],
    ["of a cookie", { cookie: "a=one1; b=two2;c=3" }, "a=one1, b=two2, c=3", "[secret], [secret], c=3"],
    ["without its scheme", { authorization: "Bearer abcd" }, "no abcd", "no [secret]"],
    ["of several words", { "x-password": "correct horse" }, "no correct horse", "no [secret]"],
    ["with a scheme of its own", { "x-api-key": "Key abcd" }, "no abcd", "no [secret]"],
    ["of four characters", { "x-api-key": "abcd" }, "no abcd", "no [secret]"],
    ["of three, which stand in texts by chance", { "x-api-key": "abc" }, "no abc", "no abc"],
    ["in a header that is no credential", { "x-team": "abcd" }, "no abcd", "no abcd"],
  ])("%s", async (_, headers, said, shown) => {
    expect((await send(headers, said)).body).toEqual(shown);
  });

  it("in a header shows it in none, and leaves the rest as it came", async () => {
    const echo = { "x-echo": "key abcd", "x-other": "1" };
    const error = await send({ "x-api-key": "abcd" }, '{"a" : "\\u0061"}', echo);
    expect(error.headers?.get("x-echo")).toBe("key [secret]");
    expect(error.headers?.get("x-other")).toBe("1");
    expect(error.body).toEqual({ a: "a" });
  });
});

describe("a fetch whose error repeats the credential", () => {
  const token = "planted-token-9";
  const withFields = (fields: object) => Object.assign(new Error("failed"), fields);
  const config = { headers: { Authorization: `Bearer ${token}` } };
  const cyclic: { self?: unknown; config: unknown } = { config };
  cyclic.self = cyclic;

  it.each<[string, () => unknown]>([
    ["in its text", () => new Error(`cannot send ${token}`)],
    ["as a text alone", () => `cannot send ${token}`],
    ["in an object", () => ({ config })],
    ["in a cause that is a text", () => new Error("failed", { cause: token })],
    ["encoded in a URL", () => new Error(`cannot reach /?t=${encodeURIComponent(token)}`)],
    ["in the text of its cause", () => new Error("failed", { cause: new Error(token) })],
    ["in its fields", () => withFields({ config })],
    ["in fields that refer to themselves", () => withFields({ request: cyclic })],
    ["in its stack alone", () => withFields({ stack: `Error: failed\n    at ${token}` })],
    ["in its code", () => withFields({ code: token })],
  ])("%s shows it neither in errors nor in log lines", async (_, make) => {
    const lines: unknown[] = [];
    const write = (...line: unknown[]) => lines.push(line);
    const logger = { debug: write, info: write, warn: write, error: write };
    const http = client(base, {
      fetch: () => Promise.reject(make()),
      auth: bearer(token),
      retry: false,
      logger,
    });
    const error = await failure(http.send(read, ["1"]));
    expect(error).toBeInstanceOf(ConnectionError);
    for (const shown of [error, lines])
      expect(inspect(shown, { depth: 12, showHidden: true })).not.toContain(token);
  });

  it("still proves that the call never left", async () => {
    const cause = withFields({ code: "ECONNREFUSED", address: token });
    const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
    const error = await failure(client(base, { fetch, auth: bearer(token), retry: false }).send(read, ["1"]));
    expect(error).toMatchObject({ sent: false });
    expect(inspect(error, { depth: 12 })).not.toContain(token);
  });
});

describe("a fetch that answers with", () => {
  const headersWithout = { get: () => null };
  it.each<[string, unknown]>([
    ["null", null],
    ["undefined", undefined],
    ["a text", "200"],
    ["an object", {}],
    ["headers that cannot be listed", { status: 500, headers: headersWithout, body: null }],
    ["a body that is none", { status: 200, ok: true, headers: new Headers(), body: 5 }],
    ["chunks that are none", { status: 200, ok: true, headers: new Headers(), body: chunks([5, null]) }],
    ["headers that throw", { status: 500, headers: throwingHeaders(), body: null }],
  ])("%s ends in an error of this package", async (_, response) => {
    const http = client(base, { fetch: async () => response as Response, retry: false });
    expect(await failure(http.send(read, ["1"]))).toBeInstanceOf(AgentwireError);
    expect(await failure(http.send(read, ["1"]).withResponse())).toBeInstanceOf(AgentwireError);
  });
});

it.each<[string, object, string]>([
  ["the status of a redirect that is hidden", { status: 0, body: null }, "REDIRECT"],
  ["no member for its body", { status: 404 }, "NOT_FOUND"],
  ["a status below 200", { status: 199, body: null }, "UPSTREAM"],
  ["a status that is a text", { status: "200", body: null }, "UNEXPECTED_RESPONSE"],
  ["headers of another kind", { status: 200, body: null, headers: [] }, "UNEXPECTED_RESPONSE"],
])("a fetch that answers with %s fails by it", async (_, response, code) => {
  const fetch = async () => ({ headers: new Headers(), ...response }) as unknown as Response;
  expect(await failure(client(base, { fetch, retry: false }).send(write, []))).toMatchObject({ code });
});

it("the transport of platforms without undici uses the fetch of that time, and refuses tls", async () => {
  const options = { maxBodyBytes: 99, connections: 1, clock: new FakeClock() };
  expect(() => openTransport({ ...options, tls: {} })).toThrow("tls requires Node");
  const transport = openTransport({ ...options, tls: undefined });
  vi.stubGlobal("fetch", async (url: string) => new Response(url));
  const ends = { cut: new Cut([]), whole: new Cut([]) };
  const call = {
    operation: write,
    options: {},
    url: base,
    headers: {},
    left: { count: 0 },
    got: {},
    ...ends,
  };
  const { text } = await transport.send(call as unknown as Call);
  vi.unstubAllGlobals();
  expect(text).toBe(base);
});

describe("a fetch whose answer to a call without a result has", () => {
  const none = { ...write, result: "none" } as const;
  const unreadable = { getReader: () => traps.get() };

  async function consumed(): Promise<Response> {
    const response = new Response("{}");
    await response.text();
    return response;
  }

  it.each<[string, () => unknown]>([
    ["a body that was read", consumed],
    [
      "a body that cannot be read",
      () => ({ status: 200, ok: true, headers: new Headers(), body: unreadable }),
    ],
    ["a body that is none", () => ({ status: 200, ok: true, headers: new Headers(), body: 5 })],
  ])("%s leaves no rejection that nobody handles", async (_, make) => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", listener);
    const http = client(base, { fetch: async () => (await make()) as Response });
    await http.send(none, [], {}, {});
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });
});

describe("a body that nobody wants, of a given fetch,", () => {
  /** Counts timers that keep no process alive. */
  class CountingClock extends FakeClock {
    unrefs = 0;
    override setTimeout(run: () => void, ms: number, options?: TimerOptions) {
      if (options?.unref) this.unrefs++;
      return super.setTimeout(run, ms);
    }
  }

  it.each<[string, number[], boolean, boolean]>([
    ["is read to its end", [4, 6], true, false],
    ["is given up above the limit of its size", [4, 7], false, true],
    ["is given up when the time of a request is over", [4], false, true],
  ])("%s", async (_, sizes, isEnding, isCancelled) => {
    const clock = new CountingClock();
    let cancelled = false;
    const body = new ReadableStream({
      pull(controller) {
        const size = sizes.shift();
        if (size !== undefined) controller.enqueue(new Uint8Array(size));
        else if (isEnding) controller.close();
        else return new Promise(() => {});
        return undefined;
      },
      cancel() {
        cancelled = true;
      },
    });
    const fetch = async () => new Response(body, { headers: { "x-request-id": "r" } });
    const http = client(base, { fetch, clock, timeoutMs: 1_000, maxBodyBytes: 10 });
    const { requestId } = await http.send({ ...write, result: "none" }, []).withResponse();
    for (let i = 0; i < 5; i++) await turn();
    expect([requestId, clock.unrefs]).toEqual(["r", 1]);
    await clock.advance(999);
    const isLate = !isEnding && sizes.length === 0 && !cancelled;
    expect(clock.pending).toBe(isLate ? 1 : 0);
    await clock.advance(1);
    expect([cancelled, clock.pending]).toEqual([isCancelled, 0]);
  });
});

function chunks(items: readonly unknown[]): unknown {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item);
      controller.close();
    },
  });
}

function throwingHeaders(): unknown {
  const fail = (): never => {
    throw new Error("no header can be read");
  };
  return { get: fail, [Symbol.iterator]: fail };
}

it("refuses options that are not what they must be", () => {
  for (const options of [
    { fetch: 5 },
    { logger: 5 },
    { retry: "often" },
    { headers: 5 },
    { maxBodyBytes: 0.5 },
  ])
    expect(thrown(() => client(base, options as object)).name).toBe("ValidationError");
  expect(() => new TokenSource({ refreshBeforeMs: Number.NaN })).toThrow("refreshBeforeMs");
});

describe("sent", () => {
  const never = (): Promise<never> => new Promise(() => {});

  it.each([
    ["timeoutMs", { timeoutMs: 50, retry: false }],
    ["totalTimeoutMs", { totalTimeoutMs: 50 }],
  ] as const)("is false for a call that waits for its credential until %s is over", async (_, limits) => {
    for (const auth of [bearer(never), new TokenSource({ issue: never, what: "its credential" })]) {
      const clock = new FakeClock();
      const http = client(base, { fetch: never, clock, auth });
      const error = await clock.until(failure(http.send(write, [], limits, {})));
      expect(error).toMatchObject({ name: "TimeoutError", sent: false });
      expect(error.message).toContain("its credential");
    }
  });

  it("is open once the credential has come and the server is waited for", async () => {
    const clock = new FakeClock();
    const http = client(base, {
      fetch: never,
      clock,
      auth: bearer(async () => "t"),
      timeoutMs: 50,
      retry: false,
    });
    const error = await clock.until(failure(http.send(write, [], {}, {})));
    expect(error.sent).toBeUndefined();
    expect(error.message).toContain("the server did not respond");
  });

  it.each<[string, SendOptions]>([
    ["an aborted signal", { signal: AbortSignal.abort() }],
    ["input that cannot be sent", { timeoutMs: -1 }],
  ])("is false for a call that %s ends before it begins", async (_, options) => {
    const http = client(base, { fetch: never });
    const error = await failure(http.send(write, [], { ...options, correlationId: "c" }, {}));
    expect([error.sent, error.correlationId, error.attempts, error.details]).toEqual([
      false,
      "c",
      undefined,
      undefined,
    ]);
  });

  it.each<[string, (string | Error)[], (number | Error)[], number]>([
    ["an attempt without a credential follows one that left", ["t", new Error("sealed")], [503], 2],
    [
      "a credential fails after a refusal, and an attempt left before",
      ["t", "t", new Error("sealed")],
      [503, 401],
      2,
    ],
  ])("is open where %s", async (_, tokens, statuses, attempts) => {
    const next = <T>(list: (T | Error)[]): T => {
      const one = list.shift()!;
      if (one instanceof Error) throw new ConnectionError(one.message, { retryable: true });
      return one;
    };
    const fetch = async () => new Response("{}", { status: next(statuses) });
    const http = client(base, {
      fetch,
      auth: bearer(async () => next(tokens)),
      retry: { attempts, minDelayMs: 0 },
    });
    const error = await failure(http.send(read, ["1"]));
    expect([error.message, error.attempts, error.sent]).toEqual(["sealed", 2, undefined]);
  });

  it("is not false if an earlier attempt left", async () => {
    const clock = new FakeClock();
    let calls = 0;
    const refused = Object.assign(new Error("no"), { code: "ECONNREFUSED" });
    const send = async (): Promise<never> => {
      throw calls++ === 0 ? new Error("reset") : refused;
    };
    const http = client(base, { fetch: send, clock, retry: { attempts: 2 } });
    const error = await clock.until(failure(http.send(read, ["1"])));
    expect(error).toMatchObject({ name: "ConnectionError", attempts: 2 });
    expect(error.sent).toBeUndefined();
    const once = await failure(
      client(base, { fetch: () => Promise.reject(refused), retry: false }).send(read, ["1"]),
    );
    expect(once.sent).toBe(false);
  });
});
