/** The reading of HTTP/1.1 answers: however they are cut, and whatever comes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionError } from "../../src/core/errors.js";
import { AnswerParser } from "../../src/core/http1/answer-parser.js";
import { requestHead } from "../../src/core/http1/request.js";
import { req } from "../requirements/index.ts";

/** What a parser makes of these pieces. */
function parse(pieces: readonly Uint8Array[], method = "GET", closed = false) {
  const parser = new AnswerParser();
  const seen = { heads: [] as unknown[], body: "", ends: 0 };
  const decoder = new TextDecoder("latin1");
  const begin = () =>
    parser.begin(method, {
      onHead: ({ status, statusText, headers, keepAlive, idleMs }) =>
        void seen.heads.push({ status, statusText, headers: { ...headers }, keepAlive, idleMs }),
      onBody: (bytes) => {
        seen.body += decoder.decode(bytes);
      },
      onEnd: () => void seen.ends++,
    });
  begin();
  for (const piece of pieces) parser.push(Buffer.from(piece));
  const complete = closed && !parser.idle ? parser.close() : parser.idle;
  return { ...seen, complete };
}

const answers: [string, string, { method?: string; closed?: boolean }, object][] = [
  [
    "a length",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:  2 \r\n\r\nhello",
    {},
    {
      heads: [
        {
          status: 200,
          statusText: "OK",
          headers: { "content-length": "5", "x-a": "1, 2" },
          keepAlive: true,
          idleMs: undefined,
        },
      ],
      body: "hello",
      complete: true,
    },
  ],
  [
    "chunks, with an extension and a trailer",
    "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n00a\r\n, dear you\r\n0\r\nx-trailer: 1\r\n\r\n",
    {},
    { body: "hello, dear you", complete: true },
  ],
  ["no body", "HTTP/1.1 204 No Content\r\n\r\n", {}, { body: "", complete: true }],
  ["none for HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", { method: "HEAD" }, { complete: true }],
  [
    "an answer before the answer",
    "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    {},
    { heads: [{ status: 200 }], complete: true },
  ],
  [
    "a body up to the end of the connection",
    "HTTP/1.1 200 OK\r\n\r\nall of it",
    { closed: true },
    { heads: [{ keepAlive: false }], body: "all of it", complete: true },
  ],
  [
    "an old server that closes",
    "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    {},
    { heads: [{ keepAlive: false }], body: "ok" },
  ],
  [
    "cookies, and how long the connection is kept",
    "HTTP/1.1 200 OK\r\nset-cookie: a=1, 2\r\nset-cookie: b\r\nkeep-alive: timeout=5, max=9\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
    {},
    { heads: [{ headers: { "set-cookie": ["a=1, 2", "b"], "content-length": "0" }, idleMs: 5_000 }] },
  ],
];

const bad: [string, string][] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["another version", "HTTP/2 200 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n"],
  ["a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"],
  ["an unknown encoding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"],
  ["a folded header", "HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\n\r\n"],
  ["a name with a space", "HTTP/1.1 200 OK\r\nx-a : 1\r\n\r\n"],
  ["a bare line feed", "HTTP/1.1 200 OK\r\nx-a: 1\nx-b: 2\r\n\r\n"],
  ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n"],
  ["a negative chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n"],
  ["a chunk that is too long", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n"],
  ["bytes after the end", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"],
  ["a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`],
];

describe("answers", () => {
  it.each(answers)("are read: %s", (_, text, { method, closed }, expected) => {
    expect(parse([Buffer.from(text, "latin1")], method, closed)).toMatchObject(expected);
  });

  it(req("core.http1.cuts", "are read alike however they are cut"), () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...answers),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
        ([, text, { method, closed }], steps) => {
          const bytes = Buffer.from(text, "latin1");
          const pieces: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const end = at + steps[i % steps.length]!;
            pieces.push(bytes.subarray(at, end));
            at = end;
          }
          expect(parse(pieces, method, closed)).toEqual(parse([bytes], method, closed));
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each(bad)(req("core.http1.strict", "are refused where two readers could differ: %s"), (_, text) => {
    const bytes = Buffer.from(text, "latin1");
    expect(() => parse([bytes])).toThrow(ConnectionError);
    expect(() => parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toThrow(ConnectionError);
  });

  it("are bounded in what is kept of them, and nothing but our error is thrown", () => {
    const start = fc.constantFrom(...answers.map(([, text]) => text), ...bad.map(([, text]) => text));
    const piece = fc.oneof(
      fc.string({ unit: "binary-ascii", maxLength: 30 }),
      fc.constantFrom(
        "\r\n",
        "\r\n\r\n",
        "0\r\n\r\n",
        "ffffffffffff\r\n",
        "content-length: 1",
        "HTTP/1.1 200 OK\r\n",
      ),
    );
    fc.assert(
      fc.property(start, fc.nat(60), fc.array(piece, { maxLength: 6 }), (text, cut, more) => {
        try {
          parse([text.slice(0, cut), ...more].map((part) => Buffer.from(part, "latin1")));
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("heads of requests", () => {
  it("say the host, the length in bytes, and that the connection is kept; given ones of that kind are left out", () => {
    const given = { "x-a": "1", Host: "evil", "Transfer-Encoding": "chunked", "content-length": "9" };
    expect(requestHead("POST", "/a?b", "h:1", given, "é")).toBe(
      "POST /a?b HTTP/1.1\r\nhost: h:1\r\nx-a: 1\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n",
    );
    expect(requestHead("PUT", "/", "h", {}, undefined)).toContain("\r\ncontent-length: 0\r\n");
    expect(requestHead("GET", "/", "h", {}, undefined)).not.toContain("content-length");
  });

  it(req("core.http1.injection", "hold no line of somebody else's making, and errors no value"), () => {
    const attempts: Parameters<typeof requestHead>[] = [
      ["GET /x HTTP/1.1\r\n", "/", "h", {}, undefined],
      ["GET", "/ HTTP/1.1\r\nx: y", "h", {}, undefined],
      ["GET", "/", "h", { "x\r\ny": "1" }, undefined],
      ["GET", "/", "h", { authorization: "planted\r\nx-admin: 1" }, undefined],
      ["GET", "/", "h", { "x-a": "\u010a" }, undefined],
    ];
    for (const attempt of attempts) {
      expect(() => requestHead(...attempt)).toThrow(expect.objectContaining({ code: "validation" }));
      expect(() => requestHead(...attempt)).not.toThrow("planted");
    }
  });
});
