/** Connections: how many, which ones are used again, and how they end. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { AbortError, ClosedError, ConnectionError, TimeoutError } from "../../src/core/errors.js";
import { VERSION } from "../../src/core/version.js";
import { HttpClient, type HttpOperation } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import {
  all,
  client,
  events,
  failure,
  json,
  read,
  serve,
  serveSocket,
  transports,
  turn,
  write,
} from "./server.ts";

const root = join(import.meta.dirname, "../..");
const none: HttpOperation = { ...write, result: "none" };

describe("the pool of undici", () => {
  it("names the package, unless the caller names something else", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(baseUrl);
    await http.send(read, ["1"]);
    await http.send(read, ["1"], { headers: { "User-Agent": "mine/1" } });
    expect(seen.map(({ headers }) => headers["user-agent"])).toEqual([`agentwire/${VERSION}`, "mine/1"]);
  });

  it(
    req("core.http.pool", "has no more connections than allowed; who waits is served in order"),
    async () => {
      const responses: ServerResponse[] = [];
      const { baseUrl, seen, connections, arrived } = await serve(
        (_, response) => void responses.push(response),
      );
      const http = client(baseUrl, { connections: 2 });
      const calls = ["a", "b", "c", "d"].map((id) => http.send(read, [id]));
      for (let at = 0; at < 4; at++) {
        await arrived(Math.min(at + 2, 4));
        json(responses[at]!, 200, { at });
      }
      await Promise.all(calls);
      expect(connections.count).toBe(2);
      expect(seen.map(({ url }) => url.at(-1))).toEqual(["a", "b", "c", "d"]);
    },
  );

  it(
    req("core.http.pool", "lets a waiting call leave at once, by signal or time, and never sends it"),
    async () => {
      const clock = new FakeClock();
      let respond = (): void => {};
      const { baseUrl, seen, arrived } = await serve((_, response, n) => {
        if (n > 0) return json(response, 200, { n });
        respond = () => json(response, 200, { n });
        return undefined;
      });
      const http = client(baseUrl, { connections: 1, clock, timeoutMs: 0 });
      const controller = new AbortController();
      const hanging = http.send(read, ["hanging"]);
      await arrived(1);
      const aborted = failure(http.send(read, ["aborted"], { signal: controller.signal }));
      const late = failure(http.send(write, [], { timeoutMs: 50 }, {}));
      const total = failure(http.send(write, [], { totalTimeoutMs: 50 }, {}));
      const retried = http.send(read, ["retried"], { timeoutMs: 50 });
      while (clock.pending < 3) await turn();
      controller.abort();
      expect(await aborted).toBeInstanceOf(AbortError);
      await clock.advance(50);
      expect(await late).toBeInstanceOf(TimeoutError);
      expect((await late).message).toContain("50 ms");
      expect(await total).toBeInstanceOf(TimeoutError);
      // The second attempt of the last call waits for the same connection as its first, which was given up.
      respond();
      expect(await hanging).toEqual({ n: 0 });
      expect(await retried).toEqual({ n: 1 });
      expect(await http.send(read, ["last"])).toEqual({ n: 2 });
      expect(seen.map(({ url }) => url)).toEqual(["/things/hanging", "/things/retried", "/things/last"]);
      expect(clock.pending).toBe(0);
    },
  );

  it("has streams on connections of their own", async () => {
    const { baseUrl, connections } = await serve(({ url }, response) => {
      if (url !== "/events") return json(response, 200, {});
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      return undefined;
    });
    const http = client(baseUrl, { connections: 1 });
    const stream = http.events(events, []);
    expect((await stream.next()).value).toBe(1);
    expect(await http.send(read, ["1"])).toEqual({});
    await stream.return(undefined);
    expect(connections.count).toBe(2);
  });

  it("goes on with those that wait when a connection dies", async () => {
    const { baseUrl, seen, arrived } = await serve(async ({ url }, response) => {
      if (!url.endsWith("dies")) return json(response, 200, {});
      await arrived(1);
      return response.destroy();
    });
    const http = client(baseUrl, { connections: 1, retry: false });
    const calls = await Promise.allSettled([
      http.send(read, ["dies"]),
      http.send(write, []),
      http.send(read, ["2"]),
    ]);
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(seen.map(({ url }) => url)).toEqual(["/things/dies", "/things", "/things/2"]);
  });

  it("ends its idle connections with the client", async () => {
    const { baseUrl, server } = await serve(({ url }, response) => {
      const type = url === "/events" ? "text/event-stream" : "application/json";
      response.setHeader("keep-alive", "timeout=600");
      response.writeHead(200, { "content-type": type }).end(url === "/events" ? "data: 1\n\n" : "{}");
    });
    server.keepAliveTimeout = 0;
    const gone: Promise<unknown>[] = [];
    server.on("connection", (socket) => gone.push(once(socket, "close")));
    const http = client(baseUrl);
    await http.send(read, ["1"]);
    expect(await all(http.events(events, []))).toEqual([1]);
    await http.close();
    expect(await Promise.all(gone)).toHaveLength(2);
  });

  it("does not use a connection again that the server closes", async () => {
    const { baseUrl, connections } = await serve(({ url }, response) =>
      json(response, 200, {}, { connection: url.endsWith("close") ? "close" : "keep-alive" }),
    );
    const http = client(baseUrl, { connections: 1 });
    for (const id of ["1", "2", "close", "3"]) await http.send(read, [id]);
    expect(connections.count).toBe(2);
  });
});

it("idle connections keep no process alive", async () => {
  const { baseUrl, server } = await serve((_, response) => json(response, 200, { done: true }));
  server.keepAliveTimeout = 0;
  const program = `
    import { HttpClient } from ${JSON.stringify(join(root, "src/http/index.ts"))};
    const none = { id: "none", method: "POST", path: "/", idempotent: false, result: "none" };
    for (const fetch of [undefined, globalThis.fetch]) {
      const http = new HttpClient({ baseUrl: process.argv[1], fetch });
      await http.send(none, []);
      console.log(await http.send({ ...none, result: "json" }, []));
    }`;
  const args = ["--import", "tsx", "--input-type=module", "-e", program, baseUrl];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  expect(stdout).toBe("{ done: true }\n{ done: true }\n");
});

describe.each(transports)("connections over %s", (_, how) => {
  it(req("core.http.desync", "on which comes more than was asked for are closed"), async () => {
    const { baseUrl, sockets } = await serveSocket((socket, _, connection) => {
      const more = connection === 1 ? 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"evil"' : "";
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"ok"${more}`);
    });
    const http = client(baseUrl, { ...how, connections: 1 });
    for (let i = 0; i < 3; i++) expect(await http.send({ ...read, expects: "string" }, ["1"])).toBe("ok");
    expect(sockets.length).toBeGreaterThan(1);
  });

  it("whose body is longer than its length are closed, and one that is shorter is an error", async () => {
    const { baseUrl } = await serveSocket((socket, data) => {
      const length = data.includes("/things/short") ? 9 : 2;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n{}evil`);
      if (length === 9) socket.end();
    });
    const http = client(baseUrl, { ...how, retry: false, connections: 1 });
    for (let i = 0; i < 3; i++)
      expect(await http.send(read, ["1"], { retry: { attempts: 3, minDelayMs: 0 } })).toEqual({});
    expect(await failure(http.send(read, ["short"]))).toBeInstanceOf(ConnectionError);
  });

  it("with a body that nobody wants are used again or closed, and hold no call", async () => {
    let unrefs = 0;
    const clock = new FakeClock();
    const { setTimeout } = clock;
    clock.setTimeout = (run, ms, options) => {
      if (options?.unref) unrefs++;
      return setTimeout.call(clock, run, ms, options);
    };
    const ends: Promise<void>[] = [];
    const { baseUrl, arrived } = await serve(({ url }, response, n) => {
      ends.push(new Promise((resolve) => response.once("close", resolve)));
      response.writeHead(200);
      if (url === "/long") return response.end("x".repeat(100_000));
      if (n === 1) return response.write("and so on");
      return response.end(url === "/once" ? "{}" : "x");
    });
    const http = client(baseUrl, { ...how, clock, connections: 1, timeoutMs: 1_000, maxBodyBytes: 10_000 });
    expect(await http.send(none, [])).toBeUndefined();
    expect(await http.send(none, [])).toBeUndefined();
    const next = http.send({ ...write, path: "/once" }, [], { timeoutMs: 0 });
    while (clock.pending === 0) await turn();
    await clock.advance(1_000);
    expect(await next).toEqual({});
    expect(await http.send({ ...none, path: "/long" }, [])).toBeUndefined();
    await arrived(4);
    await Promise.all(ends);
    while (clock.pending > 0) await turn();
    expect(unrefs).toBe(3);
  });
});

describe.each(transports)("close over %s", (_, how) => {
  it("gives each call that it ends no facts of another", async () => {
    const { baseUrl, seen } = await serve(() => {});
    const http = client(baseUrl, how);
    const calls = ["a", "b"].map((correlationId) => failure(http.send(read, ["1"], { correlationId })));
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    await http.close({ graceMs: 0 });
    const ids = (await Promise.all(calls)).map((error) => error.correlationId);
    expect([ids[0] ?? "a", ids[1] ?? "b"]).toEqual(["a", "b"]);
  });

  it("waits for calls in flight, refuses later ones, and is the same promise each time", async () => {
    let respond = (): void => {};
    const { baseUrl, seen, arrived } = await serve((_, response) => {
      respond = () => json(response, 200, { done: true });
    });
    const clock = new FakeClock();
    const http = client(baseUrl, { ...how, clock });
    const call = http.send(read, ["1"]);
    await arrived(1);
    const closing = http.close();
    expect(await failure(http.send(read, ["2"]))).toMatchObject({ name: "ClosedError", code: "CLOSED" });
    expect(await failure(http.events(events, []).next())).toBeInstanceOf(ClosedError);
    respond();
    expect(await call).toEqual({ done: true });
    await closing;
    expect(clock.pending).toBe(0);
    await http.close();
    expect(await failure(http.send(read, ["3"]))).toBeInstanceOf(ClosedError);
    expect(seen).toHaveLength(1);
  });

  it("ends after its grace time what is in flight, waits or streams", async () => {
    const clock = new FakeClock();
    const { baseUrl, arrived } = await serve(({ url }, response) => {
      if (url === "/events")
        response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
    });
    const http = client(baseUrl, { ...how, clock, connections: 1 });
    const stream = http.events(events, []);
    await stream.next();
    const calls = [http.send(read, ["1"]), http.send(read, ["2"]), http.send(write, [])].map(failure);
    await arrived(2);
    const closing = http.close({ graceMs: 3_000 });
    await clock.advance(2_999);
    await clock.advance(1);
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(ClosedError);
    expect(await failure(stream.next())).toBeInstanceOf(ClosedError);
    await closing;
    expect(clock.pending).toBe(0);
  });

  it("ends streams though no call is in flight", async () => {
    let ended = (): void => {};
    const gone = new Promise<void>((resolve) => (ended = resolve));
    const { baseUrl } = await serve((_, response) => {
      response.on("close", ended);
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
    });
    const http = client(baseUrl, how);
    const stream = http.events(events, []);
    await stream.next();
    const next = failure(stream.next());
    await http.close();
    expect(await next).toBeInstanceOf(ClosedError);
    await gone;
  });

  it.each([0, -1, Infinity])("sets no timer for a grace time of %d ms", async (graceMs) => {
    const clock = new FakeClock();
    let respond = (): void => {};
    const { baseUrl, arrived } = await serve((_, response) => {
      respond = () => json(response, 200, {});
    });
    const http = client(baseUrl, { ...how, clock, timeoutMs: 0 });
    const call = http.send(read, ["1"]).then(
      () => "answered",
      (error: Error) => error.name,
    );
    await arrived(1);
    const closing = http.close({ graceMs });
    expect(clock.pending).toBe(0);
    respond();
    expect(await call).toBe(graceMs === Infinity ? "answered" : "ClosedError");
    await closing;
  });

  it("works for a client that was never used", async () => {
    await new HttpClient({ baseUrl: "http://127.0.0.1:1", ...how }).close();
  });
});
