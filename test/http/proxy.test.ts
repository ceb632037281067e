/** Proxies from the environment, and certificates, both of undici alone. */
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ConnectionError, ValidationError } from "../../src/core/errors.js";
import { bearer, type HttpClientOptions } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { serveSecurely, startProxy, tls, within } from "./forward-proxy.ts";
import {
  all,
  client,
  events,
  failure,
  json,
  listen,
  read,
  recorder,
  serve,
  thrown,
  turn,
  write,
} from "./server.ts";

const proxied = (env: Readonly<Record<string, string>>, url: string, more: Partial<HttpClientOptions> = {}) =>
  within(env, () => client(url, more));

const text = { ...read, expects: "string" } as const;

it.each(["destroy", "end"] as const)(
  "a proxy that closes instead of opening a tunnel (%s) is asked once for each attempt, and a call may be repeated",
  async (how) => {
    let connects = 0;
    const server = createServer().on("connect", (_, socket: Socket) => {
      connects++;
      socket[how]();
    });
    const { baseUrl } = await listen(server);
    const http = proxied({ HTTPS_PROXY: baseUrl }, "https://gateway.internal");
    const error = await failure(http.send(write, [], { retry: false }, {}));
    expect(error).toMatchObject({ name: "ConnectionError", sent: false });
    expect(error.message).toContain(
      "could not be reached: the proxy could not open a tunnel: other side closed",
    );
    expect(connects).toBe(1);
    expect(await failure(http.send(write, [], {}, {}))).toMatchObject({ sent: false, attempts: 3 });
    await http.close();
    expect(connects).toBe(4);
  },
);

it.each([
  [{ ca: "no PEM" }, "text that is not PEM in ca"],
  [{ cert: tls.ca, key: "no PEM" }, "text that is not PEM in key"],
  [{ cert: tls.ca }, "only cert"],
  [{ key: tls.ca }, "only key"],
  [{ key: tls.ca, cert: tls.ca }, /found [A-Z]+ routines:/],
])("certificates that cannot be used are refused when the client is made: %#", (wrong, found) => {
  const error = thrown(() => proxied({}, "https://gateway.internal", { tls: wrong }));
  expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_TLS" });
  expect(error.message).toMatch(found);
  expect(inspect(error, { depth: 9 })).not.toContain("BEGIN");
});

describe("plain http", () => {
  it(req("core.http.proxy", "goes through HTTP_PROXY in absolute form, without CONNECT"), async () => {
    const proxy = await startProxy();
    const { port, seen } = await serve((_, response) => json(response, 200, { ok: true }));
    const http = proxied({ HTTP_PROXY: proxy.url }, `http://gateway.internal:${port}/p`, {
      headers: { "x-a": "1" },
    });
    expect(await http.send(write, [], { query: { q: "ü" } }, { a: 1 })).toEqual({ ok: true });
    expect(proxy.asked.map(({ line }) => line)).toEqual([
      `POST http://gateway.internal:${port}/p/things?q=%C3%BC`,
    ]);
    expect(seen).toMatchObject([
      {
        url: "/p/things?q=%C3%BC",
        body: '{"a":1}',
        headers: { "x-a": "1", host: `gateway.internal:${port}` },
      },
    ]);
  });

  it("holds as many connections to the proxy as it may, and heeds limits in the queue", async () => {
    const proxy = await startProxy();
    const clock = new FakeClock();
    const { port, seen, arrived } = await serve(() => {});
    const http = proxied({ HTTP_PROXY: proxy.url }, `http://gateway.internal:${port}`, {
      connections: 1,
      clock,
    });
    const first = failure(http.send(write, []));
    await arrived(1);
    const second = failure(http.send(write, [], { timeoutMs: 50 }));
    while (clock.pending < 2) await turn();
    await clock.advance(50);
    expect((await second).name).toBe("TimeoutError");
    await clock.advance(30_000);
    expect((await first).name).toBe("TimeoutError");
    expect(seen).toHaveLength(1);
  });

  it("streams events", async () => {
    const proxy = await startProxy();
    const { port } = await serve((_, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).end("data: 1\n\ndata: 2\n\n"),
    );
    const http = proxied({ http_proxy: proxy.url }, `http://gateway.internal:${port}`);
    expect(await all(http.events(events, []))).toEqual([1, 2]);
    expect(proxy.asked).toHaveLength(1);
  });

  it("that the proxy wants credentials for is an AuthError, and is not repeated", async () => {
    const proxy = await startProxy({ refuse: 407 });
    const http = proxied({ HTTP_PROXY: proxy.url }, "http://gateway.internal");
    const error = await failure(http.send(read, ["1"]));
    expect(error).toMatchObject({ name: "AuthError", status: 407, sent: false, attempts: 1 });
    expect(proxy.asked).toHaveLength(1);
  });
});

describe("https", () => {
  it("works with a trusted certificate, and with no other one", async () => {
    const { url } = await serveSecurely();
    const trusting = client(url, { tls });
    for (let i = 0; i < 2; i++) expect(await trusting.send(text, ["1"])).toBe("secret");
    const untrusted = await failure(client(url).send(read, ["1"]));
    expect(untrusted).toMatchObject({
      name: "ConnectionError",
      code: "CONNECTION",
      cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    const misnamed = await failure(
      client(url, { tls: { ...tls, servername: "other.test" } }).send(read, ["1"]),
    );
    expect(misnamed.cause).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  it.each(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY"])(
    req("core.http.proxy", "goes through %s with CONNECT, and trusts the same certificates"),
    async (name) => {
      const proxy = await startProxy();
      const { port } = await serveSecurely();
      const url = `https://gateway.internal:${port}`;
      const http = proxied({ [name]: proxy.url }, url, { tls });
      for (let i = 0; i < 2; i++) expect(await http.send(text, ["1"])).toBe("secret");
      expect(new Set(proxy.asked.map(({ line }) => line))).toEqual(
        new Set([`CONNECT gateway.internal:${port}`]),
      );
      const untrusted = await failure(proxied({ [name]: proxy.url }, url).send(read, ["1"]));
      expect(untrusted).toBeInstanceOf(ConnectionError);
    },
  );

  it.each([
    [407, "AuthError"],
    [403, "PolicyDeniedError"],
  ])("with a CONNECT that is refused with %d is an %s, not an abort", async (refuse, name) => {
    const proxy = await startProxy({ refuse });
    const http = proxied({ HTTPS_PROXY: proxy.url }, "https://gateway.internal", {
      auth: bearer("s3cret-token"),
    });
    const error = await failure(http.send(write, [], { retry: false }, {}));
    expect(error).toMatchObject({ name, status: refuse, sent: false });
    expect(inspect(error, { depth: 9 })).not.toContain("s3cret");
    expect(proxy.asked).toHaveLength(1);
  });
});

describe("NO_PROXY", () => {
  it.each<[string, boolean]>([
    ["127.0.0.1", false],
    ["other, 127.0.0.1", false],
    ["*", false],
    ["127.0.0.1:1", true],
    ["127.0.0.1:PORT", false],
    ["other", true],
    ["", true],
  ])("%j", async (value, isProxied) => {
    const proxy = await startProxy();
    const { baseUrl, port } = await serve((_, response) => json(response, 200, {}));
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: value.replace("PORT", `${port}`) };
    await proxied(env, baseUrl).send(read, ["1"]);
    expect(proxy.asked).toHaveLength(isProxied ? 1 : 0);
  });

  it("and the proxies are those of the moment when the client was made", async () => {
    const proxy = await startProxy();
    const { baseUrl } = await serve((_, response) => json(response, 200, {}));
    const direct = proxied({}, baseUrl);
    await within({ HTTP_PROXY: proxy.url }, () => direct.send(read, ["1"]).then(() => {}));
    const excepted = proxied({ HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" }, baseUrl);
    await excepted.send(read, ["1"]);
    expect(proxy.asked).toEqual([]);
  });
});

describe("credentials of a proxy", () => {
  it.each(["http", "https"])("are sent for %s, and never printed", async (scheme) => {
    const proxy = await startProxy({ refuse: 407 });
    const env = { HTTP_PROXY: `http://us%40er:s3cret%3Apass@127.0.0.1:${proxy.port}` };
    const { logger, lines } = recorder();
    const http = proxied(env, `${scheme}://gateway.internal`, { logger });
    const error = await failure(http.send(write, [], { retry: false }, {}));
    const expected = `Basic ${Buffer.from("us@er:s3cret:pass").toString("base64")}`;
    expect(proxy.asked[0]!.headers["proxy-authorization"]).toBe(expected);
    const shown = [
      inspect(error, { depth: 9, showHidden: true }),
      inspect(http, { depth: 9, showHidden: true }),
      error.stack,
      ...lines,
    ].join();
    expect(shown).not.toMatch(/s3cret|us%40er/);
    expect(shown).not.toContain(expected.slice(6));
  });

  it.each(["HTTP_PROXY", "HTTPS_PROXY"])("do not show in the error of a wrong %s", (name) => {
    for (const value of [
      "us3r:s3cret@host:3128",
      "localhost:3128",
      "127.0.0.1:3128",
      "ftp://us3r:s3cret@host",
      "http://us3r%:s3cret%@host",
      "//host",
    ]) {
      const error = thrown(() => proxied({ [name]: value }, "http://gateway.internal"));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.code).toBe("INVALID_PROXY");
      expect(error.message).toContain(`${name} must be a URL`);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/s3cret|us3r/);
    }
  });

  it("a variable in small letters goes before one in capitals, and either may name https", async () => {
    const proxy = await startProxy();
    const { baseUrl } = await serve((_, response) => json(response, 200, {}));
    const other = "https://127.0.0.1:1";
    const env = { HTTPS_PROXY: other, HTTP_PROXY: other, http_proxy: proxy.url };
    await proxied(env, baseUrl).send(read, ["1"]);
    expect(proxy.asked).toHaveLength(1);
    await proxied({ HTTP_PROXY: proxy.url, NO_PROXY: "other", no_proxy: "*" }, baseUrl).send(read, ["1"]);
    expect(proxy.asked).toHaveLength(1);
  });

  it("an empty variable is none", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 200, {}));
    expect(await proxied({ HTTP_PROXY: "", HTTPS_PROXY: " " }, baseUrl).send(read, ["1"])).toEqual({});
  });
});
