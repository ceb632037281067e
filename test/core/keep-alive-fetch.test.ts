/** The client over kept connections, against servers of node:http and node:https. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createPlainServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  type KeepAliveAnswer,
  type KeepAliveClient,
  type KeepAliveOptions,
  keepAliveClient,
  keepAliveFetch,
} from "../../src/core/keep-alive-fetch.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(onRequest: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(onRequest);
  const connections = { count: 0 };
  server.on("connection", () => void connections.count++);
  return { ...(await listen(server)), server, connections };
}

async function listen(server: Server): Promise<{ url: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, port };
}

function client(options: KeepAliveOptions = {}): KeepAliveClient {
  const made = keepAliveClient(options)!;
  cleanups.push(() => made.close());
  return made;
}

async function text(answer: KeepAliveAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  await answer.read((chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks).toString();
}

const get = { method: "GET", headers: {} };

describe("bodies", () => {
  it("come whole by length, in chunks, up to the end of the connection, and not at all", async () => {
    const large = "0123456789".repeat(100_000);
    const { url, connections } = await serve((request, response) => {
      response.sendDate = false;
      if (request.url === "/length") response.setHeader("content-length", large.length);
      if (request.url === "/close") response.useChunkedEncodingByDefault = false;
      if (request.url === "/none") response.statusCode = 204;
      response.writeHead(response.statusCode);
      if (request.method === "HEAD" || request.url === "/none") return response.end();
      for (let at = 0; at < large.length; at += 70_001) response.write(large.slice(at, at + 70_001));
      return response.end();
    });
    const calls = client();
    for (const path of ["length", "chunks"])
      expect((await text(await calls.request(url + path, get))) === large, path).toBe(true);
    expect(await text(await calls.request(`${url}none`, get))).toBe("");
    expect(await text(await calls.request(`${url}length`, { ...get, method: "HEAD" }))).toBe("");
    expect(connections.count).toBe(1);
    expect((await text(await calls.request(`${url}close`, get))) === large).toBe(true);
  });

  it("wait until they are read, and those that nobody wants hold no connection", async () => {
    const { url, connections } = await serve((_, response) => void response.end("body"));
    const calls = client({ maxSockets: 1 });
    const early = await calls.request(url, get);
    for (let i = 0; i < 3; i++) (await calls.request(url, get)).discard();
    expect(await text(early)).toBe("body");
    expect(connections.count).toBe(1);
  });

  it("are not read ahead of their reader", async () => {
    let drained = false;
    const { url } = await serve((_, response) => {
      response.on("drain", () => {
        drained = true;
        response.end();
      });
      response.write(Buffer.alloc(32_000_000));
    });
    const answer = await client().request(url, get);
    expect(drained).toBe(false);
    let bytes = 0;
    await answer.read((chunk) => {
      bytes += chunk.length;
    });
    expect([bytes, drained]).toEqual([32_000_000, true]);
  });

  it("end where their reader throws, and with the connection", async () => {
    let response: ServerResponse | undefined;
    const { url } = await serve((_, given) => {
      response = given;
      given.write("first");
    });
    const calls = client();
    const thrown = await calls.request(url, get);
    const enough = new Error("enough");
    await expect(
      thrown.read(() => {
        throw enough;
      }),
    ).rejects.toBe(enough);
    const lost = await calls.request(url, get);
    const reading = text(lost);
    response!.destroy();
    await expect(reading).rejects.toMatchObject({ code: "connection", retryable: true });
  });
});

describe("connections", () => {
  it(
    req("core.http1.pool", "are no more than allowed; who waits is served in order, or leaves"),
    async () => {
      const waiting: ServerResponse[] = [];
      const order: string[] = [];
      let arrived = (): void => {};
      const { url, connections } = await serve((request, response) => {
        order.push(request.url!);
        waiting.push(response);
        arrived();
      });
      const next = () => new Promise<void>((resolve) => (arrived = resolve));
      const calls = client({ maxSockets: 1 });
      const abort = new AbortController();
      const first = next();
      const all = ["a", "b", "c"].map((path) =>
        calls
          .request(url + path, path === "b" ? { ...get, signal: abort.signal } : get)
          .then(text, (error: Error) => error.name),
      );
      await first;
      abort.abort();
      expect(await all[1]).toBe("AbortedError");
      const second = next();
      waiting[0]!.end("1");
      await second;
      waiting[1]!.end("2");
      expect(await Promise.all(all)).toEqual(["1", "AbortedError", "2"]);
      expect([order, connections.count]).toEqual([["/a", "/c"], 1]);
    },
  );

  it("of their own stand beside the pool, and are closed at the end", async () => {
    const { url, connections } = await serve((request, response) => {
      if (request.url === "/stream") response.write("x");
      else response.end();
    });
    const calls = client({ maxSockets: 1 });
    const abort = new AbortController();
    const own = { ...get, ownConnection: true, signal: abort.signal };
    const stream = await calls.request(`${url}stream`, own);
    (await calls.request(url, get)).discard();
    expect(connections.count).toBe(2);
    const reading = text(stream);
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
    (await calls.request(url, get)).discard();
    expect(connections.count).toBe(2);
  });

  it("are not used after the time for which the server keeps them, nor when it says that it closes", async () => {
    const clock = new FakeClock();
    const { url, connections } = await serve((request, response) => {
      response.setHeader("connection", request.url === "/close" ? "close" : "keep-alive");
      response.setHeader("keep-alive", "timeout=5");
      response.end();
    });
    const calls = client({ clock });
    const call = async (path = "") => (await calls.request(url + path, get)).discard();
    await call();
    await clock.advance(3_900);
    await call();
    expect(connections.count).toBe(1);
    await clock.advance(4_000);
    await call();
    expect(connections.count).toBe(2);
    await call("close");
    await call();
    expect(connections.count).toBe(3);
  });

  it("end with the client, and so does what is on them or waits", async () => {
    let arrived = (): void => {};
    const { url } = await serve(() => arrived());
    const calls = client({ maxSockets: 1 });
    const first = new Promise<void>((resolve) => (arrived = resolve));
    const all = [1, 2].map(() => calls.request(url, get).catch((error: Error) => error));
    await first;
    calls.close();
    for (const error of await Promise.all(all)) expect(error).toMatchObject({ code: "connection" });
  });

  it("that cannot be opened are an error with its cause", async () => {
    const { url, server } = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    await expect(client().request(url, get)).rejects.toMatchObject({
      code: "connection",
      cause: { code: "ECONNREFUSED" },
    });
    await expect(client().request("ftp://127.0.0.1/", get)).rejects.toMatchObject({ code: "connection" });
  });
});

describe("keepAliveFetch", () => {
  it("repeats on a dead connection what is idempotent, and nothing else", async () => {
    const seen: string[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.method!);
      // Every second request finds its connection dead.
      if (seen.length % 2 === 0) request.socket.destroy();
      else response.end("ok");
    });
    const kept = keepAliveFetch({ maxSockets: 1 })!;
    cleanups.push(() => kept.close());
    expect(await (await kept(url)).text()).toBe("ok");
    expect(await (await kept(url)).text()).toBe("ok");
    await expect(kept(url, { method: "POST", body: "x" })).rejects.toMatchObject({ code: "connection" });
    expect(seen).toEqual(["GET", "GET", "GET", "POST"]);
  });
});

describe("a head", () => {
  it("may take so long", async () => {
    const clock = new FakeClock();
    let arrived = (): void => {};
    const { url } = await serve(() => arrived());
    const there = new Promise<void>((resolve) => (arrived = resolve));
    const late = client({ clock })
      .request(url, { ...get, headTimeoutMs: 1_000 })
      .catch((error: Error) => error);
    await there;
    await clock.advance(1_000);
    expect(await late).toMatchObject({ code: "timeout" });
  });

  it("that is followed by no end of a body nobody wants holds its connection no longer than that", async () => {
    const clock = new FakeClock();
    const { url, connections } = await serve((_, response) => {
      if (connections.count === 1) response.write("and so on");
      else response.end("done");
    });
    const calls = client({ clock, maxSockets: 1 });
    (await calls.request(url, { ...get, headTimeoutMs: 1_000 })).discard();
    const next = calls.request(url, get);
    await clock.advance(1_000);
    expect(await text(await next)).toBe("done");
    expect(connections.count).toBe(2);
  });

  it(req("core.http1.desync", "that nobody asked for ends the connection"), async () => {
    const sockets: Socket[] = [];
    const server = createPlainServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      const body = sockets.length === 1 ? "okHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil" : "ok";
      socket.on("data", () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${body}`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const calls = client({ maxSockets: 1 });
    expect(await text(await calls.request(url, get))).toBe("ok");
    expect(await text(await calls.request(url, get))).toBe("ok");
    expect(sockets).toHaveLength(2);
  });
});

describe("TLS", () => {
  const pem = (name: string) => readFileSync(join(import.meta.dirname, "../peers/tls", name), "utf8");

  it("works with a trusted certificate, and with no other one", async () => {
    const server = createSecureServer({ key: pem("server.key"), cert: pem("server.pem") }, (_, response) => {
      response.end("secret");
    });
    const { port } = await listen(server as unknown as Server);
    const url = `https://127.0.0.1:${port}/`;
    const trusting = client({ tls: { ca: pem("ca.pem"), servername: "redis.test" } });
    for (let i = 0; i < 2; i++) expect(await text(await trusting.request(url, get))).toBe("secret");
    await expect(client().request(url, get)).rejects.toMatchObject({
      code: "connection",
      cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    const misnamed = client({ tls: { ca: pem("ca.pem"), servername: "other.test" } });
    await expect(misnamed.request(url, get)).rejects.toMatchObject({
      cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    });
  });
});
