import { describe, expect, it } from "vitest";
import { readExchanges } from "../../src/generate/har.ts";

const har = (...entries: object[]) => JSON.stringify({ log: { version: "1.2", entries } });

describe("HAR", () => {
  it("gives method, path, and JSON bodies", () => {
    const text = har({
      request: {
        method: "post",
        url: "https://api.example.test/v1/bills?draft=1#x",
        headers: [{ name: "Authorization", value: "Bearer secret-token" }],
        postData: { mimeType: "application/json", text: '{"total":1}' },
      },
      response: {
        status: 201,
        headers: [],
        content: { mimeType: "application/json; charset=utf-8", text: '{"id":"b1"}' },
      },
    });
    const read = readExchanges("a.har", text);
    expect(read).toEqual({
      problems: [],
      exchanges: [
        {
          place: 1,
          method: "POST",
          origin: "https://api.example.test",
          path: "/v1/bills",
          body: { type: "application/json", values: [{ total: 1 }] },
          response: {
            status: 201,
            body: { type: "application/json; charset=utf-8", values: [{ id: "b1" }] },
          },
        },
      ],
    });
    expect(JSON.stringify(read)).not.toContain("secret");
  });

  it("decodes base64 as UTF-8", () => {
    const content = { mimeType: "application/json", encoding: "base64", text: btoa('"\xc3\xa4"') };
    const text = har({ request: { method: "GET", url: "https://a" }, response: { status: 200, content } });
    expect(readExchanges("a.har", text).exchanges).toMatchObject([
      { path: "/", response: { body: { values: ["ä"] } } },
    ]);
  });

  it.each([
    ["a request that got no response", { status: 0, content: {} }, undefined],
    ["a body that was not kept", { status: 200, content: { mimeType: "application/json" } }, { status: 200 }],
    ["another type", { status: 200, content: { mimeType: "text/html", text: "<p>" } }, { status: 200 }],
    [
      "text that is not JSON",
      { status: 200, content: { mimeType: "application/problem+json", text: "<p>" } },
      { status: 200, body: { type: "application/problem+json", values: [undefined] } },
    ],
    [
      "events; one that was cut off does not count",
      {
        status: 200,
        content: { mimeType: "text/event-stream", text: 'data: {"a":1}\r\n\r\n: hi\n\ndata: {' },
      },
      { status: 200, body: { type: "text/event-stream", values: [{ a: 1 }] } },
    ],
  ])("reads %s", (_, response, expected) => {
    const text = har({ request: { method: "GET", url: "https://a/b" }, response });
    expect(readExchanges("a.HAR", text).exchanges[0]!.response).toEqual(expected);
  });

  it.each([
    ["not JSON", '{\n"log": {\n', "expected JSON"],
    ["no entries", '{"log":{}}', "log.entries"],
    ["a list", "[]", "log.entries"],
    ["an entry without a request", har({ response: {} }), "log.entries[0]: expected request.method"],
    [
      "an entry whose status is text",
      har({ request: { method: "GET", url: "/" }, response: { status: "ok" } }),
      "log.entries[0]: expected response.status",
    ],
  ])("names what is wrong with %s", (_, text, message) => {
    const { exchanges, problems } = readExchanges("a.har", text);
    expect(exchanges).toEqual([]);
    expect(problems).toEqual([{ line: expect.any(Number), message: expect.stringContaining(message) }]);
  });
});

describe("NDJSON", () => {
  it("reads bodies that are values or text, paths or URLs, headers of any case", () => {
    const lines = [
      { request: { method: "GET", path: "/a?b=c" }, response: { status: 200, body: [1] } },
      {
        request: {
          method: "POST",
          url: "http://h/a",
          headers: { "Content-TYPE": "application/json" },
          body: "[2]",
        },
        response: { status: 204 },
      },
      { request: { method: "DELETE", url: "/a" } },
    ];
    const text = `\uFEFF${lines.map((line) => JSON.stringify(line)).join("\r\n\r\n")}\n`;
    expect(readExchanges("a.ndjson", text)).toEqual({
      problems: [],
      exchanges: [
        {
          place: 1,
          method: "GET",
          origin: "",
          path: "/a",
          response: { status: 200, body: { type: "", values: [[1]] } },
        },
        {
          place: 3,
          method: "POST",
          origin: "http://h",
          path: "/a",
          body: { type: "application/json", values: [[2]] },
          response: { status: 204 },
        },
        { place: 5, method: "DELETE", origin: "", path: "/a" },
      ],
    });
  });

  it("names each line that cannot be read and reads the others", () => {
    const { exchanges, problems } = readExchanges(
      "a.jsonl",
      '{"request":{}}\nnope\n{"request":{"method":"GET","url":"/"}}',
    );
    expect(exchanges).toHaveLength(1);
    expect(problems.map(({ line }) => line)).toEqual([1, 2]);
  });
});
