/** Event streams of generated clients, from the opening to every kind of end. */
import type { ServerResponse } from "node:http";
import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  AbortError,
  AuthError,
  ConnectionError,
  ProtocolError,
  TimeoutError,
} from "../../src/core/errors.js";
import { bearer } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { all, client, events, failure, json, read, serve, serveSocket, transports, turn } from "./server.ts";

const stream = { "content-type": "text/event-stream; charset=utf-8" };

/** A response that stays open, and resolves when its connection has gone. */
function open(response: ServerResponse, first = ""): Promise<void> {
  response.writeHead(200, stream).write(first);
  return new Promise((resolve) => response.once("close", resolve));
}

describe.each(transports)("events over %s", (_, how) => {
  it("are the data of a stream, parsed where it is JSON, with its keys converted", async () => {
    const text =
      '\ufeff: hello\n\ndata: {"made_by":\rdata: "ü"}\r\rdata: plain\r\ndata: text\r\n\r\nevent: x\ndata: 1\n\ndata: 2';
    const { baseUrl, seen } = await serve(async (_, response) => {
      response.writeHead(200, stream);
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.of(byte));
        await turn();
      }
      response.end();
    });
    const operation = { ...events, shapes: { events: "Event" } };
    const http = client(baseUrl, { ...how, keyMap: { Event: { made_by: null } }, auth: bearer("t") });
    expect(await all(http.events(operation, []))).toEqual([{ madeBy: "ü" }, "plain\ntext", 1]);
    expect(seen[0]!.headers).toMatchObject({ accept: "text/event-stream", authorization: "Bearer t" });
  });

  it("open when the iteration begins", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      response.writeHead(200, stream).end("data: 1\n\n"),
    );
    const http = client(baseUrl, how);
    const iteration = http.events(events, []);
    await http.events(events, []).return(undefined);
    await turn();
    expect(seen).toHaveLength(0);
    expect(await all(iteration)).toEqual([1]);
    expect(seen).toHaveLength(1);
  });

  it("end the request when their reader stops early, or throws", async () => {
    const gone: Promise<void>[] = [];
    const { baseUrl } = await serve(
      (_, response) => void gone.push(open(response, "data: 1\n\ndata: 2\n\n")),
    );
    const http = client(baseUrl, how);
    for await (const event of http.events(events, [])) {
      expect(event).toBe(1);
      break;
    }
    const enough = new Error("enough");
    const reading = (async () => {
      for await (const _ of http.events(events, [])) throw enough;
    })();
    expect(await failure(reading)).toBe(enough);
    await Promise.all(gone);
    expect(gone).toHaveLength(2);
  });

  it("end with the caller's signal, whenever it fires", async () => {
    const gone: Promise<void>[] = [];
    const { baseUrl } = await serve((_, response) => void gone.push(open(response, "data: 1\n\n")));
    const controller = new AbortController();
    const iteration = client(baseUrl, how).events(events, [], { signal: controller.signal });
    await iteration.next();
    const next = failure(iteration.next());
    await turn();
    controller.abort();
    expect(await next).toBeInstanceOf(AbortError);
    await Promise.all(gone);
  });

  it("are bound by totalTimeoutMs, and by timeoutMs only until the head has come", async () => {
    const clock = new FakeClock();
    const { baseUrl } = await serve((_, response) => open(response, "data: 1\n\n"));
    const options = { timeoutMs: 1_000, totalTimeoutMs: 10_000 };
    const iteration = client(baseUrl, { ...how, clock, ...options }).events(events, []);
    await iteration.next();
    const next = failure(iteration.next());
    await clock.advance(9_999);
    expect(await Promise.race([next, turn()])).toBeUndefined();
    await clock.advance(1);
    const error = await next;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain("10000 ms in total");
    expect(clock.pending).toBe(0);
  });

  it("that break off throw a ConnectionError, after the events that came", async () => {
    const { baseUrl, sockets } = await serveSocket((socket) =>
      socket.end(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" +
          "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n",
      ),
    );
    const iteration = client(baseUrl, how).events(events, []);
    const found = [(await iteration.next()).value, (await iteration.next()).value];
    expect(found).toEqual([1, 2]);
    const error = await failure(iteration.next());
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ retryable: true });
    expect(sockets).toHaveLength(1);
  });

  it.each([200, 201])(
    "that are no events are refused at once, and their connection ends: %i",
    async (status) => {
      const gone: Promise<void>[] = [];
      const { baseUrl, seen } = await serve((_, response) => {
        response
          .writeHead(status, { "content-type": "text/html", "x-request-id": "r" })
          .write("<h1>Login</h1>");
        gone.push(new Promise((resolve) => response.once("close", resolve)));
      });
      const { signal } = new AbortController();
      const error = await failure(client(baseUrl, how).events(events, [], { signal }).next());
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status, requestId: "r" });
      expect(error.message).toContain(
        `expected an event stream (text/event-stream), found HTTP ${status}, text/html`,
      );
      expect(error.message).not.toContain("no body");
      await Promise.all(gone);
      expect(seen).toHaveLength(1);
    },
  );

  it.each([
    ["text/event-stream", true],
    ["Text/Event-Stream", true],
    ["text/event-stream  ; charset=utf-8", true],
    ["x-text/event-stream", false],
    ["text/event-streams", false],
    ["text/event-streams; charset=utf-8", false],
    ["text/plain; text/event-stream", false],
  ])("with the content type %s are events: %s", async (type, isTaken) => {
    const { baseUrl } = await serve((_, response) =>
      response.writeHead(200, { "content-type": type }).end("data: 1\n\n"),
    );
    const reading = all(client(baseUrl, how).events(events, []));
    if (isTaken) expect(await reading).toEqual([1]);
    else expect((await failure(reading)).code).toBe("UNEXPECTED_RESPONSE");
  });

  it("without a content type are refused, and their connection ends", async () => {
    const gone: Promise<void>[] = [];
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200).write("data: 1\n\n");
      gone.push(new Promise((resolve) => response.once("close", resolve)));
    });
    expect((await failure(client(baseUrl, how).events(events, []).next())).code).toBe("UNEXPECTED_RESPONSE");
    await Promise.all(gone);
  });

  it("that are refused leave no timer", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 401, {}));
    const clock = new FakeClock();
    const http = client(baseUrl, { ...how, clock, totalTimeoutMs: 5_000 });
    await failure(http.events(events, []).next());
    await failure(http.request(read, ["1"]));
    expect(clock.pending).toBe(0);
  });

  it("that are refused with a status are errors with their body; the opening is retried", async () => {
    const { baseUrl, seen } = await serve((_, response, n) =>
      n === 0 ? json(response, 503, {}) : json(response, 401, { message: "why" }),
    );
    const error = await failure(client(baseUrl, how).events(events, []).next());
    expect(error).toBeInstanceOf(AuthError);
    expect(error.body).toEqual({ message: "why" });
    expect(seen).toHaveLength(2);
  });

  it("that are a redirect are an error with its body", async () => {
    const { baseUrl } = await serve((_, response) => response.writeHead(300).end("choose"));
    const error = await failure(client(baseUrl, how).events(events, []).next());
    expect(error).toMatchObject({ code: "REDIRECT", status: 300, body: "choose" });
  });

  it("with one that is too large come up to it", async () => {
    const { baseUrl } = await serve((_, response) =>
      open(response, `data: 1\n\ndata: 2\n\ndata: ${"x".repeat(9_000_000)}`),
    );
    const iteration = client(baseUrl, how).events(events, []);
    expect([(await iteration.next()).value, (await iteration.next()).value]).toEqual([1, 2]);
    expect((await failure(iteration.next())).code).toBe("EVENT_TOO_LARGE");
  });

  it("are not read ahead of their reader", async () => {
    const count = 320;
    let drained = false;
    const { baseUrl } = await serve((_, response) => {
      response.on("drain", () => {
        drained = true;
        response.end();
      });
      response.writeHead(200, stream).write(`data: ${"x".repeat(100_000)}\n\n`.repeat(count));
    });
    const iteration = client(baseUrl, how).events<string>(events, []);
    await iteration.next();
    for (let i = 0; i < 500; i++) await turn();
    expect(drained).toBe(false);
    let bytes = 0;
    let read = 1;
    for await (const event of iteration) {
      bytes += event.length;
      read++;
    }
    expect([read, bytes, drained]).toEqual([count, (count - 1) * 100_000, true]);
  });
});

it("events of a given fetch whose body fails with an error of this package throw that one", async () => {
  const own = new ProtocolError("own");
  const body = new ReadableStream({ pull: (controller) => controller.error(own) });
  const fetch = async () => new Response(body, { headers: stream });
  expect(await failure(client("http://server.test", { fetch }).events(events, []).next())).toBe(own);
});

describe("events over undici", () => {
  it("that came to their end leave their connection to the next ones", async () => {
    const { baseUrl, connections } = await serve((_, response) =>
      response.writeHead(200, stream).end("data: 1\n\ndata: 2\n\n"),
    );
    const http = client(baseUrl);
    for (let i = 0; i < 3; i++) {
      expect(await all(http.events(events, []))).toEqual([1, 2]);
      await turn();
    }
    expect(connections.count).toBe(1);
  });

  it("that are compressed though nobody asked for that are refused", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      response.writeHead(200, { ...stream, "content-encoding": "gzip" }).end(zlib.gzipSync("data: 1\n\n")),
    );
    const error = await failure(client(baseUrl).events(events, []).next());
    expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status: 200 });
    expect(error.message).toContain(
      "expected a stream without gzip, found HTTP 200 with content coding gzip",
    );
    expect(seen[0]!.headers["accept-encoding"]).toBe("identity");
  });
});
