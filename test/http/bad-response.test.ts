/** Responses that are not what they should be: each is a typed error, and nothing is sent twice. */
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { ConnectionError, ProtocolError } from "../../src/core/errors.js";
import { bearer, type HttpOperation } from "../../src/http/index.js";
import { req } from "../requirements/index.ts";
import { client, failure, json, serve, serveSocket, transports, write } from "./server.ts";

const token = "planted-token-5f2a";
const object: HttpOperation = { ...write, expects: "object" };
const zeros = Buffer.alloc(1_000_000);

function with200(response: ServerResponse, body: string | Buffer, headers: object = {}): void {
  response
    .writeHead(200, { "x-request-id": "r-1", "content-type": "application/json", ...headers })
    .end(body);
}

describe.each(transports)("content over %s", (_, how) => {
  it.each<[string, (response: ServerResponse) => void, string, unknown]>([
    [
      "HTML with 200",
      (response) => with200(response, "<h1>Login</h1>", { "content-type": "text/html" }),
      "expected JSON, found HTTP 200, text/html, 14 characters",
      "<h1>Login</h1>",
    ],
    [
      "cut JSON",
      (response) => with200(response, '{"a":[1,'),
      "expected JSON, found HTTP 200, application/json, 8 characters",
      '{"a":[1,',
    ],
    [
      "204 where JSON is promised",
      (response) => response.writeHead(204, { "x-request-id": "r-1" }).end(),
      "expected JSON, found HTTP 204, no body",
      undefined,
    ],
    [
      "an empty 200",
      (response) => with200(response, ""),
      "expected JSON, found HTTP 200, application/json, no body",
      undefined,
    ],
    [
      "blanks",
      (response) => with200(response, " \n"),
      "expected JSON, found HTTP 200, application/json, 2 characters",
      " \n",
    ],
    ["a list for an object", (response) => with200(response, "[1]"), "expected a JSON object", [1]],
    ["null for an object", (response) => with200(response, "null"), "expected a JSON object", null],
    ["text for an object", (response) => with200(response, '"a"'), "expected a JSON object", "a"],
  ])("%s", async (_, answer, message, body) => {
    const { baseUrl, seen } = await serve((_, response) => answer(response));
    const http = client(baseUrl, { ...how, auth: bearer(token) });
    const error = await failure(http.send(object, [], { correlationId: "mine" }, {}));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", requestId: "r-1", retryable: false });
    expect(error).toMatchObject({ correlationId: "mine", attempts: 1 });
    expect(error.status).toBe(message.includes("204") ? 204 : 200);
    expect(error.headers?.get("x-request-id")).toBe("r-1");
    expect(error.body).toEqual(body);
    expect(error.message).toContain(message);
    expect(error.message).toContain(", found HTTP");
    expect(inspect(error, { depth: 9 })).not.toMatch(/Login|planted/);
    expect(seen).toHaveLength(1);
  });

  it("an object for a list, and anything but text for a string", async () => {
    const bodies = ["{}", "123", "plain", '"json"'];
    const { baseUrl } = await serve((_, response, index) => with200(response, bodies[index]!));
    const http = client(baseUrl, how);
    const error = await failure(http.send({ ...write, expects: "array" }, []));
    expect(error.message).toContain("expected a JSON array");
    const texts: unknown[] = [];
    for (let i = 0; i < 3; i++) texts.push(await http.send({ ...write, expects: "string" }, []));
    expect(texts).toEqual(["123", "plain", "json"]);
  });

  it("is never taken for an error that the spec describes", async () => {
    const { baseUrl } = await serve((_, response) => with200(response, "<h1>Login</h1>"));
    const described: HttpOperation = { ...object, errors: ["default", "2XX"] };
    const error = await failure(client(baseUrl, how).send(described, []).outcome());
    expect(error.code).toBe("UNEXPECTED_RESPONSE");
  });
});

describe.each(transports)("size over %s", (_, how) => {
  it.each([200, 404])(
    req("core.http.bounded", "a body above the limit is not read to its end: status %i"),
    async (status) => {
      const announced = await serve((_, response) =>
        response.writeHead(status, { "content-length": "5000", "x-request-id": "r" }).end("x".repeat(5000)),
      );
      let closed = (): void => {};
      const gone = new Promise<void>((resolve) => (closed = resolve));
      const endless = await serve((_, response) => {
        response.writeHead(status, { "x-request-id": "r" });
        response.on("close", closed);
        const more = (): void => {
          while (response.write("x".repeat(1000))) if (response.destroyed) return;
          response.once("drain", more);
        };
        more();
      });
      for (const { baseUrl, seen } of [announced, endless]) {
        const options = { ...how, maxBodyBytes: 4000 };
        const operation = { ...write, errors: ["404"] };
        const call = client(baseUrl, options).send(operation, [], {}, {});
        for (const error of [await failure(call), await failure(call.outcome())]) {
          expect(error).toBeInstanceOf(ProtocolError);
          expect(error).toMatchObject({ code: "TOO_LARGE", status, requestId: "r", retryable: false });
          expect(error.message).toContain("4000 bytes");
        }
        expect(seen).toHaveLength(1);
      }
      await gone;
    },
  );

  it("a body of exactly the limit is read", async () => {
    const { baseUrl } = await serve((_, response) => response.end("x".repeat(4000)));
    const text = await client(baseUrl, { ...how, maxBodyBytes: 4000 }).send<string>(
      { ...write, result: "text" },
      [],
    );
    expect(text).toHaveLength(4000);
  });

  it.each([
    ["gzip", zlib.gzipSync(zeros)],
    ["br", zlib.brotliCompressSync(zeros)],
    ["deflate", zlib.deflateSync(zeros)],
    ["deflate", zlib.deflateRawSync(zeros)],
    ["gzip, gzip", zlib.gzipSync(zlib.gzipSync(zeros))],
  ])(
    req("core.http.bounded", "a body that is small on the way and too large decompressed: %s"),
    async (coding, bytes) => {
      expect(bytes.length).toBeLessThan(2_000);
      for (const status of [200, 500]) {
        for (const length of [{}, { "content-length": bytes.length }]) {
          const { baseUrl, seen } = await serve((_, response) =>
            response
              .writeHead(status, { "x-request-id": "r-1", "content-encoding": coding, ...length })
              .end(bytes),
          );
          const text = { ...write, result: "text" } as const;
          const error = await failure(client(baseUrl, { ...how, maxBodyBytes: 100_000 }).send(text, []));
          expect(error).toBeInstanceOf(ProtocolError);
          expect(error).toMatchObject({ code: "TOO_LARGE", status, requestId: "r-1" });
          const whole = client(baseUrl, { ...how, maxBodyBytes: Infinity }).send<string>(text, []);
          expect(status === 200 ? await whole : (await failure(whole)).body).toHaveLength(zeros.length);
          expect(seen).toHaveLength(2);
        }
      }
    },
  );

  it("large and small compressed bodies are read, also those of errors", async () => {
    const large = Buffer.from(JSON.stringify({ a: Array.from({ length: 60_000 }, (_, i) => i * 7919) }));
    expect(zlib.gzipSync(large).length).toBeGreaterThan(65_536);
    const { baseUrl } = await serve(({ method }, response) => {
      const isError = method === "POST";
      const bytes = isError ? zlib.gzipSync('{"message":"why"}') : zlib.gzipSync(large);
      response.writeHead(isError ? 409 : 200, { "content-encoding": "GZIP" }).end(bytes);
    });
    const http = client(baseUrl, how);
    expect(await http.send({ ...write, method: "PUT" }, [])).toEqual(JSON.parse(large.toString()));
    const error = await failure(http.send(write, []));
    expect([error.body, error.message.endsWith(": why")]).toEqual([{ message: "why" }, true]);
  });
});

describe("codings over undici", () => {
  it.each([
    ["gzip", Buffer.from("{}"), "expected valid gzip"],
    ["gzip", zlib.gzipSync('{"a":1}').subarray(0, 20), "expected valid gzip"],
    ["br", Buffer.from([0xff, 0xff, 0xff]), "expected valid br"],
    ["deflate", Buffer.from([0x78, 0x9c, 0xff]), "expected valid deflate"],
    ["zstd", Buffer.from("{}"), "expected gzip, br, deflate or no content coding"],
  ])("%s that cannot be read", async (coding, bytes, message) => {
    const { baseUrl, seen } = await serve((_, response) =>
      with200(response, bytes, { "content-encoding": coding }),
    );
    for (const result of ["json", "bytes"] as const) {
      const error = await failure(client(baseUrl).send({ ...write, result }, []));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status: 200, requestId: "r-1" });
      expect(error.message).toContain(message);
      expect(error.message).toContain(`content coding ${coding}`);
    }
    expect(seen).toHaveLength(2);
  });

  it.each<[string | string[], Buffer | string]>([
    ["identity", '{"a":1}'],
    ["", '{"a":1}'],
    ["gzip", zlib.gzipSync('{"a":1}')],
    ["X-GZip", zlib.gzipSync('{"a":1}')],
    [" gzip , identity,,", zlib.gzipSync('{"a":1}')],
    ["br, gzip", zlib.gzipSync(zlib.brotliCompressSync('{"a":1}'))],
    [["br", "gzip"], zlib.gzipSync(zlib.brotliCompressSync('{"a":1}'))],
    ["deflate", zlib.deflateSync('{"a":1}')],
    ["deflate", zlib.deflateRawSync('{"a":1}')],
  ])("%j is undone", async (coding, bytes) => {
    const { baseUrl } = await serve((_, response) =>
      with200(response, bytes, { "content-encoding": coding }),
    );
    expect(await client(baseUrl).send(write, [])).toEqual({ a: 1 });
  });

  it("of a response without content are not looked at", async () => {
    const { baseUrl } = await serve((_, response) => with200(response, "", { "content-encoding": "gzip" }));
    for (const method of ["HEAD", "POST"] as const)
      expect(await client(baseUrl).send({ ...write, method, result: "text" }, [])).toBe("");
  });

  it("are asked for by name", async () => {
    const { baseUrl, seen } = await serve((_, response) => with200(response, "{}"));
    await client(baseUrl).send(write, []);
    expect(seen[0]!.headers["accept-encoding"]).toBe("gzip, br, deflate");
  });
});

describe("codings over fetch", () => {
  it("that the platform cannot read end the response", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      with200(response, "{}", { "content-encoding": "gzip" }),
    );
    const error = await failure(client(baseUrl, { fetch: globalThis.fetch }).send(write, []));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ status: 200, requestId: "r-1" });
    expect(seen).toHaveLength(1);
  });
});

describe.each(transports)("a connection that breaks, over %s", (_, how) => {
  const head = "HTTP/1.1 200 OK\r\nx-request-id: r-1\r\n";

  it.each([
    ["in a body with a length", `${head}content-length: 10\r\n\r\n{"a"`],
    ["in a chunk", `${head}transfer-encoding: chunked\r\n\r\na\r\n{"a"`],
    ["between chunks", `${head}transfer-encoding: chunked\r\n\r\n4\r\n{"a"\r\n`],
    ["before the end of chunks that look complete", `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`],
  ])("%s", async (_, text) => {
    let count = 0;
    const { baseUrl } = await serveSocket((socket) => {
      count++;
      socket.end(text);
    });
    const operation = { ...write, errors: ["default"] };
    const call = client(baseUrl, how).send(operation, []);
    for (const error of [await failure(call), await failure(call.outcome())]) {
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error).toMatchObject({ status: 200, requestId: "r-1", attempts: 1 });
      expect(error.message).toContain("the response of the server was cut off");
      expect(error.sent).toBeUndefined();
    }
    expect(count).toBe(1);
  });

  it("in the head, or with no response at all", async () => {
    const texts = ["HTTP/1.1 200 O", ""];
    for (const text of texts) {
      const { baseUrl, sockets } = await serveSocket((socket) => socket.end(text));
      const error = await failure(client(baseUrl, how).send(write, []));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error.status).toBeUndefined();
      expect(error.sent).toBeUndefined();
      expect(sockets).toHaveLength(1);
    }
  });

  it("is an error that the next attempt of an idempotent operation may mend", async () => {
    const { baseUrl } = await serve((_, response, index) => {
      if (index > 0) return json(response, 200, { index });
      response.writeHead(200, { "content-length": "10" }).write("{");
      return setImmediate(() => response.destroy());
    });
    const { data, attempts } = await client(baseUrl, how)
      .send({ ...write, idempotent: true }, [])
      .withResponse();
    expect([data, attempts]).toEqual([{ index: 1 }, 2]);
  });
});
