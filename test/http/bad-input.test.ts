/** Input that cannot be sent: refused with a typed error before anything leaves. */
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/core/errors.js";
import { bearer, type HttpClientOptions } from "../../src/http/index.js";
import { operationUrl, parseBaseUrl } from "../../src/http/url.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { client, failure, json, read, serve, serveSocket, thrown, transports, write } from "./server.ts";

describe("a base URL", () => {
  it.each([
    "",
    "things",
    "ftp://h",
    "file:///etc/passwd",
    "http://user:s3cret@h",
    "http://s3cret@h",
    "http://:s3cret@h",
    "xhttp://h",
    "http://h?a=s3cret",
    "http://h#s3cret",
    "http://h:99999",
    JSON.parse("null") as string,
  ])("is not %j", (baseUrl) => {
    const error = thrown(() => client(baseUrl));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.code).toBe("INVALID_BASE_URL");
    expect(inspect(error)).not.toContain("s3cret");
  });

  it.each([
    ["things", /found a value that is not a URL$/],
    ["ftp://h", /found the scheme ftp:$/],
    ["abcdefghijklmnopqrstuvwxyz://h", /found the scheme abcdefghijklmnopqrst$/],
    ["http://user@h", /found one with a user or a password: /],
    ["http://h?a", /found one with a query or a fragment: /],
  ])("that is %j is named by what is wrong with it", (baseUrl, found) => {
    expect(thrown(() => parseBaseUrl(baseUrl)).message).toMatch(found);
  });

  it("keeps its prefix and loses its slashes", () => {
    expect(parseBaseUrl("https://h/bb/v1//")).toBe("https://h/bb/v1");
    expect(parseBaseUrl("HTTPS://Host:443/a b")).toBe("https://host/a%20b");
    for (const same of ["http://h", "http://h/", "http://h/?", "http://h/#", "http://h?#"])
      expect(parseBaseUrl(same)).toBe("http://h");
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

  it.each<string>(["", ".", "..", ...(JSON.parse("[null, {}, []]") as string[])])(
    req("core.http.ids", "%j is refused"),
    (id) => {
      const error = thrown(() => operationUrl("http://h", "/things/{id}", [id], undefined));
      expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_PATH" });
    },
  );

  it(req("core.http.ids", "that are missing are refused"), () => {
    expect(thrown(() => operationUrl("http://h", "/things/{id}", [], undefined)).code).toBe("INVALID_PATH");
  });

  it("are encoded as RFC 3986 has it", () => {
    const url = operationUrl("http://h", "/{id}", ["aZ0-_.~!'()*"], { "a*": "(1)" });
    expect(url).toBe("http://h/aZ0-_.~%21%27%28%29%2A?a%2A=%281%29");
  });

  it("a lone surrogate is refused", () => {
    for (const text of ["\ud800", "a\udc00b"]) {
      const error = thrown(() => operationUrl("http://h", "/{id}", [text], undefined));
      expect(error).toMatchObject({ code: "INVALID_TEXT", cause: expect.any(URIError) });
      expect(error.message).toContain("a parameter of the URL");
      expect(thrown(() => operationUrl("http://h", "/", [], { [text]: 1 })).code).toBe("INVALID_TEXT");
    }
  });

  it("a value that looks like a parameter is not filled again", () => {
    expect(operationUrl("http://h", "/{a}/{b}", ["{b}", "$1"], undefined)).toBe("http://h/%7Bb%7D/%241");
  });
});

describe("a query", () => {
  const text = fc.string({ unit: "grapheme" });

  it("is JSON where the operation says so", () => {
    const query = { filter: { a: [1] }, plain: { b: 2 }, none: undefined };
    const url = new URL(operationUrl("http://h", "/x", [], query, ["filter", "none"]));
    expect([...url.searchParams]).toEqual([
      ["filter", '{"a":[1]}'],
      ["plain[b]", "2"],
    ]);
  });

  it("that has no JSON where the operation says so is refused", () => {
    const error = thrown(() => operationUrl("http://h", "/x", [], { filter: { n: 1n } }, ["filter"]));
    expect(error).toMatchObject({ name: "ValidationError", code: "NOT_SERIALIZABLE" });
    expect(error.message).toContain("filter cannot be written as JSON: /n ");
  });

  it("arrives as it was given", () => {
    const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text, { minLength: 1 }));
    fc.assert(
      fc.property(fc.dictionary(text, value), (query) => {
        const { searchParams, hash, pathname } = new URL(operationUrl("http://h", "/x", [], query));
        const expected = Object.entries(query).flatMap(([name, given]) =>
          [given].flat().map((one) => [name, String(one)]),
        );
        expect([...searchParams]).toEqual(expected);
        expect([hash, pathname]).toEqual(["", "/x"]);
      }),
    );
  });

  it("takes lists, objects and dates, and leaves out what is not there", () => {
    const query = { a: [1, "b"], none: undefined, no: null, o: { x: 1, y: [2] }, at: new Date(0), e: [] };
    const url = new URL(operationUrl("http://h", "/x", [], query));
    expect([...url.searchParams]).toEqual([
      ["a", "1"],
      ["a", "b"],
      ["o[x]", "1"],
      ["o[y]", "2"],
      ["at", "1970-01-01T00:00:00.000Z"],
    ]);
    const error = thrown(() => operationUrl("http://h", "/x", [], { at: new Date(Number.NaN) }));
    expect(error).toMatchObject({ name: "ValidationError", message: expect.stringContaining("at must be") });
  });
});

describe.each(transports)("a request over %s", (_, how) => {
  it(
    req("core.http.injection", "holds no line of somebody else's making, and its errors no value"),
    async () => {
      const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
      const bad: Record<string, string>[] = [
        { "x-token": "s3cret\r\nx-admin: 1" },
        { "x-token": "s3cret\nx-admin: 1" },
        { "x-token": "s3cret\rx-admin: 1" },
        { "x-token": "s3cret\0" },
        { "x-token": "s3cret\x7f" },
        { "x-token": "s3cret \u0101" },
        { "x-token": "s3cret €" },
        { "x-token": "s3cret \u{1f600}" },
        { "x-admin: s3cret\r\nx": "1" },
        { "x admin": "1" },
        { "": "s3cret" },
        ...(JSON.parse('[{"x-token":7},{"x-token":null},{"x-token":["s3cret"]}]') as Record<
          string,
          string
        >[]),
      ];
      for (const headers of bad) {
        const http = client(baseUrl, how);
        const called = await failure(http.send(read, ["1"], { headers }));
        for (const error of [called, thrown(() => client(baseUrl, { ...how, headers }))]) {
          expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_HEADER" });
          if (headers["x-token"] === undefined) continue;
          expect(error.message).toContain("one line");
          expect(inspect(error)).not.toContain("s3cret");
        }
      }
      expect(seen).toEqual([]);
    },
  );

  it("leaves out headers without a value", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const headers = { "x-a": undefined as unknown as string, "x-b": "" };
    await client(baseUrl, { ...how, headers }).send(read, ["1"], { headers });
    expect([seen[0]!.headers["x-a"], seen[0]!.headers["x-b"]]).toEqual([undefined, ""]);
  });

  it(req("core.http.injection", "frames its message itself, whatever headers are given"), async () => {
    const heads: string[] = [];
    const { baseUrl } = await serveSocket((socket, data) => {
      heads.push(data);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
    const smuggling = {
      "Content-Length": "1",
      "transfer-encoding": "chunked",
      host: "evil",
      Connection: "x",
      expect: "100-continue",
      upgrade: "websocket",
    };
    await client(baseUrl, { ...how, headers: smuggling }).send(write, [], { headers: smuggling }, { a: "é" });
    const lines = heads.join("").toLowerCase().split("\r\n");
    for (const [name, value] of [
      ["host", new URL(baseUrl).host],
      ["connection", "keep-alive"],
      ["content-length", "10"],
    ])
      expect(lines.filter((line) => line.startsWith(`${name}:`))).toEqual([`${name}: ${value}`]);
    expect(lines.filter((line) => /^(transfer-encoding|expect|upgrade):/.test(line))).toEqual([]);
  });

  it("sends headers of Latin-1 as they are", async () => {
    const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/);
    const visible = fc.stringMatching(
      /^[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa1-\xff]{0,30}[\x21-\x7e\xa1-\xff])?$/,
    );
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(baseUrl, how);
    const property = fc.asyncProperty(
      fc.dictionary(name, visible, { noNullPrototype: true }),
      async (headers) => {
        await http.send(read, ["1"], { headers });
        expect(seen.at(-1)!.headers).toMatchObject(headers);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  it.each<[string, object]>([
    ["headers that are Headers", { headers: new Headers({ authorization: "s3cret" }) }],
    ["headers that are a Map", { headers: new Map([["x", "s3cret"]]) }],
    ["a query that is a Map", { query: new Map([["x", "s3cret"]]) }],
    ["a query that is URLSearchParams", { query: new URLSearchParams("x=s3cret") }],
    ["a query that is a list", { query: ["s3cret"] }],
    ["a signal that is null", { signal: null }],
  ])("with %s is refused, since nothing of them would be sent", async (_, options) => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const error = await failure(client(baseUrl, how).send(read, ["1"], options));
    expect(error).toMatchObject({ name: "ValidationError", sent: false });
    expect(inspect(error)).not.toContain("s3cret");
    expect(seen).toEqual([]);
  });

  it("with a body whose content is not in its members is refused, converted or not", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const operation = { ...write, shapes: { request: "Thing" } };
    for (const keyMap of [undefined, { Thing: { snake_key: null } }]) {
      const http = client(baseUrl, { ...how, keyMap });
      const error = await failure(http.send(operation, [], {}, new Map([["a", 1]])));
      expect(error).toMatchObject({ name: "ValidationError", message: expect.stringContaining("found Map") });
    }
    expect(seen).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["a number that is not finite", { a: [1, { b: Number.NaN }] }, "/a/1/b must be a finite number"],
    ["a Map", { thing: { in_it: new Map([["a", 1]]) } }, "/thing/in_it must be JSON data, found Map"],
    ["a Set where an object belongs", { thing: new Set([1]) }, "/thing must be JSON data, found Set"],
    ["undefined in a list", [1, undefined], "/1 must be JSON data, found undefined"],
    ["a bigint", { a: { b: 1n } }, "/a/b must be JSON data, found a bigint"],
    ["bytes", { a: new Uint8Array([1]) }, "/a must be JSON data, found Uint8Array"],
  ])("with %s in its body is refused, and the error names the place", async (_, body, place) => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const operation = { ...write, shapes: { request: "Thing" } };
    for (const keyMap of [undefined, { Thing: { thing: "Thing", in_it: "Thing" } }]) {
      const http = client(baseUrl, { ...how, keyMap });
      const error = await failure(http.send(operation, [], {}, body));
      expect(error).toMatchObject({ name: "ValidationError", code: "NOT_SERIALIZABLE", sent: false });
      expect(error.message).toContain(place);
    }
    expect(seen).toEqual([]);
  });

  it.each(["a\nb", "a\r\nx-admin: 1", "a\0b", "", "with blank", "ü", "\u{1f600}"])(
    "a token %j is refused",
    async (given) => {
      const token = given === "" ? "" : `s3cret${given}`;
      const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
      const fixed = thrown(() => bearer(token));
      const http = client(baseUrl, { ...how, auth: bearer(async () => token) });
      for (const error of [fixed, await failure(http.send(read, ["1"]))]) {
        expect(error).toMatchObject({ name: "ValidationError", code: "INVALID_TOKEN" });
        expect(inspect(error)).not.toContain("s3cret");
      }
      expect(seen).toEqual([]);
    },
  );

  it("a path value arrives as one segment", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(`${baseUrl}/p`, how);
    for (const id of ["ü/ä", "../x", "%2e%2e", "a?b#c"]) await http.send(read, [id]);
    expect(seen.map(({ url }) => url)).toEqual([
      "/p/things/%C3%BC%2F%C3%A4",
      "/p/things/..%2Fx",
      "/p/things/%252e%252e",
      "/p/things/a%3Fb%23c",
    ]);
  });

  it("refused input leaves no timer behind, and no limit that ends something later", async () => {
    const clock = new FakeClock();
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(baseUrl, { ...how, clock, totalTimeoutMs: 50 });
    const controller = new AbortController();
    const { signal } = controller;
    for (const id of ["..", ".", ""])
      expect((await failure(http.send(read, [id], { signal }))).code).toBe("INVALID_PATH");
    expect((await failure(http.send(read, ["1"], { signal, headers: { "": "1" } }))).code).toBe(
      "INVALID_HEADER",
    );
    expect([clock.pending, seen]).toEqual([0, []]);
    await clock.advance(100);
    controller.abort();
  });
});

describe("options", () => {
  it.each<Partial<HttpClientOptions>>([
    { timeoutMs: -1 },
    { timeoutMs: Number.NaN },
    { totalTimeoutMs: -1 },
    { connections: 0 },
    { connections: 1.5 },
    { maxBodyBytes: 0 },
    { maxBodyBytes: Number.NaN },
    { retry: { attempts: 0 } },
    { fetch: globalThis.fetch, tls: {} },
  ])("%j is refused when the client is made", (options) => {
    expect(thrown(() => client("http://h", options))).toBeInstanceOf(ValidationError);
  });

  it("of a call are refused before anything is sent", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    for (const [name, options] of [
      ["timeoutMs", { timeoutMs: -1 }],
      ["totalTimeoutMs", { totalTimeoutMs: Number.NaN }],
      ["jitter", { retry: { jitter: 2 } }],
    ] as const) {
      const error = await failure(client(baseUrl).send(read, ["1"], options));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toContain(name);
    }
    expect(seen).toEqual([]);
  });
});
