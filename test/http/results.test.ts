/** What a successful response becomes: by the kind of its operation, and with its keys converted. */
import { describe, expect, it } from "vitest";
import { HttpClient, type HttpOperation } from "../../src/http/index.js";
import { client, failure, json, read, serve, transports, write } from "./server.ts";

const bytes = new Uint8Array([0, 255, 13, 10, 128, 0xef, 0xbb]);

describe.each(transports)("a result over %s", (_, how) => {
  it("of text is what came, in UTF-8", async () => {
    const large = "0123456789ü".repeat(100_000);
    const texts = ["", "{}", "ü€", "\ufeffa", large];
    const { baseUrl } = await serve((_, response, n) => {
      // In pieces that break characters.
      const whole = Buffer.from(texts[n]!);
      for (let at = 0; at < whole.length; at += 70_001) response.write(whole.subarray(at, at + 70_001));
      response.end();
    });
    const http = client(baseUrl, how);
    const operation: HttpOperation = { ...write, result: "text" };
    for (const text of texts) {
      const found = await http.send<string>(operation, []);
      expect(found === text.replace(/^\ufeff/, ""), text.slice(0, 9)).toBe(true);
    }
  });

  it("of bytes is what came", async () => {
    const { baseUrl } = await serve((_, response, n) => response.end(n === 0 ? bytes : ""));
    const http = client(baseUrl, how);
    const operation: HttpOperation = { ...write, result: "bytes" };
    expect(new Uint8Array(await http.send<Uint8Array>(operation, []))).toEqual(bytes);
    expect(await http.send<Uint8Array>(operation, [])).toHaveLength(0);
  });

  it("comes whole by length, in chunks, up to the end of the connection, and not at all", async () => {
    const large = "0123456789".repeat(100_000);
    const { baseUrl } = await serve(({ url, method }, response) => {
      if (url.endsWith("length")) response.setHeader("content-length", large.length);
      if (url.endsWith("close")) response.useChunkedEncodingByDefault = false;
      if (url.endsWith("none")) response.statusCode = 204;
      response.writeHead(response.statusCode);
      if (method === "HEAD" || url.endsWith("none")) return response.end();
      for (let at = 0; at < large.length; at += 70_001) response.write(large.slice(at, at + 70_001));
      return response.end();
    });
    const http = client(baseUrl, how);
    const operation: HttpOperation = { ...read, result: "text" };
    for (const id of ["length", "chunks", "close"])
      expect((await http.send<string>(operation, [id])) === large, id).toBe(true);
    expect(await http.send(operation, ["none"])).toBe("");
    expect(await http.send({ ...operation, method: "HEAD" }, ["length"])).toBe("");
  });

  it("of none is nothing, with access to the response, as soon as its head has come", async () => {
    const { baseUrl } = await serve((_, response, n) => {
      response.writeHead(n === 0 ? 204 : 200, { "x-request-id": `r-${n}` });
      if (n === 0) response.end();
      else if (n === 1) response.write("and so on");
      else response.end("<h1>ignored</h1>");
    });
    const http = client(baseUrl, { ...how, maxBodyBytes: 1 });
    for (const [n, status] of [204, 200, 200].entries()) {
      const answer = await http.send({ ...write, result: "none" }, []).withResponse();
      expect(answer).toMatchObject({ data: undefined, status, requestId: `r-${n}` });
    }
  });

  it.each([300, 409])("of none is an error with its body where the status is one: %i", async (status) => {
    const { baseUrl } = await serve((_, response) => json(response, status, { message: "why" }));
    const error = await failure(client(baseUrl, how).send({ ...write, result: "none" }, []));
    expect(error).toMatchObject({ status, body: { message: "why" } });
  });
});

describe("keys", () => {
  const keyMap = {
    Query: { page_size: null },
    Request: { display_name: null, sub_parts: { list: "Part" } },
    Part: { part_id: null },
    Thing: { created_by: null, sub_parts: { list: "Part" } },
    Problem: { error_code: null },
  };
  const operation: HttpOperation = {
    ...write,
    expects: "object",
    errors: ["4XX"],
    shapes: {
      query: "Query",
      request: "Request",
      responses: { 201: "Thing", "4XX": "Problem" },
    },
  };

  it("are converted in both directions, and those the spec does not name stay", async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, 201, { created_by: "me", sub_parts: [{ part_id: 1 }], other_key: { x_y: 1 } }),
    );
    const body = { displayName: "n", subParts: [{ partId: 1 }], user_data: { aB: 1 } };
    const data = await client(baseUrl, { keyMap }).send(
      operation,
      [],
      { query: { pageSize: 2, aB: 3 } },
      body,
    );
    expect(seen[0]!.url).toBe("/things?page_size=2&aB=3");
    expect(JSON.parse(seen[0]!.body)).toEqual({
      display_name: "n",
      sub_parts: [{ part_id: 1 }],
      user_data: { aB: 1 },
    });
    expect(data).toEqual({ createdBy: "me", subParts: [{ partId: 1 }], other_key: { x_y: 1 } });
  });

  it.each([
    [200, { 201: "Thing" }],
    [202, { "2XX": "Thing" }],
    [200, { "2XX": "Thing", default: "Problem" }],
    [200, { default: "Thing", "4XX": "Problem", 412: "Problem" }],
    [201, { 200: "Part", 201: "Thing" }],
  ])("are converted for %i where the spec says %j", async (status, responses) => {
    const { baseUrl } = await serve((_, response) => json(response, status, { created_by: "me" }));
    const data = await client(baseUrl, { keyMap }).send({ ...operation, shapes: { responses } }, []);
    expect(data).toEqual({ createdBy: "me" });
  });

  it("stay as they are without a map of keys", async () => {
    const { baseUrl, seen } = await serve((_, response, n) =>
      json(response, n === 0 ? 201 : 422, { error_code: 7 }),
    );
    const http = client(baseUrl);
    const send = () => http.send(operation, [], { query: { pageSize: 2 } }, { displayName: "n" });
    expect(await send()).toEqual({ error_code: 7 });
    expect(await send().outcome()).toMatchObject({ error: { error_code: 7 } });
    expect([seen[0]!.url, seen[0]!.body]).toEqual(["/things?pageSize=2", '{"displayName":"n"}']);
  });

  it("of errors are converted in the outcome, and come as they are in the error", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 422, { error_code: 7 }));
    const call = client(baseUrl, { keyMap }).send<unknown, { "4XX": { errorCode: number } }>(operation, []);
    expect(await call.outcome()).toMatchObject({ ok: false, error: { errorCode: 7 } });
    expect((await failure(call)).body).toEqual({ error_code: 7 });
  });

  it("of a body may be finished by the protocol's own hand", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 201, {}));
    const finishBody = (body: unknown, { id }: HttpOperation) => ({ ...(body as object), id });
    const http = client(baseUrl, { keyMap, finishBody });
    await http.send(operation, [], {}, { displayName: "n" });
    const later = client(baseUrl, { keyMap, finishBody: async (...given) => finishBody(...given) });
    await later.send(operation, [], {}, { displayName: "later" });
    await http.send({ ...operation, body: "text" }, [], {}, "as it is");
    await http.send(operation, []);
    expect(seen.map(({ body }) => body)).toEqual([
      '{"display_name":"n","id":"write"}',
      '{"display_name":"later","id":"write"}',
      "as it is",
      "",
    ]);
  });

  it("of a generated client are used unless others are given, and a pipeline is shared as it is", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 201, { created_by: "me" }));
    const shared = client(baseUrl);
    expect(HttpClient.of(shared, { keyMap })).toBe(shared);
    const given = { baseUrl, keyMap: undefined, server: undefined, fetch: globalThis.fetch };
    const http = HttpClient.of(given, { keyMap, server: "the generated server" });
    expect(await http.send(operation, [])).toEqual({ createdBy: "me" });
    const own = HttpClient.of({ ...given, keyMap: {} }, { keyMap });
    expect(await own.send(operation, [])).toEqual({ created_by: "me" });
    for (const one of [http, own]) await one.close();
  });

  it("of bodies that are not JSON stay", async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 201, {}));
    await client(baseUrl, { keyMap }).send({ ...operation, body: "form" }, [], {}, { displayName: "n" });
    expect(seen[0]!.body).toBe("displayName=n");
  });
});
