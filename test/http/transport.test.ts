/** What undici must do for us: connections, proxies, certificates, decompression. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, createServer as createPlainServer, type Socket } from "node:net";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { AgentwireError } from "../../src/core/errors.js";
import { bearer, HttpClient, type HttpClientOptions, type HttpOperation } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const pem = (name: string) => readFileSync(join(root, "test/peers/tls", name), "utf8");
const get: HttpOperation = { id: "get", method: "GET", path: "/{name}", idempotent: true, result: "text" };
const post: HttpOperation = {
  id: "post",
  method: "POST",
  path: "/{name}",
  idempotent: false,
  result: "text",
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(onRequest: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(onRequest);
  // Counted by what is served at the same time: a request that was cut while it waited costs its connection.
  const served = { now: 0, most: 0 };
  server.on("request", (_, response: ServerResponse) => {
    served.most = Math.max(served.most, ++served.now);
    response.on("close", () => void served.now--);
  });
  return { ...(await listen(server)), served };
}

async function listen(server: Server): Promise<{ url: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

async function listenPlain(onSocket: (socket: Socket) => void): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createPlainServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function client(baseUrl: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const http = new HttpClient({ baseUrl, retry: false, server: "the server", ...options });
  cleanups.push(() => http.close({ graceMs: 0 }));
  return http;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as AgentwireError,
  );

/** Runs `use` with environment variables set. */
async function withEnv(env: Readonly<Record<string, string>>, use: () => Promise<void>): Promise<void> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    await use();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe("connections", () => {
  it(
    req("core.http.pool", "are no more than allowed; who waits leaves at once, and is never sent"),
    async () => {
      const waiting: ServerResponse[] = [];
      const order: string[] = [];
      const { url, served } = await serve((request, response) => {
        order.push(request.url!);
        waiting.push(response);
      });
      const clock = new FakeClock();
      const http = client(url, { connections: 1, clock });
      const abort = new AbortController();
      const first = http.send(get, ["a"]);
      await expect.poll(() => waiting.length).toBe(1);
      const aborted = failure(http.send(get, ["b"], { signal: abort.signal }));
      const late = failure(http.send(get, ["c"], { timeoutMs: 100 }));
      const last = http.send(get, ["d"]);
      abort.abort();
      expect((await aborted).name).toBe("AbortError");
      await clock.advance(100);
      expect(await late).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("100 ms") });
      waiting[0]!.end("1");
      await expect.poll(() => waiting.length).toBe(2);
      waiting[1]!.end("2");
      expect([await first, await last]).toEqual(["1", "2"]);
      expect([order, served.most]).toEqual([["/a", "/d"], 1]);
      expect(clock.pending).toBe(0);
    },
  );

  it(req("core.http.keep-alive", "are kept; a POST whose connection is dead is not sent again"), async () => {
    let requests = 0;
    const { port } = await listenPlain((socket) => {
      let served = 0;
      socket.on("data", (data: Buffer) => {
        if (!data.includes("POST /")) return;
        requests++;
        // The second request on a kept connection finds it dying.
        if (++served === 2) return void socket.destroy();
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const http = client(`http://127.0.0.1:${port}`, {
      connections: 1,
      retry: { attempts: 3, minDelayMs: 0 },
    });
    let sent = 0;
    let failed = 0;
    for (; sent < 60; sent++) await http.send(post, ["x"], {}, { n: sent }).catch(() => failed++);
    expect([requests, failed]).toEqual([60, 30]);
    const idempotent: HttpOperation = { ...post, idempotent: true };
    requests = 0;
    for (let n = 0; n < 10; n++) expect(await http.send(idempotent, ["x"], {}, { n })).toBe("ok");
    expect(requests).toBeGreaterThan(10);
  });

  it(req("core.http.desync", "end when a response comes that nobody asked for"), async () => {
    const { port, sockets } = await listenPlain((socket) => {
      const isFirst = sockets.length === 1;
      const body = isFirst ? "okHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil" : "ok";
      socket.on("data", () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${body}`));
    });
    const http = client(`http://127.0.0.1:${port}`, {
      connections: 1,
      retry: { attempts: 2, minDelayMs: 0 },
    });
    for (let n = 0; n < 3; n++) expect(await http.send(get, ["x"])).toBe("ok");
    expect(sockets.length).toBeGreaterThan(1);
  });

  it("that lie idle keep no process alive", async () => {
    const { url } = await serve((_, response) => response.end("ok"));
    const program = `
      import { HttpClient } from ${JSON.stringify(join(root, "src/http/index.ts"))};
      const http = new HttpClient({ baseUrl: ${JSON.stringify(url)} });
      const get = ${JSON.stringify(get)};
      console.log(await http.send(get, ["x"]));`;
    const args = ["--import", "tsx", "--input-type=module", "-e", program];
    const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 20_000 });
    expect(stdout.trim()).toBe("ok");
  });

  it("end with the client, after the time that calls in flight are given", async () => {
    const clock = new FakeClock();
    const { url } = await serve((request, response) => void (request.url === "/quick" && response.end("ok")));
    const http = client(url, { clock });
    const stuck = failure(http.send(get, ["stuck"], { timeoutMs: 0 }));
    await http.send(get, ["quick"]);
    const closing = http.close({ graceMs: 5_000 });
    expect(await failure(http.send(get, ["quick"]))).toMatchObject({ name: "ClosedError", code: "CLOSED" });
    await clock.advance(5_000);
    expect(await stuck).toMatchObject({ name: "ClosedError" });
    await closing;
    await http.close();
    expect(clock.pending).toBe(0);
  });
});

describe("bodies", () => {
  const big = Buffer.alloc(300_000, "a");
  it.each([
    ["gzip", gzipSync(big)],
    ["br", brotliCompressSync(big)],
    ["deflate", deflateSync(big)],
  ])(
    req("core.http.bounded", "that are small as %s and large without are refused, at every status"),
    async (coding, bytes) => {
      for (const status of [200, 500]) {
        for (const length of [{ "content-length": String(bytes.length) }, {}]) {
          const { url } = await serve((_, response) => {
            response.writeHead(status, { "content-encoding": coding, ...length });
            response.end(bytes);
          });
          expect(
            await client(url)
              .send({ ...get, result: "text" }, ["x"])
              .catch((e: AgentwireError) => e.body),
          ).toBe(big.toString());
          const error = await failure(client(url, { maxBodyBytes: 100_000 }).send(get, ["x"]));
          expect(error).toMatchObject({ name: "ProtocolError", code: "TOO_LARGE" });
        }
      }
    },
  );

  it("that are no gzip although they say so, or are cut, are typed errors", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/corrupt")
        return void response.writeHead(200, { "content-encoding": "gzip" }).end("no");
      response.writeHead(200, { "content-length": "100" }).write("half");
      setImmediate(() => response.destroy());
    });
    for (const name of ["corrupt", "cut"]) {
      const error = await failure(client(url).send(get, [name]));
      expect(error.name).toMatch(/^(?:Connection|Protocol)Error$/);
    }
    expect((await failure(client(url).send(get, ["cut"]))).message).toContain("cut off");
  });

  it("that mean nothing do not hold the call", async () => {
    const { url } = await serve((_, response) => void response.writeHead(202).write("never ends"));
    expect(await client(url).send({ ...post, result: "none" }, ["x"], {}, {})).toBeUndefined();
  });
});

describe("heads", () => {
  it(req("core.http.injection", "cannot be given another line"), async () => {
    let requests = 0;
    const { url } = await serve((_, response) => {
      requests++;
      response.end("ok");
    });
    for (const value of ["a\r\nx: y", "a\nb", "\u{1F600}", "a\0b"]) {
      const error = await failure(client(url).send(get, ["x"], { headers: { "x-secret": value } }));
      expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_HEADER" });
      expect(inspect(error)).not.toContain(value);
      expect(() => client(url, { headers: { a: value } })).toThrow(/one line/);
      const token = () => failure(client(url, { auth: bearer(() => `planted${value}`) }).send(get, ["x"]));
      expect(inspect(await token())).not.toContain("planted");
    }
    expect(() => bearer("planted\ntoken")).toThrow(expect.not.stringContaining("planted"));
    expect(requests).toBe(0);
  });

  it(req("core.http.response", "before the final one are passed over"), async () => {
    const { port } = await listenPlain((socket) => {
      socket.on("data", () => {
        socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nok");
      });
    });
    const { data, status, headers } = await client(`http://127.0.0.1:${port}`)
      .send(get, ["x"])
      .withResponse();
    expect([data, status, headers.get("x-a"), headers.get("link")]).toEqual(["ok", 200, "b", null]);
  });
});

describe("proxies", () => {
  /** A proxy that notes what it is asked and leads everything to `port`. */
  async function proxy(port: number, refuse = false) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
      response.end("through the proxy");
    });
    server.on("connect", (request: IncomingMessage, socket: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      if (refuse) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      const upstream = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        upstream.pipe(socket);
        socket.pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on("error", () => {});
      cleanups.push(() => {
        for (const end of [upstream, socket]) end.destroy();
      });
    });
    return { ...(await listen(server)), asked };
  }

  it("of the environment are used: absolute form for http, CONNECT for https, none for NO_PROXY", async () => {
    const secure = createSecureServer({ key: pem("server.key"), cert: pem("server.pem") }, (_, response) => {
      response.end("secret");
    });
    const { port } = await listen(secure as unknown as Server);
    const { url: direct } = await serve((_, response) => response.end("direct"));
    const { port: proxyPort, asked } = await proxy(port);
    const address = `http://user:pass%3Aword@127.0.0.1:${proxyPort}`;
    await withEnv({ HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: new URL(direct).host }, async () => {
      expect(await client("http://gateway.internal").send(get, ["a"])).toBe("through the proxy");
      expect(await client(direct).send(get, ["b"])).toBe("direct");
      const tls = { ca: pem("ca.pem"), servername: "redis.test" };
      expect(await client(`https://redis.test:${port}`, { tls }).send(get, ["c"])).toBe("secret");
    });
    const credential = `Basic ${btoa("user:pass:word")}`;
    expect(asked).toEqual([`GET http://gateway.internal/a ${credential}`, `CONNECT redis.test:${port}`]);
  });

  it("that refuse, or have no scheme, are typed errors without their password", async () => {
    const { port } = await proxy(1, true);
    await withEnv({ HTTPS_PROXY: `http://user:planted@127.0.0.1:${port}`, NO_PROXY: "" }, async () => {
      const error = await failure(client("https://gateway.internal").send(get, ["x"]));
      expect(error).toMatchObject({ name: "ConnectionError", code: "CONNECTION" });
      expect(inspect(error, { depth: 9 })).not.toContain("planted");
    });
    await withEnv({ HTTP_PROXY: "planted:1234", NO_PROXY: "" }, async () => {
      const open = () => client("http://gateway.internal");
      expect(open).toThrow(expect.objectContaining({ name: "ValidationError", code: "INVALID_PROXY" }));
      expect(open).toThrow(/^HTTP_PROXY must be a URL(?!.*planted)/);
    });
  });
});

describe("TLS", () => {
  it("works with a trusted certificate, and with no other one", async () => {
    const server = createSecureServer({ key: pem("server.key"), cert: pem("server.pem") }, (_, response) => {
      response.end("secret");
    });
    const { port } = await listen(server as unknown as Server);
    const url = `https://127.0.0.1:${port}`;
    const trusting = client(url, { tls: { ca: pem("ca.pem"), servername: "redis.test" } });
    for (let n = 0; n < 2; n++) expect(await trusting.send(get, ["x"])).toBe("secret");
    expect(await failure(client(url).send(get, ["x"]))).toMatchObject({
      code: "CONNECTION",
      cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    const misnamed = client(url, { tls: { ca: pem("ca.pem"), servername: "other.test" } });
    expect(await failure(misnamed.send(get, ["x"]))).toMatchObject({
      cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    });
  });
});
