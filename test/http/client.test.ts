import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AbortError,
  type AgentwireError,
  AuthError,
  ConnectionError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import type { RetryRule } from "../../src/core/retry-policy.js";
import {
  type CallOptions,
  HttpClient,
  type HttpClientOptions,
  type HttpMiddleware,
  type HttpOperation,
} from "../../src/http/index.js";
import { operationUrl, parseBaseUrl } from "../../src/http/url.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const operations = {
  read: { id: "read", method: "GET", path: "/things/{id}", idempotent: true },
  write: { id: "write", method: "POST", path: "/things", idempotent: false },
  once: { id: "once", method: "POST", path: "/once", idempotent: true, retry: "never" },
} as const satisfies Record<string, HttpOperation>;
type Id = keyof typeof operations;

interface Input extends CallOptions {
  readonly path?: { readonly id: string };
  readonly query?: object;
  readonly body?: unknown;
  readonly rule?: RetryRule;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that answers the n-th request (from 0) as told. */
async function serve(answer: (n: number, response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, headers, body });
      answer(seen.length - 1, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { baseUrl: `http://127.0.0.1:${port}`, seen };
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Both transports: undici, and a fetch that is given. */
const transports: readonly (readonly [string, Partial<HttpClientOptions>])[] = [
  ["undici", {}],
  ["fetch", { fetch: (input, init) => fetch(input, init) }],
];
let transport: Partial<HttpClientOptions> = {};

function client(baseUrl: string, more: Partial<HttpClientOptions> = {}) {
  const options = { server: "the server", retry: { minDelayMs: 0 }, ...transport, ...more };
  const http = new HttpClient({ baseUrl, ...options });
  return {
    http,
    call: (id: Id, { path, body, ...rest }: Input = {}) =>
      http.request(operations[id], path === undefined ? [] : [path.id], rest, body),
  };
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error("did not fail");
    },
    (error: AgentwireError) => error,
  );

describe.each(transports)("over %s", (_, options) => {
  beforeEach(() => {
    transport = options;
  });

  describe("a call", () => {
    it("sends what it was given and reads the answer", async () => {
      const { baseUrl, seen } = await serve((_, response) =>
        json(response, 200, { ok: true }, { "x-request": "7" }),
      );
      const http = client(`${baseUrl}/prefix/`, { headers: { authorization: "Bearer t" } });
      const answer = await http.call("write", {
        query: { a: [1, 2], none: undefined },
        body: { x: "ü" },
        headers: { "x-a": "b" },
      });
      expect(answer).toMatchObject({ status: 200, body: { ok: true }, text: '{"ok":true}' });
      expect(answer.headers.get("x-request")).toBe("7");
      expect(seen).toMatchObject([
        {
          method: "POST",
          url: "/prefix/things?a=1&a=2",
          body: '{"x":"ü"}',
          headers: {
            authorization: "Bearer t",
            "content-type": "application/json",
            accept: "application/json",
            "x-a": "b",
          },
        },
      ]);
    });

    it.each([
      ["", undefined],
      ["null", null],
      ["plain", "plain"],
      ["<h1>x</h1>", "<h1>x</h1>"],
    ])("a body of %j is read as %j", async (text, body) => {
      const { baseUrl } = await serve((_, response) => response.end(text));
      expect((await client(baseUrl).call("read", { path: { id: "1" } })).body).toBe(body);
    });

    it("refuses a body that is no JSON before anything is sent", async () => {
      const { baseUrl, seen } = await serve((_, response) => response.end());
      expect(await failure(client(baseUrl).call("write", { body: { n: 1n } }))).toBeInstanceOf(
        ValidationError,
      );
      expect(seen).toHaveLength(0);
    });
  });

  describe("ids in paths", () => {
    it(req("core.http.ids", "arrive as they were given"), () => {
      fc.assert(
        fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (id) => {
          fc.pre(id !== "." && id !== "..");
          const url = new URL(operationUrl("http://h/p", "/things/{id}", [id], undefined));
          expect(url.pathname.split("/")).toHaveLength(4);
          expect(decodeURIComponent(url.pathname.split("/")[3]!)).toBe(id);
          expect(url.search + url.hash).toBe("");
        }),
      );
    });

    it.each(["", ".", "..", undefined])(req("core.http.ids", "%j is refused"), (id) => {
      expect(() => operationUrl("http://h", "/things/{id}", id === undefined ? [] : [id], undefined)).toThrow(
        expect.objectContaining({ code: "INVALID_PATH" }),
      );
    });

    it.each(["", "things", "ftp://h", "http://h?a=1", "http://h#x"])("%j is no base URL", (baseUrl) => {
      expect(() => parseBaseUrl(baseUrl)).toThrow(expect.objectContaining({ code: "INVALID_BASE_URL" }));
    });

    it("a base URL keeps its prefix and loses its slashes", () => {
      expect(parseBaseUrl("https://h/bb/v1//")).toBe("https://h/bb/v1");
    });
  });

  describe("failures", () => {
    it.each([
      [400, ValidationError, false],
      [401, AuthError, false],
      [429, RateLimitError, true],
      [500, UpstreamError, true],
      [501, UpstreamError, false],
      [504, TimeoutError, true],
      [418, UpstreamError, false],
    ])(req("core.http.errors", "%i"), async (status, type, retryable) => {
      const { baseUrl } = await serve((_, response) => json(response, status, { error: { message: "why" } }));
      const error = await failure(client(baseUrl).call("write", { body: {} }));
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ status, retryable, body: { error: { message: "why" } } });
      expect(error.message).toContain(`the server answered ${status}: why`);
    });

    it("the protocol's own error comes first", async () => {
      const { baseUrl } = await serve((_, response) => json(response, 409, {}));
      const http = client(baseUrl, { toError: ({ status }, { id }) => new AuthError(`${status} ${id}`) });
      expect((await failure(http.call("write", { body: {} }))).message).toBe("409 write");
    });

    it(req("core.http.redirect", "a redirect is not followed"), async () => {
      const { baseUrl, seen } = await serve((_, response) =>
        response.writeHead(302, { location: "/elsewhere" }).end(),
      );
      const error = await failure(client(baseUrl).call("read", { path: { id: "1" } }));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.code).toBe("REDIRECT");
      expect(seen).toHaveLength(1);
    });

    it(req("core.http.bounded", "an answer that is too large is refused, announced or not"), async () => {
      const announced = await serve((_, response) =>
        response.writeHead(200, { "content-length": "5000" }).end("x".repeat(5000)),
      );
      const endless = await serve((_, response) => {
        const more = () => {
          while (response.write("x".repeat(1000))) if (response.destroyed) return;
          response.once("drain", more);
        };
        more();
      });
      for (const { baseUrl } of [announced, endless]) {
        const error = await failure(
          client(baseUrl, { maxBodyBytes: 4000 }).call("read", { path: { id: "1" } }),
        );
        expect(error.code).toBe("TOO_LARGE");
      }
    });
  });

  describe("retries", () => {
    it(req("core.http.retry", "an idempotent call is made again, one that is not only fails"), async () => {
      const { baseUrl, seen } = await serve((n, response) => json(response, n % 3 === 2 ? 200 : 503, { n }));
      const notices: string[] = [];
      const http = client(baseUrl, {
        onRetry: ({ attempt }, { id }) => void notices.push(`${id} ${attempt}`),
      });
      expect((await http.call("read", { path: { id: "1" } })).body).toEqual({ n: 2 });
      expect(notices).toEqual(["read 1", "read 2"]);
      expect((await failure(http.call("write", { body: {} }))).status).toBe(503);
      expect((await failure(http.call("once", { body: {} }))).status).toBe(503);
      expect((await http.call("once", { body: {}, rule: { idempotent: true } })).body).toEqual({ n: 5 });
      expect(seen.map(({ url }) => url)).toEqual([
        "/things/1",
        "/things/1",
        "/things/1",
        "/things",
        "/once",
        "/once",
      ]);
    });

    it(
      req("core.http.retry", "a call that never left is made again even if it is not idempotent"),
      async () => {
        const { baseUrl } = await serve(() => {});
        const closed = servers.pop()!;
        await new Promise((resolve) => closed.close(resolve));
        let tries = 0;
        const counted: HttpMiddleware = (next) => (call) => {
          tries++;
          return next(call);
        };
        const http = client(baseUrl, { middleware: [counted] });
        const error = await failure(http.call("write", { body: {} }));
        expect(error).toBeInstanceOf(ConnectionError);
        expect(error.sent).toBe(false);
        expect(tries).toBe(3);
        await failure(http.call("write", { body: {}, retry: false }));
        expect(tries).toBe(4);
      },
    );

    it("the server's wish counts, on the injected clock", async () => {
      const { baseUrl, seen } = await serve((n, response) =>
        json(response, n === 0 ? 429 : 200, {}, { "retry-after": "7" }),
      );
      const clock = new FakeClock();
      const waits: number[] = [];
      const http = client(baseUrl, { clock, onRetry: ({ delayMs }) => void waits.push(delayMs) });
      const answer = http.call("read", { path: { id: "1" } });
      while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(7000);
      expect((await answer).status).toBe(200);
      expect(waits).toEqual([7000]);
      expect(seen).toHaveLength(2);
      expect(clock.pending).toBe(0);
    });
  });

  describe("time", () => {
    it("a try that takes too long ends, and the next one has its own time", async () => {
      const clock = new FakeClock();
      const { baseUrl, seen } = await serve((n, response) => void (n === 1 && json(response, 200, {})));
      const answer = client(baseUrl, { clock, timeoutMs: 50 }).call("read", { path: { id: "1" } });
      while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(50);
      expect((await answer).status).toBe(200);
      const stuck = failure(
        client((await serve(() => {})).baseUrl, { clock, timeoutMs: 50 }).call("write", { body: {} }),
      );
      while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(50);
      expect(await stuck).toBeInstanceOf(TimeoutError);
    });

    it("the caller's signal ends a call at once", async () => {
      const { baseUrl, seen } = await serve(() => {});
      const controller = new AbortController();
      const stuck = failure(client(baseUrl).call("read", { path: { id: "1" }, signal: controller.signal }));
      while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      expect(await stuck).toBeInstanceOf(AbortError);
      expect(
        await failure(client(baseUrl).call("read", { path: { id: "1" }, signal: AbortSignal.abort() })),
      ).toBeInstanceOf(AbortError);
      expect(seen).toHaveLength(1);
    });
  });

  describe("secrets", () => {
    it("show in no error, log line or printed client", async () => {
      const token = "planted-token-5f2a";
      const { baseUrl } = await serve((_, response) => json(response, 503, {}));
      const lines: string[] = [];
      const log = (message: string, fields?: object) => void lines.push(message + JSON.stringify(fields));
      const logger: Logger = { debug: log, info: log, warn: log, error: log };
      const http = client(baseUrl, { logger, headers: { authorization: `Bearer ${token}` } });
      const error = await failure(http.call("read", { path: { id: "1" } }));
      const shown = [
        inspect(http, { depth: 9, showHidden: true }),
        inspect(error, { depth: 9 }),
        JSON.stringify(error),
        ...lines,
      ];
      expect(lines.length).toBeGreaterThan(0);
      expect(shown.join()).not.toContain(token);
      expect(inspect({ token })).toContain(token);
    });

    it("over http to another machine are warned about once", async () => {
      const lines: string[] = [];
      const warn = (message: string) => void lines.push(message);
      const logger: Logger = { debug() {}, info() {}, warn, error() {} };
      const answer = async () => new Response("{}");
      const options = { logger, headers: { "x-api-key": "k" }, fetch: answer as typeof fetch };
      const http = client("http://gateway.invalid", options);
      await http.call("write", { body: {} });
      await http.call("write", { body: {} });
      await client("http://other.invalid", { ...options, allowInsecure: true }).call("write", { body: {} });
      expect(lines).toHaveLength(1);
    });
  });
});
