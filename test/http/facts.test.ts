/** What errors tell of the response that caused them, and what they keep to themselves. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Cut } from "../../src/core/cut.js";
import { AbortError, ConflictError } from "../../src/core/errors.js";
import { bearer, type SendOptions } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import {
  client,
  failure,
  json,
  read,
  recorder,
  serve,
  serveSocket,
  transports,
  turn,
  write,
} from "./server.ts";

const key = "sk-live-TOPSECRET";

describe.each(transports)("an error over %s", (_, how) => {
  it.each([
    ["text/html", (secret: string) => `<p>Bearer ${secret}</p>`],
    ["application/json", (secret: string) => `{"auth": "${secret}"`],
  ])("of a 200 with %s that cannot be read hold no credential of the call", async (type, text) => {
    const secret = "s3cret-of-the-call";
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { "content-type": type }).end(text(secret));
    });
    const error = await failure(client(baseUrl, { auth: bearer(secret) }).send(read, ["1"]));
    expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status: 200 });
    expect(inspect([error, error.body, error.cause], { depth: 9 })).not.toContain(secret);
    expect(String(error.body)).toContain("[secret]");
  });

  it.each([200, 401])("tells what had arrived when the time was over, after %s", async (status) => {
    const clock = new FakeClock();
    let arrived = (): void => {};
    const head = new Promise<void>((resolve) => (arrived = resolve));
    const { baseUrl } = await serve((request, response) => {
      if (request.url === "/things/ping") return json(response, 200, {});
      response.writeHead(status, { "x-request-id": "r-1" }).flushHeaders();
      return void response.write("{", () => arrived());
    });
    const http = client(baseUrl, { ...how, clock, retry: false, timeoutMs: 1_000 });
    const failed = failure(http.send(write, [], {}, {}));
    await head;
    // What was written before a later call was answered has been read.
    for (let n = 0; n < 3; n++) await http.send(read, ["ping"]);
    const error = await clock.until(failed);
    expect(error).toMatchObject({ name: "TimeoutError", status, requestId: "r-1" });
    expect(error.message).toContain("did not send the whole response within 1000 ms");
  });

  it("names the operation, and carries the caller's id, whatever went wrong", async () => {
    const { baseUrl } = await serveSocket((socket) => socket.destroy());
    const { logger, lines } = recorder();
    const http = client(baseUrl, { ...how, logger, retry: false });
    const error = await failure(http.send(write, [], { correlationId: "find-me" }, {}));
    expect(error).toMatchObject({ details: { operation: "write" }, correlationId: "find-me" });
    expect(lines.join()).toContain("find-me");
  });

  it.each<[string, (secret: string) => object]>([
    ["a member", (secret) => ({ error: `unknown key ${secret}` })],
    ["details", (secret) => ({ error: "no", details: { note: [`used ${secret}`], [secret]: 1 } })],
    ["a text", (secret) => ({ message: "no", errors: [`bad Bearer ${secret}`] })],
  ])("holds no credential of the call that %s repeats", async (_, body) => {
    const { baseUrl } = await serve((_, response) => json(response, 503, body(key), { "x-echo": key }));
    for (const [more, options] of [
      [{ auth: bearer(key) }, {}],
      [{ headers: { "x-api-key": key } }, {}],
      [{}, { secrets: [key] } satisfies SendOptions],
    ] as const) {
      const { logger, lines } = recorder();
      const http = client(baseUrl, { ...how, ...more, logger, retry: { attempts: 2, minDelayMs: 0 } });
      const error = await failure(http.send(read, ["1"], options));
      const held = [error.body, error.details, [...error.headers!]];
      const shown = [
        inspect(error, { depth: 9 }),
        error.stack,
        JSON.stringify([error, held]),
        ...lines,
      ].join();
      expect(shown).toContain("[secret]");
      expect(shown).not.toContain(key);
    }
  });

  it.each<[string, (secret: string) => string]>([
    ["escapes slashes", (secret) => JSON.stringify({ error: secret }).replaceAll("/", "\\/")],
    ["escapes all beyond ASCII", (secret) => ascii(JSON.stringify({ error: secret }))],
    ["repeats the request in a text", (secret) => JSON.stringify({ error: JSON.stringify({ secret }) })],
    ["repeats the URL", (secret) => JSON.stringify({ error: `?a=${encodeURIComponent(secret)}` })],
    ["repeats the form", (secret) => `<p>${new URLSearchParams({ secret })}</p>`],
  ])("holds no credential of the call where a server %s", async (_, text) => {
    const secret = 'p"4/ss w\u00f6rd+\\1';
    const { baseUrl } = await serve((_, response) => response.writeHead(403).end(text(secret)));
    const error = await failure(
      client(baseUrl, how).send(write, [], { secrets: [secret] } as SendOptions, {}),
    );
    const shown = [error.message, JSON.stringify(error.body)];
    expect(shown.join()).toContain("[secret]");
    for (const part of [secret, 'p\\"4', "4%2Fss", "ss+w"]) expect(shown.join()).not.toContain(part);
  });

  it("is not garbled by a credential of a few characters", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 403, { message: "denied" }));
    const http = client(baseUrl, { ...how, headers: { "x-api-key": "e" } });
    const error = await failure(http.send(write, [], { secrets: ["d"] } satisfies SendOptions, {}));
    expect(error.body).toEqual({ message: "denied" });
  });

  it("holds no text that a server repeats as part of a JSON text", async () => {
    const secret = '{"agent":"a"}';
    const { baseUrl } = await serve((_, response) => json(response, 403, { message: `bad ${secret}` }));
    const http = client(baseUrl, how);
    const error = await failure(http.send(write, [], { secrets: [secret] } satisfies SendOptions, {}));
    expect(error.body).toEqual({ message: "bad [secret]" });
  });
});

describe("the facts of an error", () => {
  const base = "http://server.test";
  const answering = (status: number) => async () => new Response("{}", { status });

  it.each(["signal", "cut"] as const)("are those of each call that one %s ends", async (name) => {
    const reason = new AbortError("enough");
    const controller = new AbortController();
    const cut = new Cut([]);
    const http = client(base, { fetch: () => new Promise(() => {}) });
    const by = name === "signal" ? { signal: controller.signal } : { cut };
    const ids = ["a", "b"];
    const calls = ids.map((correlationId) => failure(http.send(read, ["1"], { ...by, correlationId })));
    await turn();
    controller.abort(reason);
    cut.cut(reason);
    const errors = await Promise.all(calls);
    expect(errors.map(({ message, correlationId }) => [message, correlationId])).toEqual(
      ids.map((id) => ["enough", id]),
    );
    expect(reason.correlationId).toBeUndefined();
  });

  it("that cannot be added to it are those of a copy", async () => {
    const own = Object.freeze(new ConflictError("own", { status: 409 }));
    const http = client(base, { fetch: answering(409), toError: () => own });
    const error = await failure(http.send(write, [], { correlationId: "c" }));
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ message: "own", status: 409, correlationId: "c", attempts: 1 });
  });

  it("of the protocol's own stay what they are", async () => {
    const own = { sent: true, attempts: 7, correlationId: "own", details: { own: 1 } };
    const toError = () => new ConflictError("own", { status: 409, ...own });
    const http = client(base, { fetch: answering(409), toError });
    expect(await failure(http.send(write, [], { correlationId: "c" }))).toMatchObject(own);
    const described = await http.send({ ...write, errors: ["409"] }, []).outcome();
    expect(described).toMatchObject({ ok: false, status: 409, headers: expect.any(Headers) });
  });

  it("are none that the call does not have", async () => {
    const error = await failure(client(base, { fetch: answering(409) }).send(write, []));
    expect(Object.keys(error).sort()).toEqual(["attempts", "code", "details", "retryable", "status"]);
  });

  it("do not say that a call was not sent that a middleware answered", async () => {
    const answer = { status: 404, headers: new Headers(), text: "", body: undefined };
    const http = client(base, { fetch: answering(200), middleware: [() => async () => answer] });
    const error = await failure(http.send(write, []));
    expect([error.name, error.sent]).toEqual(["NotFoundError", undefined]);
  });

  it("of a closed client are that nothing was sent, and the id of the call", async () => {
    const http = client(base, { fetch: answering(200) });
    await http.close();
    const options = { correlationId: "c" };
    for (const call of [http.send(write, [], options), http.request(write, [], options)])
      expect(await failure(call)).toMatchObject({ name: "ClosedError", sent: false, correlationId: "c" });
  });
});

describe.each(transports)("the outcome over %s", (_, how) => {
  it.each([
    [302, { location: "/elsewhere" }, "REDIRECT"],
    [500, { "content-type": "text/html" }, "UPSTREAM"],
  ])("of a response %s that no spec describes is a rejection", async (status, headers, code) => {
    const { baseUrl } = await serve((_, response) => response.writeHead(status, headers).end("<h1>no</h1>"));
    const http = client(baseUrl, { ...how, retry: false, toError: () => undefined });
    const operation = { ...write, errors: ["4XX", "5XX", "default"] };
    expect(await failure(http.send(operation, [], {}, {}).outcome())).toMatchObject({ code, status });
  });
});

describe.each(transports)("a response over %s", (_, how) => {
  it.each([[{}], [{ items: null }], [{ other: 1 }], [null]])(
    "without a needed member is refused: %j",
    async (body) => {
      const { baseUrl } = await serve((_, response) => json(response, 200, body, { "x-request-id": "r-2" }));
      const http = client(baseUrl, how);
      const operation = { ...read, needs: ["items"] };
      const error = await failure(http.send(operation, ["1"], { correlationId: "c-2" }));
      expect(error).toMatchObject({
        name: "ProtocolError",
        code: "UNEXPECTED_RESPONSE",
        status: 200,
        requestId: "r-2",
        correlationId: "c-2",
        body,
      });
      expect(error.message).toContain("to read: expected an object with items");
    },
  );
});

function ascii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
