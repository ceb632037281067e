/** Which calls are made again, and how often. */
import { describe, expect, it } from "vitest";
import { ConnectionError } from "../../src/core/errors.js";
import type { HttpMiddleware, HttpOperation } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import {
  client,
  failure,
  json,
  once,
  read,
  refusingUrl,
  serve,
  serveSocket,
  transports,
  turn,
  write,
} from "./server.ts";

/** Counts attempts, also those that never arrive. */
function counter(): { attempts: number[]; middleware: HttpMiddleware[] } {
  const attempts: number[] = [];
  const counted: HttpMiddleware = (next) => (call) => {
    attempts.push(call.attempt);
    return next(call);
  };
  return { attempts, middleware: [counted] };
}

describe.each(transports)("retries over %s", (_, how) => {
  it(req("core.http.retry", "an idempotent call is made again, one that is not only fails"), async () => {
    const { baseUrl, seen } = await serve((_, response, n) => json(response, n % 3 === 2 ? 200 : 503, { n }));
    const notices: string[] = [];
    const onRetry = ({ attempt }: { attempt: number }, { operation: { id } }: { operation: HttpOperation }) =>
      void notices.push(`${id} ${attempt}`);
    const warned: [string, object?][] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (...line: [string, object?]) => void warned.push(line),
    };
    const http = client(baseUrl, { ...how, onRetry, logger });
    const { data, attempts } = await http.send(read, ["1"], { correlationId: "c" }).withResponse();
    expect([data, attempts]).toEqual([{ n: 2 }, 3]);
    const again = {
      attempt: 2,
      delayMs: 0,
      error: expect.objectContaining({ status: 503 }),
      correlationId: "c",
    };
    expect(warned).toEqual([["read failed and will be retried", again]]);
    expect(notices).toEqual(["read 1", "read 2"]);
    expect((await failure(http.send(write, [], {}, {}))).status).toBe(503);
    expect((await failure(http.send(once, [], {}, {}))).status).toBe(503);
    expect(await http.send(once, [], { rule: { idempotent: true } }, {})).toEqual({ n: 5 });
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
      const { attempts, middleware } = counter();
      const http = client(await refusingUrl(), { ...how, middleware });
      const error = await failure(http.send(write, [], {}, {}));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error).toMatchObject({ sent: false, attempts: 3 });
      const cause = (how.fetch === undefined ? error : (error.cause as Error)).cause;
      expect(cause).toMatchObject({ code: "ECONNREFUSED" });
      expect(attempts).toEqual([1, 2, 3]);
      await failure(http.send(write, [], { retry: false }, {}));
      await failure(http.send(once, [], {}, {}));
      expect(attempts).toEqual([1, 2, 3, 1, 1]);
    },
  );

  it("the caller's options allow a call that is not idempotent, but none that the spec says never to", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 503, {}));
    const http = client(baseUrl, how);
    const counts: number[] = [];
    for (const operation of [write, once, { ...write, retry: "never" }] as const) {
      for (const retry of [{ attempts: 2 }, undefined, false] as const) {
        const before = seen.length;
        await failure(http.send(operation, [], { retry }, {}));
        counts.push(seen.length - before);
      }
    }
    expect(counts).toEqual([2, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it("the server's wish counts, on the injected clock", async () => {
    const { baseUrl, seen } = await serve((_, response, n) =>
      json(response, n === 0 ? 429 : 200, {}, { "retry-after": "7" }),
    );
    const clock = new FakeClock();
    const waits: number[] = [];
    const http = client(baseUrl, { ...how, clock, onRetry: ({ delayMs }) => void waits.push(delayMs) });
    const answer = http.send(read, ["1"]).withResponse();
    while (waits.length === 0) await turn();
    await clock.advance(7000);
    const { status } = await answer;
    expect(status).toBe(200);
    expect(waits).toEqual([7000]);
    expect(seen).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("a body is sent again as it was", async () => {
    const { baseUrl, seen } = await serve((_, response, n) => json(response, n === 0 ? 503 : 200, {}));
    await client(baseUrl, how).send({ ...write, idempotent: true }, [], {}, { a: "ü" });
    expect(seen.map(({ body }) => body)).toEqual(['{"a":"ü"}', '{"a":"ü"}']);
  });
});

describe.each(transports)("a connection that closes as the next request leaves, over %s", (_, how) => {
  const N = 60;

  /** A server that closes each connection when it has answered once and hears of a second request. */
  async function closing() {
    const seen: string[] = [];
    const answered = new Set<unknown>();
    const server = await serveSocket((socket, data) => {
      const [, id] = /^\w+ \/things\/(\d+)/.exec(data) ?? [];
      if (id === undefined) return undefined;
      seen.push(id);
      if (answered.has(socket)) return socket.destroy();
      answered.add(socket);
      return socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
    return { ...server, seen };
  }

  it(req("core.http.keep-alive", "sends what is not idempotent at most once"), async () => {
    const { baseUrl, seen } = await closing();
    const http = client(baseUrl, { ...how, connections: 1 });
    const post: HttpOperation = { ...write, path: "/things/{id}" };
    let failed = 0;
    for (let id = 0; id < N; id++) {
      const error = await http.send(post, [id], {}, "x").then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined) expect(error).toBeInstanceOf(ConnectionError);
      if (error !== undefined) failed++;
    }
    expect(failed).toBeGreaterThan(0);
    // Each connection is used a second time, and once. The pool of fetch is not ours.
    if (how.fetch === undefined) expect(failed).toBe(N / 2);
    expect(seen).toHaveLength(new Set(seen).size);
    expect(seen).toHaveLength(N);
  });

  it(req("core.http.keep-alive", "repeats what is idempotent until it is answered"), async () => {
    const { baseUrl, seen } = await closing();
    const http = client(baseUrl, { ...how, connections: 1, retry: { attempts: 5, minDelayMs: 0 } });
    for (let id = 0; id < N; id++) expect(await http.send(read, [id])).toEqual({});
    expect(new Set(seen).size).toBe(N);
    expect(seen.length).toBeGreaterThan(N);
  });

  it("without a request on it costs nothing", async () => {
    // The server closes right after its answer, and says nothing of it.
    const seen: string[] = [];
    const { baseUrl } = await serveSocket((socket, data) => {
      seen.push(data.split(" ")[1]!);
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
    const http = client(baseUrl, { ...how, connections: 1 });
    const post: HttpOperation = { ...write, path: "/things/{id}" };
    for (let id = 0; id < N; id++) await http.send(post, [id]).then(undefined, () => {});
    expect(seen).toHaveLength(new Set(seen).size);
  });

  it("is not repeated when a part of the response has come and the operation is not idempotent", async () => {
    let requests = 0;
    const { baseUrl } = await serveSocket((socket) => {
      if (++requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      else socket.end("HTTP/1.1 200");
    });
    const http = client(baseUrl, { ...how, connections: 1 });
    await http.send(write, []);
    expect(await failure(http.send(write, []))).toBeInstanceOf(ConnectionError);
    expect(requests).toBe(2);
  });
});
