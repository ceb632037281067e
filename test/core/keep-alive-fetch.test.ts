/** The client over kept connections, against servers of node:http and node:https. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createPlainServer, type Socket } from "node:net";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { KeepAliveAnswer, KeepAliveClient, KeepAliveOptions } from "../../src/core/keep-alive.js";
import { keepAliveClient } from "../../src/core/keep-alive-client.js";
import { keepAliveFetch } from "../../src/core/keep-alive-fetch.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

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
    const calls = client({ maxSockets: 2 });
    const early = await calls.request(url, get);
    for (let i = 0; i < 3; i++) (await calls.request(url, get)).discard();
    expect(await text(early)).toBe("body");
    expect(connections.count).toBe(2);
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
    await expect(reading).rejects.toMatchObject({ code: "CONNECTION", retryable: true });
  });
});

describe("connections", () => {
  it(req("core.http.pool", "are no more than allowed; who waits is served in order, or leaves"), async () => {
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
    expect(await all[1]).toBe("AbortError");
    const second = next();
    waiting[0]!.end("1");
    await second;
    waiting[1]!.end("2");
    expect(await Promise.all(all)).toEqual(["1", "AbortError", "2"]);
    expect([order, connections.count]).toEqual([["/a", "/c"], 1]);
  });

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
    await expect(reading).rejects.toMatchObject({ code: "ABORTED" });
    (await calls.request(url, get)).discard();
    expect(connections.count).toBe(2);
  });

  it("are not used again when the server says that it closes", async () => {
    const { url, connections } = await serve((request, response) => {
      response.setHeader("connection", request.url === "/close" ? "close" : "keep-alive");
      response.end();
    });
    const calls = client();
    for (const path of ["", "", "close", ""]) await text(await calls.request(url + path, get));
    expect(connections.count).toBe(2);
  });

  it("that lie idle keep no process alive", async () => {
    const { url, server } = await serve((_, response) => void response.end("done"));
    server.keepAliveTimeout = 0;
    const program = `
      import { keepAliveFetch } from ${JSON.stringify(join(root, "src/core/keep-alive-fetch.ts"))};
      console.log(await (await keepAliveFetch()(process.argv[1])).text());`;
    const args = ["--import", "tsx", "--input-type=module", "-e", program, url];
    expect((await run(process.execPath, args, { cwd: root })).stdout).toBe("done\n");
  });

  it("end with the client, and so does what is on them or waits", async () => {
    let arrived = (): void => {};
    const { url } = await serve(() => arrived());
    const calls = client({ maxSockets: 1 });
    const first = new Promise<void>((resolve) => (arrived = resolve));
    const all = [1, 2].map(() => calls.request(url, get).catch((error: Error) => error));
    await first;
    calls.close();
    for (const error of await Promise.all(all)) expect(error).toMatchObject({ code: "CONNECTION" });
    await expect(calls.request(url, get)).rejects.toMatchObject({ code: "CONNECTION" });
  });

  it("that cannot be opened are an error with its cause", async () => {
    const { url, server } = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    await expect(client().request(url, get)).rejects.toMatchObject({
      code: "CONNECTION",
      cause: { code: "ECONNREFUSED" },
    });
    await expect(client().request("ftp://127.0.0.1/", get)).rejects.toMatchObject({ code: "CONNECTION" });
  });
});

describe("a request", () => {
  it(
    req("core.http.injection", "holds no line of somebody else's making, and its errors no value"),
    async () => {
      const seen: IncomingMessage[] = [];
      const { url } = await serve((request, response) => {
        seen.push(request);
        response.end();
      });
      const calls = client();
      const bad = [
        { headers: { "x-token": "s3cret\r\nx-admin: 1" } },
        { headers: { "x-token": "s3cret\nx-admin: 1" } },
        { headers: { "x-token": "s3cret\0" } },
        { headers: { "x-token": "s3cret é" } },
        { headers: { "x-admin: s3cret\r\nx": "1" } },
        { headers: { "": "s3cret" } },
        { headers: {}, method: "GET / HTTP/1.1\r\nx-admin:" },
      ];
      for (const given of bad) {
        const error: unknown = await calls.request(url, { ...get, ...given }).catch((e: unknown) => e);
        expect(error).toMatchObject({ name: "ValidationError" });
        if (given.headers["x-token"] !== undefined) expect(inspect(error)).not.toContain("s3cret");
      }
      expect(seen).toEqual([]);
      const smuggling = {
        "Content-Length": "1",
        "transfer-encoding": "chunked",
        host: "evil",
        Connection: "x",
      };
      await text(await calls.request(`${url}a b?c=\r\nd`, { method: "POST", headers: smuggling, body: "é" }));
      expect(seen[0]).toMatchObject({ url: "/a%20b?c=d" });
      expect(seen[0]!.headers).toEqual({
        host: new URL(url).host,
        connection: "keep-alive",
        "content-length": "2",
      });
    },
  );

  it("arrives with its body: text, bytes, an empty one, none", async () => {
    const { url, connections } = await serve(async (request, response) => {
      const chunks = await request.toArray();
      response.end(`${request.headers["content-length"]} ${Buffer.concat(chunks)}`);
    });
    const calls = client();
    const seen: string[] = [];
    for (const body of ["é", new TextEncoder().encode("ü"), "", new Uint8Array(), undefined])
      seen.push(await text(await calls.request(url, { method: "POST", headers: {}, body })));
    seen.push(await text(await calls.request(url, get)));
    expect(seen).toEqual(["2 é", "2 ü", "0 ", "0 ", "0 ", "undefined "]);
    expect(connections.count).toBe(1);
  });

  it("is not repeated when a byte of its answer came", async () => {
    const seen: string[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.url!);
      if (seen.length === 1) return void response.end("ok");
      request.socket.end("HTTP/1.1 200");
      return undefined;
    });
    const calls = client();
    const repeatable = { ...get, retryStale: true };
    expect(await text(await calls.request(url, repeatable))).toBe("ok");
    await expect(calls.request(url, repeatable)).rejects.toMatchObject({ code: "CONNECTION" });
    expect(seen).toHaveLength(2);
  });

  it("that nobody may repeat on a new connection fails with it, and those that wait go on", async () => {
    const seen: string[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.url!);
      if (request.url === "/dies") request.socket.destroy();
      else response.end("ok");
    });
    const calls = client({ maxSockets: 1 });
    const [first, second] = await Promise.all([
      calls.request(`${url}dies`, { ...get, retryStale: true }).catch((error: Error) => error),
      calls.request(url, get).then(text),
    ]);
    expect(first).toMatchObject({ code: "CONNECTION", cause: { code: "ECONNRESET" } });
    expect([second, seen]).toEqual(["ok", ["/dies", "/"]]);
  });
});

describe("keepAliveFetch", () => {
  it(
    req("core.http.response", "hands out the platform's response, without an early answer or a redirect"),
    async () => {
      const { url } = await serve((request, response) => {
        if (request.url === "/none") return void response.writeHead(204, { "x-a": "1" }).end();
        response.writeEarlyHints({ link: "</style>; rel=preload" });
        response.writeHead(302, "Gone fishing", { "set-cookie": ["a=1", "b=2"], location: "/none" });
        response.end(JSON.stringify({ method: request.method, type: request.headers["content-type"] }));
        return undefined;
      });
      const kept = keepAliveFetch()!;
      cleanups.push(() => kept.close());
      const answer = await kept(url, { method: "POST", body: "x" });
      expect(answer).toBeInstanceOf(Response);
      expect([answer.status, answer.statusText, answer.redirected]).toEqual([302, "Gone fishing", false]);
      expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
      expect(await answer.clone().json()).toEqual({ method: "POST", type: "text/plain;charset=UTF-8" });
      const none = await kept(`${url}none`);
      expect([none.status, none.body, none.headers.get("x-a")]).toEqual([204, null, "1"]);
      const thrown: unknown = await kept(url, { headers: { "x-token": "s3cret é" } }).catch(
        (e: unknown) => e,
      );
      expect(inspect(thrown)).not.toContain("s3cret");
    },
  );

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
    await expect(kept(url, { method: "POST", body: "x" })).rejects.toMatchObject({ code: "CONNECTION" });
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
    expect(await late).toMatchObject({ code: "TIMEOUT" });
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

  it(req("core.http.desync", "that nobody asked for ends the connection"), async () => {
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
      code: "CONNECTION",
      cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    const misnamed = client({ tls: { ca: pem("ca.pem"), servername: "other.test" } });
    await expect(misnamed.request(url, get)).rejects.toMatchObject({
      cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    });
  });
});
