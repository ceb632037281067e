/** What a call sends, and what it makes of the response. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  AuthError,
  ConflictError,
  NotFoundError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "../../src/core/errors.js";
import { bearer, TokenSource } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import {
  all,
  client,
  failure,
  json,
  read,
  recorder,
  serve,
  serveSocket,
  transports,
  write,
} from "./server.ts";

describe.each(transports)("a call over %s", (_, how) => {
  it("sends what it was given and reads the response", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, 200, { ok: true }, { "x-request": "7" }),
    );
    const http = client(`${baseUrl}/prefix/`, { ...how, headers: { authorization: "Bearer t" } });
    const options = { query: { a: [1, 2], none: undefined }, headers: { "X-A": "b" } };
    const answer = await http.request(write, [], options, { x: "ü" });
    expect(answer).toMatchObject({ status: 200, body: { ok: true }, text: '{"ok":true}' });
    expect(answer.headers.get("x-request")).toBe("7");
    expect(answer.chunks).toBeUndefined();
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

  it("carries the caller's id, or one that is made for it, in the header of the protocol", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    let made = 0;
    const correlation = { header: "X-Call-Id", create: () => `made-${++made}` };
    const http = client(baseUrl, { ...how, correlation });
    await http.send(read, ["1"]);
    await http.send(read, ["1"], { correlationId: "mine" });
    expect(seen.map(({ headers }) => headers["x-call-id"])).toEqual(["made-1", "mine"]);
    const error = await failure(http.send(read, ["1"], { correlationId: "a\nb" }));
    expect([error.code, made]).toEqual(["INVALID_HEADER", 1]);
  });

  it("to a base URL without a path is sent to its root", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    await client(baseUrl, how).send({ ...write, path: "" }, []);
    expect(seen[0]!.url).toBe("/");
  });

  it.each([
    ["", undefined],
    ["null", null],
    ["plain", "plain"],
    ["<h1>x</h1>", "<h1>x</h1>"],
  ])("a body of %j is read as %j", async (text, body) => {
    const { baseUrl } = await serve((_, response) => response.end(text));
    expect((await client(baseUrl, how).request(read, ["1"])).body).toBe(body);
  });

  it("refuses a body that is not JSON before anything is sent", async () => {
    const { baseUrl, seen } = await serve((_, response) => response.end());
    const error = await failure(client(baseUrl, how).send(write, [], {}, { n: 1n }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(seen).toHaveLength(0);
  });

  it(
    req("core.http.response", "gives access to the response, without early ones, with repeated headers"),
    async () => {
      const { baseUrl } = await serve(({ method }, response) => {
        response.writeEarlyHints({ link: "</style>; rel=preload" });
        response.writeHead(201, "Made", { "set-cookie": ["a=1", "b=2"], "x-request-id": "r-1" });
        response.end(JSON.stringify({ method }));
      });
      const { data, ...info } = await client(baseUrl, how).send(write, []).withResponse();
      expect(data).toEqual({ method: "POST" });
      expect(info).toMatchObject({ status: 201, requestId: "r-1", attempts: 1 });
      expect(info.headers).toBeInstanceOf(Headers);
      expect(info.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    },
  );

  it("passes over any number of responses before the final one", async () => {
    const { baseUrl } = await serveSocket((socket) =>
      socket.write(
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" +
          "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
      ),
    );
    const { status, headers } = await client(baseUrl, how).send(read, ["1"]).withResponse();
    expect([status, headers.get("link")]).toEqual([200, null]);
  });

  it.each(["none", "events"] as const)("with the result %s passes over an early response", async (result) => {
    const { baseUrl } = await serve((_, response) => {
      response.writeEarlyHints({ link: "</style>; rel=preload" });
      response.writeHead(202, { "content-type": "text/event-stream" }).end("data: 1\n\n");
    });
    const operation = { ...write, result };
    const http = client(baseUrl, how);
    if (result === "events") expect(await all(http.events(operation, []))).toEqual([1]);
    else expect((await http.send(operation, []).withResponse()).status).toBe(202);
  });

  it("reads headers with bytes beyond ASCII", async () => {
    const { baseUrl } = await serveSocket((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx-utf8: ", "latin1");
      socket.write("€\r\n", "utf8");
      socket.write("x-latin: é\r\ncontent-length: 2\r\n\r\n{}", "latin1");
    });
    const { headers } = await client(baseUrl, how).send(read, ["1"]).withResponse();
    expect(Buffer.from(headers.get("x-utf8")!, "latin1").toString()).toBe("€");
    expect(headers.get("x-latin")).toBe("é");
  });

  it(req("core.http.keep-alive", "uses connections again, also after an error"), async () => {
    const { baseUrl, connections } = await serve((_, response, index) =>
      json(response, index === 1 ? 404 : 200, {}),
    );
    const http = client(baseUrl, { ...how, connections: 1 });
    await http.send(read, ["1"]);
    await failure(http.send(read, ["1"]));
    for (let i = 0; i < 6; i++) await http.send(write, [], {}, { i });
    // The pool of fetch is not ours, and opens a second connection when a call follows within the same turn.
    expect(connections.count).toBeLessThanOrEqual(how.fetch === undefined ? 1 : 2);
  });
});

it("a call is logged by one line for each request", async () => {
  const clock = new FakeClock();
  await clock.advance(100);
  const statuses = [503, 200];
  const fetch = (): Promise<Response> =>
    new Promise((resolve) => {
      const response = new Response("{}", { status: statuses.shift()! });
      clock.setTimeout(() => resolve(response), 5.6);
    });
  const { logger, lines } = recorder();
  const http = client("http://server.test", { fetch, clock, logger });
  await clock.until(http.send(read, ["1"], { correlationId: "c" }));
  const fields = { method: "GET", attempt: 1, correlationId: "c", ms: 6 };
  expect(lines.filter((line) => line.startsWith("read: "))).toEqual([
    `read: the server answered 503 ${JSON.stringify(fields)}`,
    `read: 200 ${JSON.stringify({ ...fields, attempt: 2 })}`,
  ]);
});

describe.each(transports)("a refusal over %s", (_, how) => {
  it.each([
    [400, ValidationError, false],
    [401, AuthError, false],
    [403, PolicyDeniedError, false],
    [404, NotFoundError, false],
    [409, ConflictError, false],
    [408, TimeoutError, true],
    [410, NotFoundError, false],
    [412, ConflictError, false],
    [413, ValidationError, false],
    [415, ValidationError, false],
    [425, RateLimitError, true],
    [422, ValidationError, false],
    [429, RateLimitError, true],
    [500, UpstreamError, true],
    [501, UpstreamError, false],
    [505, UpstreamError, false],
    [503, UpstreamError, true],
    [504, TimeoutError, true],
    [418, UpstreamError, false],
  ])(req("core.http.errors", "%i"), async (status, type, retryable) => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, status, { error: { message: "why" } }, { "x-request-id": "r-9" }),
    );
    const error = await failure(client(baseUrl, how).send(write, [], {}, {}));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({
      status,
      retryable,
      requestId: "r-9",
      body: { error: { message: "why" } },
    });
    expect(error.headers?.get("content-type")).toBe("application/json");
    expect(error.message).toContain(`the server answered ${status}: why`);
    expect(seen).toHaveLength(1);
  });

  it.each<[unknown, string]>([
    [{ message: "m", error: "e", detail: "d" }, ": m"],
    [{ message: "", error: { message: "n" }, detail: "d" }, ": n"],
    [{ message: 5, error: "e", detail: "d" }, ": e"],
    [{ error: null, detail: "d" }, ": d"],
    [{ message: "x".repeat(301) }, `: ${"x".repeat(300)}`],
    [{ other: "o" }, ""],
    [null, ""],
    ["text", ""],
  ])("repeats the words of the server: %j", async (body, words) => {
    const { baseUrl } = await serve((_, response) => json(response, 409, body));
    const error = await failure(client(baseUrl, how).send(write, [], {}, {}));
    expect(error.message).toBe(`the server answered 409${words}`);
  });

  it("is the protocol's own error where it has one", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 409, {}));
    const toError = ({ status }: { status: number }, { id }: { id: string }) =>
      new AuthError(`${status} ${id}`);
    const error = await failure(client(baseUrl, { ...how, toError }).send(write, [], {}, {}));
    expect(error).toBeInstanceOf(AuthError);
    expect(error.message).toMatch(/409 write$/);
  });

  it(req("core.http.redirect", "a redirect is not followed"), async () => {
    const other = await serve((_, response) => json(response, 200, {}));
    const { baseUrl, seen } = await serve((_, response) =>
      response.writeHead(302, { location: `${other.baseUrl}/elsewhere`, "x-request-id": "r" }).end("moved"),
    );
    const http = client(baseUrl, { ...how, auth: bearer("planted-token-5f2a") });
    for (const call of [http.send(read, ["1"]), http.send(write, [], {}, {})]) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: "REDIRECT", status: 302, requestId: "r", body: "moved" });
    }
    expect([seen.length, other.seen.length]).toEqual([2, 0]);
  });
});

describe.each(transports)("secrets over %s", (_, how) => {
  const token = "planted-token-5f2a-0123456789";

  it("show in no error, log line or printed client", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 503, {}));
    const { logger, lines } = recorder();
    const options = { logger, headers: { authorization: `Bearer ${token}` } };
    const http = client(baseUrl, { ...how, ...options });
    const error = await failure(http.send(read, ["1"]));
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

  it.each([
    ["from the client's credential", { auth: bearer(token) }],
    ["from a source of tokens", { auth: new TokenSource({ token }) }],
    ["from a header", { headers: { "X-Api-Key": token } }],
  ])("are hidden where a server repeats them: %s", async (_, more) => {
    const filler = "x".repeat(280);
    const messages = [`bad ${token}!`, `bad Bearer ${token}`, `${filler} Bearer ${token} and more`];
    const { baseUrl, seen } = await serve((_, response, index) =>
      json(response, 403, { message: messages[index] }),
    );
    const { logger, lines } = recorder();
    const http = client(baseUrl, { ...how, ...more, logger });
    for (const message of messages) {
      const error = await failure(http.send(write, [], {}, {}));
      expect(error).toMatchObject({ name: "PolicyDeniedError", status: 403 });
      expect(error.body).toEqual({ message: message.replace(token, "[secret]") });
      const json = JSON.stringify(error);
      const shown = [error.message, error.stack, json, inspect(error, { depth: 9 }), ...lines].join();
      expect(shown).toContain("[secret]");
      // Not even its beginning, where the message was cut.
      expect(shown).not.toContain(token.slice(0, 6));
    }
    expect(seen).toHaveLength(3);
  });

  it("are hidden where a server that does not speak HTTP sends the request back", async () => {
    const { baseUrl } = await serveSocket((socket, data) => socket.end(`ECHO ${data}`));
    const { logger, lines } = recorder();
    const http = client(baseUrl, { ...how, auth: bearer(token), logger });
    const error = await failure(http.send(write, [], {}, {}));
    expect(error.name).toBe("ConnectionError");
    const shown = [inspect(error, { depth: 9 }), error.stack, JSON.stringify(error), ...lines].join();
    expect(shown).not.toContain(token);
  });

  it("over http to another machine are warned about once", async () => {
    const { logger, lines } = recorder();
    const answer = async () => new Response("{}");
    const options = { logger, headers: { "x-api-key": "k" }, fetch: answer as typeof fetch };
    const warnings = () => lines.filter((line) => line.includes("unencrypted"));
    const http = client("http://gateway.invalid", options);
    await http.send(write, [], {}, {});
    await http.send(write, [], {}, {});
    await client("http://other.invalid", { ...options, allowInsecure: true }).send(write, [], {}, {});
    expect(warnings()).toHaveLength(1);
    client("http://third.invalid", { logger, auth: bearer("t-o-k-e-n") });
    expect(warnings()).toHaveLength(2);
  });
});
