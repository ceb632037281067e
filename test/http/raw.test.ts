/** openapi-fetch on the pipeline. */
import { gzipSync } from "node:zlib";
import { describe, expect, expectTypeOf, it } from "vitest";
import { ConnectionError, ProtocolError, ValidationError } from "../../src/core/errors.js";
import { bearer, rawClient } from "../../src/http/index.js";
import { client, failure, json, serve, serveSocket, transports } from "./server.ts";

interface Thing {
  readonly id: string;
}
interface paths {
  "/things/{id}": {
    get: {
      parameters: { path: { id: string }; query?: { tags?: string[] } };
      responses: {
        200: { content: { "application/json": Thing } };
        404: { content: { "application/json": { message: string } } };
      };
    };
  };
  "/things": {
    post: {
      requestBody: { content: { "application/json": { name: string } } };
      responses: { 201: { content: { "application/json": Thing } }; 204: { content?: never } };
    };
  };
}

describe.each(transports)("rawClient over %s", (_, how) => {
  it("is typed by paths, and sends with the client's credential and headers", async () => {
    const { baseUrl, seen } = await serve(({ method }, response) =>
      json(response, method === "GET" ? 200 : 201, { id: "ü" }, { "x-request-id": "r" }),
    );
    const raw = rawClient<paths>(
      client(`${baseUrl}/p`, { ...how, auth: bearer("t"), headers: { "x-a": "1" } }),
    );
    const params = { path: { id: "a/ü" }, query: { tags: ["1", "2"] } };
    const { data, response } = await raw.GET("/things/{id}", { params });
    expectTypeOf(data).toEqualTypeOf<Thing | undefined>();
    // @ts-expect-error no such path
    await raw.GET("/nothing", {}).catch(() => {});
    expect(data).toEqual({ id: "ü" });
    expect([response.status, response.headers.get("x-request-id")]).toEqual([200, "r"]);
    expect(seen[0]).toMatchObject({
      url: "/p/things/a%2F%C3%BC?tags=1&tags=2",
      headers: { authorization: "Bearer t", "x-a": "1" },
    });
    const made = await raw.POST("/things", { body: { name: "ü" }, headers: { "x-a": "2" } });
    expect(made.data).toEqual({ id: "ü" });
    expect(seen.at(-1)).toMatchObject({
      method: "POST",
      body: '{"name":"ü"}',
      headers: { "content-type": "application/json", "x-a": "2" },
    });
  });

  it("has the calls of openapi-fetch, and nothing else", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, { id: "1" }));
    const raw = rawClient<paths>(client(baseUrl, how));
    expect(await Promise.resolve(raw)).toBe(raw);
    for (const name of ["then", "requests", "prerequest", "GETs", "doGET", "use", Symbol.iterator])
      expect(Reflect.get(raw, name)).toBeUndefined();
    await raw.request("get", "/things/{id}", { params: { path: { id: "1" } } });
    expect(seen[0]).toMatchObject({ method: "GET", url: "/things/1" });
  });

  it("returns HTTP errors with their response", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, 404, { message: "why" }, { "x-request-id": "r" }),
    );
    const { data, error, response } = await rawClient<paths>(client(baseUrl, how)).GET("/things/{id}", {
      params: { path: { id: "1" } },
    });
    expect([data, error]).toEqual([undefined, { message: "why" }]);
    expect([response.status, response.headers.get("x-request-id")]).toEqual([404, "r"]);
    expect(seen).toHaveLength(1);
  });

  it.each([300, 302, 304, 599])("returns a response with the status %i and no content", async (status) => {
    const { baseUrl } = await serve((_, response) =>
      response.writeHead(status, { "x-request-id": "r" }).end(),
    );
    const raw = rawClient<paths>(client(baseUrl, { ...how, retry: false }));
    const { response } = await raw.GET("/things/{id}", { params: { path: { id: "1" } } });
    expect([response.status, response.headers.get("x-request-id")]).toEqual([status, "r"]);
  });

  it("names the length of the content after decompression, and no content coding", async () => {
    const { baseUrl } = await serve(({ method }, response) =>
      response
        .writeHead(method === "GET" ? 200 : 409, { "content-encoding": "gzip" })
        .end(gzipSync('{"id":"1"}')),
    );
    const raw = rawClient<paths>(client(baseUrl, how));
    const read = await raw.GET("/things/{id}", { params: { path: { id: "1" } } });
    const refused = await raw.POST("/things", { body: { name: "" } });
    const headersOf = ({ response: { headers } }: { response: Response }) =>
      ["content-length", "content-encoding"].map((name) => headers.get(name));
    expect([read.data, ...headersOf(read)]).toEqual([{ id: "1" }, "10", null]);
    expect([refused.error, ...headersOf(refused)]).toEqual([{ id: "1" }, null, null]);
  });

  it("throws a response with a status that Response cannot hold", async () => {
    const { baseUrl } = await serveSocket((socket) =>
      socket.write("HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n"),
    );
    const raw = rawClient<paths>(client(baseUrl, { retry: false }));
    const error = await failure(raw.GET("/things/{id}", { params: { path: { id: "1" } } }));
    expect(error).toMatchObject({ name: "UpstreamError", status: 600 });
  });

  it("takes braces in a query for what they are", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, { id: "1" }));
    const raw = rawClient<paths>(client(baseUrl, how));
    const querySerializer = () => "q={a}{b}";
    await raw.GET("/things/{id}", { params: { path: { id: "1" } }, querySerializer });
    expect(seen[0]!.url).toBe("/things/1?q=%7Ba%7D%7Bb%7D");
  });

  it.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"] as const)(
    "repeats %s if it may be repeated",
    async (method) => {
      const { baseUrl, seen } = await serve((_, response) => response.writeHead(503).end());
      const raw = rawClient<object>(client(baseUrl, { ...how, retry: { attempts: 2, minDelayMs: 0 } }));
      await Reflect.apply(raw[method] as (path: string) => unknown, undefined, ["/things"]);
      expect(seen.map((one) => one.method)).toEqual(
        method.startsWith("P") && method !== "PUT" ? [method] : [method, method],
      );
    },
  );

  it.each([
    ['"123"', "123"],
    ["123", 123],
    ["<h1>no</h1>", "<h1>no</h1>"],
    ['"a', '"a'],
  ])("returns the body %s of an error as %j", async (text, error) => {
    const { baseUrl } = await serve((_, response) => response.writeHead(400).end(text));
    const raw = rawClient<paths>(client(baseUrl, how));
    expect((await raw.GET("/things/{id}", { params: { path: { id: "1" } } })).error).toBe(error);
  });

  it("returns errors without JSON, and redirects, as they are", async () => {
    const { baseUrl } = await serve((_, response, n) =>
      n === 0
        ? response.writeHead(500, { "content-type": "text/plain" }).end("broken")
        : response.writeHead(302, { location: "/elsewhere" }).end(),
    );
    const raw = rawClient<paths>(client(baseUrl, { ...how, retry: false }));
    const params = { path: { id: "1" } };
    expect(await raw.GET("/things/{id}", { params })).toMatchObject({
      error: "broken",
      response: { status: 500 },
    });
    expect((await raw.GET("/things/{id}", { params })).response.status).toBe(302);
  });

  it("retries what may be repeated, and asks once more after a 401", async () => {
    const { baseUrl, seen } = await serve(({ headers }, response, n) => {
      if (headers.authorization === "Bearer t1") return json(response, 401, {});
      return n === 1 ? json(response, 503, {}) : json(response, 200, { id: "1" });
    });
    let asked = 0;
    const raw = rawClient<paths>(client(baseUrl, { ...how, auth: bearer(() => `t${++asked}`) }));
    expect((await raw.GET("/things/{id}", { params: { path: { id: "1" } } })).data).toEqual({ id: "1" });
    expect(seen).toHaveLength(3);
    const failing = await serve((_, response) => json(response, 503, {}));
    const { response } = await rawClient<paths>(client(failing.baseUrl, how)).POST("/things", {
      body: { name: "" },
    });
    expect([response.status, failing.seen.length]).toEqual([503, 1]);
  });

  it.each(["..", ".", ""])("refuses the path value %j", async (id) => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const raw = rawClient<paths>(client(`${baseUrl}/p`, how));
    const error = await failure(raw.GET("/things/{id}", { params: { path: { id } } }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.code).toBe("INVALID_PATH");
    expect(seen).toEqual([]);
  });

  it.each([
    [204, {}],
    [205, {}],
    [200, {}],
    [200, { "content-length": "0" }],
    [201, { "transfer-encoding": "chunked" }],
  ])("has no data for a response %i without content: %j", async (status, headers) => {
    const { baseUrl } = await serve((_, response) => response.writeHead(status, headers).end());
    const { data, error, response } = await rawClient<paths>(client(baseUrl, how)).POST("/things", {
      body: { name: "" },
    });
    expect([data, error, response.status]).toEqual([undefined, undefined, status]);
    expect((await failure(response.json())).code).toBe("UNEXPECTED_RESPONSE");
  });

  it("throws a typed error for content that is not JSON, and hands it out as what it is asked for", async () => {
    const { baseUrl } = await serve((_, response, n) =>
      response.writeHead(200, { "x-request-id": "r" }).end(n === 0 ? '{"a":' : "<h1>Login</h1>"),
    );
    const raw = rawClient<paths>(client(baseUrl, how));
    const params = { path: { id: "1" } };
    for (const body of ['{"a":', "<h1>Login</h1>"]) {
      const query = { tags: ["a"] };
      const error = await failure(raw.GET("/things/{id}", { params: { ...params, query } }));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status: 200, requestId: "r", body });
      expect(error.message).toContain("GET /things/1: expected JSON");
    }
    expect((await raw.GET("/things/{id}", { params, parseAs: "text" })).data).toBe("<h1>Login</h1>");
    const { data } = await raw.GET("/things/{id}", { params, parseAs: "arrayBuffer" });
    expect(data?.byteLength).toBe(14);
  });

  it("sends nothing to another base URL", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(`${baseUrl}/p`, { ...how, auth: bearer("t") });
    const params = { path: { id: "1" } };
    for (const other of [baseUrl, `${baseUrl}/pq`, "http://127.0.0.1:1/p"]) {
      const error = await failure(rawClient<paths>(http).GET("/things/{id}", { params, baseUrl: other }));
      expect([error.name, error.code]).toEqual(["ValidationError", "INVALID_URL"]);
    }
    expect(seen).toEqual([]);
  });

  it("throws what is no response, or none that could be read", async () => {
    const { baseUrl } = await serve((_, response, n) => {
      if (n === 0)
        return response.writeHead(200, { "content-length": "9" }).write("{", () => response.destroy());
      return response.writeHead(n === 1 ? 200 : 404).end("x".repeat(2_000));
    });
    const raw = rawClient<paths>(client(baseUrl, { ...how, maxBodyBytes: 1_000 }));
    const post = () => failure(raw.POST("/things", { body: { name: "" } }));
    expect(await post()).toBeInstanceOf(ConnectionError);
    for (let i = 0; i < 2; i++) {
      const error = await post();
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.code).toBe("TOO_LARGE");
    }
  });

  it("ends with the caller's signal", async () => {
    const { baseUrl, arrived } = await serve(() => {});
    const controller = new AbortController();
    const raw = rawClient<paths>(client(baseUrl, how));
    const call = failure(raw.POST("/things", { body: { name: "" }, signal: controller.signal }));
    await arrived(1);
    controller.abort();
    expect((await call).name).toBe("AbortError");
  });
});
