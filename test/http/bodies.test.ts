/** Request bodies: what each kind takes, what it sends, and what it refuses. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/core/errors.js";
import type { BodyKind } from "../../src/http/operation.js";
import { client, failure, json, serve, transports, write } from "./server.ts";

const bytes = new Uint8Array([0, 255, 13, 10, 128]);
const buffer = bytes.buffer;
const cycle: Record<string, unknown> = {};
cycle.self = cycle;

it.each<[BodyKind, unknown, string]>([
  ["json", { n: 1n }, "the body of write cannot be written as JSON: /n must"],
  ["form", { o: { n: 1n } }, "the form field o cannot be written as JSON: /n must"],
  ["form", { a: () => 1 }, "the body of write must be text, a number or JSON in a, found function"],
  ["form", new Map(), "the body of write must be a plain object, found Map"],
  ["text", 7, "the body of write must be a string, found number"],
  ["text", null, "the body of write must be a string, found null"],
  ["text", Object.create(null), "the body of write must be a string, found an object without a class"],
  ["bytes", [1], "the body of write must be bytes (Uint8Array, ArrayBuffer or Blob), found Array"],
])("the error for a body of %s names what was expected and found: %#", async (body, value, message) => {
  const error = await failure(client("http://h").send({ ...write, body }, [], {}, value));
  expect(error.name).toBe("ValidationError");
  expect(error.message.slice(0, message.length)).toBe(message);
});

describe.each(transports)("a body over %s", (_, how) => {
  const start = async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const http = client(baseUrl, how);
    const send = async (body: BodyKind, value: unknown, more: object = {}) => {
      await http.send({ ...write, body, ...more }, [], {}, value);
      return seen.at(-1)!;
    };
    return { http, seen, send };
  };

  it("of JSON", async () => {
    const { send } = await start();
    for (const value of [{ a: "ü" }, [1], "text", 1, null, true, new Date(0), { toJSON: () => 7 }]) {
      const { headers, body } = await send("json", value);
      expect(headers["content-type"]).toBe("application/json");
      expect(body).toBe(JSON.stringify(value));
      expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
    }
    const patch = await send("json", {}, { contentType: "application/merge-patch+json" });
    expect(patch.headers["content-type"]).toBe("application/merge-patch+json");
  });

  it("of a form", async () => {
    const { send } = await start();
    const type = "application/x-www-form-urlencoded";
    const value = {
      a: "x y&=ü",
      n: 1,
      yes: true,
      list: [1, "b"],
      none: undefined,
      no: null,
      at: new Date(0),
      o: { x: 1 },
    };
    const { headers, body } = await send("form", value);
    expect(headers["content-type"]).toBe(type);
    expect([...new URLSearchParams(body)]).toEqual([
      ["a", "x y&=ü"],
      ["n", "1"],
      ["yes", "true"],
      ["list", "1"],
      ["list", "b"],
      ["at", "1970-01-01T00:00:00.000Z"],
      ["o", '{"x":1}'],
    ]);
    const params = await send("form", new URLSearchParams({ a: "1", b: "ü" }));
    expect([params.headers["content-type"], params.body]).toEqual([type, "a=1&b=%C3%BC"]);
  });

  it("of a form arrives as it was given", async () => {
    const { send } = await start();
    const text = fc.string({ unit: "grapheme" });
    const property = fc.asyncProperty(fc.dictionary(text, text), async (value) => {
      const { body } = await send("form", value);
      expect([...new URLSearchParams(body)]).toEqual(Object.entries(value));
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it("of several parts", async () => {
    const { send } = await start();
    const form = new FormData();
    form.append("title", "ü");
    form.append("file", new File([bytes], "a.bin", { type: "image/png" }));
    const object = {
      title: "ü",
      file: new File([bytes], "a.bin", { type: "image/png" }),
      blob: new Blob(["x"], { type: "text/x" }),
      raw: bytes,
      buffer,
      view: new DataView(buffer, 1, 2),
      list: ["1", 2],
      meta: { x: 1 },
      none: undefined,
    };
    for (const given of [form, object]) {
      const { headers, bytes: sent } = await send("multipart", given);
      expect(headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
      const read = await new Response(new Uint8Array(sent), {
        headers: { "content-type": headers["content-type"]! },
      }).formData();
      expect(read.get("title")).toBe("ü");
      const file = read.get("file") as File;
      expect([file.name, file.type, new Uint8Array(await file.arrayBuffer())]).toEqual([
        "a.bin",
        "image/png",
        bytes,
      ]);
      if (given === form) continue;
      const blob = read.get("blob") as File;
      expect([blob.type, await blob.text()]).toEqual(["text/x", "x"]);
      for (const [name, expected] of [
        ["raw", bytes],
        ["buffer", bytes],
        ["view", bytes.subarray(1, 3)],
      ] as const)
        expect(new Uint8Array(await (read.get(name) as File).arrayBuffer())).toEqual(expected);
      expect([read.getAll("list"), read.get("meta"), read.has("none")]).toEqual([
        ["1", "2"],
        '{"x":1}',
        false,
      ]);
    }
  });

  it("of text", async () => {
    const { send } = await start();
    const { headers, body } = await send("text", "ü\n");
    expect([headers["content-type"], body]).toEqual(["text/plain;charset=UTF-8", "ü\n"]);
    expect((await send("text", "a,b", { contentType: "text/csv" })).headers["content-type"]).toBe("text/csv");
  });

  it("of bytes", async () => {
    const { send } = await start();
    const given = [
      bytes,
      buffer,
      new DataView(buffer),
      new Uint8Array(buffer, 0),
      Buffer.from(bytes),
      new Blob([bytes]),
    ];
    for (const value of given) {
      const { headers, bytes: sent } = await send("bytes", value);
      expect(headers["content-type"]).toBe("application/octet-stream");
      expect(new Uint8Array(sent)).toEqual(bytes);
    }
    const part = await send("bytes", new Uint16Array(new Uint8Array([1, 2, 3, 4]).buffer, 2, 1));
    expect([...part.bytes]).toEqual([3, 4]);
    expect((await send("bytes", "ü")).body).toBe("ü");
    const image = new Blob([bytes], { type: "image/png" });
    expect((await send("bytes", image)).headers["content-type"]).toBe("image/png");
    const typed = await send("bytes", image, { contentType: "image/webp" });
    expect(typed.headers["content-type"]).toBe("image/webp");
  });

  it("may be empty, or none", async () => {
    const { send } = await start();
    const lengths: unknown[] = [];
    for (const [kind, value] of [
      ["text", ""],
      ["bytes", new Uint8Array(0)],
      ["bytes", ""],
      ["form", {}],
      ["json", undefined],
    ] as const) {
      const { headers, body } = await send(kind, value);
      lengths.push([headers["content-length"], body, headers["content-type"] !== undefined]);
    }
    expect(lengths).toEqual([
      ["0", "", true],
      ["0", "", true],
      ["0", "", true],
      ["0", "", true],
      ["0", "", false],
    ]);
  });

  it("gives way to a content type of the caller", async () => {
    const { http, seen } = await start();
    await http.send(write, [], { headers: { "Content-Type": "application/vnd.x+json" } }, {});
    expect(seen[0]!.headers["content-type"]).toBe("application/vnd.x+json");
  });

  it.each<[BodyKind, string, unknown]>([
    ["json", "a bigint", { n: 1n }],
    ["json", "a cycle", cycle],
    ["json", "a Blob", new Blob(["x"])],
    ["json", "a form", new FormData()],
    ["json", "a Map", new Map([["a", 1]])],
    ["json", "bytes", bytes],
    ["json", "an ArrayBuffer", buffer],
    ["json", "a function", () => 1],
    ["form", "a number", 7],
    ["form", "text", "a=1"],
    ["form", "null", null],
    ["form", "a list", [1]],
    ["form", "a Map", new Map([["a", 1]])],
    ["form", "a FormData", new FormData()],
    ["form", "bytes", bytes],
    ["form", "a date", new Date()],
    ["form", "a Blob", new Blob(["x"])],
    ["form", "a Blob in a member", { a: new Blob(["x"]) }],
    ["form", "bytes in a member", { a: bytes }],
    ["form", "an invalid date", { at: new Date(Number.NaN) }],
    ["form", "a function in a member", { a: () => 1 }],
    ["form", "a symbol in a member", { a: Symbol("x") }],
    ["multipart", "a number", 7],
    ["multipart", "text", "a"],
    ["multipart", "a list", [1]],
    ["multipart", "a Map", new Map([["a", 1]])],
    ["multipart", "URLSearchParams", new URLSearchParams("a=1")],
    ["multipart", "a Blob", new Blob(["x"])],
    ["text", "a number", 1],
    ["text", "an object", {}],
    ["text", "bytes", bytes],
    ["text", "null", null],
    ["bytes", "a number", 1],
    ["bytes", "an object", {}],
    ["bytes", "a list", [1, 2]],
    ["bytes", "null", null],
  ])("%s cannot hold %s", async (kind, _, value) => {
    const { http, seen } = await start();
    const error = await failure(http.send({ ...write, body: kind }, [], {}, value));
    expect(error).toBeInstanceOf(ValidationError);
    expect(seen).toEqual([]);
  });
});
