import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readExchangeRecordings } from "../../src/generate/check/exchanges.ts";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";

const document = `openapi: 3.1.0
info: { title: Bills, version: "1" }
servers: [{ url: "https://api.example.test/v1/" }]
paths:
  /bills/{id}:
    get:
      operationId: getBill
      responses: { "200": { content: { application/json: { schema: { title: one } } } }, "4XX": { content: { application/json: { schema: { title: failed } } } } }
    put:
      operationId: putBill
      requestBody: { content: { application/json: { schema: { title: sent } } } }
      responses: { "204": { description: ok } }
  /bills/mine: { get: { operationId: mine, responses: { default: { content: { application/json: { schema: { title: mine } } } } } } }
  /bills/{id}:cancel: { post: { operationId: cancel, responses: { "200": { content: { application/json: { schema: { title: cancelled } } } } } } }
  /watch: { get: { operationId: watch, responses: { "200": { content: { text/event-stream: { x-event-data: { title: event } } } } } } }
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "exchanges-"));
  mkdirSync(join(root, "traffic"));
  writeFileSync(join(root, "bills.yaml"), document);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function read(...lines: object[]): [string, string, unknown, unknown][] {
  writeFileSync(join(root, "traffic", "a.ndjson"), lines.map((line) => JSON.stringify(line)).join("\n"));
  const api = readOpenApi(root, "bills.yaml");
  const found = readExchangeRecordings(root, "traffic/*.ndjson", api, "specs/bills");
  return found.map(({ id, what, value, schema }) => [id, what, value, schema?.schema.title]);
}

const exchange = (method: string, url: string, status: number, body?: unknown, sent?: unknown) => ({
  request: { method, url, body: sent },
  response: { status, body, headers: { "content-type": "application/json" } },
});

it("finds the schema of each body, below a server's path or not", () => {
  const rows = read(
    exchange("GET", "https://api.example.test/v1/bills/b1?x=1", 200, { a: 1 }),
    exchange("GET", "/bills/b1", 404, { b: 1 }),
    exchange("GET", "/v1/bills/mine", 200, []),
    exchange("POST", "/v1/bills/b1:cancel", 200, {}),
    exchange("PUT", "/v1/bills/b1", 204, undefined, { c: 1 }),
    exchange("PUT", "/v1/bills/b1", 422, undefined, "{broken"),
  );
  expect(rows).toEqual([
    ["specs/bills/a.ndjson/1", "response 200 to GET /v1/bills/b1", { a: 1 }, "one"],
    ["specs/bills/a.ndjson/2", "response 404 to GET /bills/b1", { b: 1 }, "failed"],
    ["specs/bills/a.ndjson/3", "response 200 to GET /v1/bills/mine", [], "mine"],
    ["specs/bills/a.ndjson/4", "response 200 to POST /v1/bills/b1:cancel", {}, "cancelled"],
    ["specs/bills/a.ndjson/5", "PUT /v1/bills/b1", { c: 1 }, "sent"],
  ]);
});

it("reads each event of a stream", () => {
  const body = 'data: {"n":1}\n\ndata: nope\n\n';
  const response = { status: 200, body, headers: { "content-type": "text/event-stream" } };
  expect(read({ request: { method: "GET", path: "/watch" }, response })).toEqual([
    ["specs/bills/a.ndjson/1", "response 200 to GET /watch", { n: 1 }, "event"],
    ["specs/bills/a.ndjson/1", "response 200 to GET /watch", undefined, "event"],
  ]);
});

it("has no schema for what the document does not say, where documented requests went, and leaves out the rest", () => {
  const rows = read(
    exchange("GET", "https://api.example.test/v1/bills/b1", 200, {}),
    exchange("GET", "https://api.example.test/v1/gone", 200, {}),
    exchange("GET", "https://api.example.test/v1/bills/b1", 302, {}),
    exchange("GET", "https://fonts.example.test/a.json", 200, {}),
  );
  expect(rows.slice(1)).toEqual([
    ["specs/bills/a.ndjson/2", "GET /v1/gone", undefined, undefined],
    ["specs/bills/a.ndjson/3", "response 302 to GET /v1/bills/b1", {}, undefined],
  ]);
});

it("refuses a file that cannot be read, at its line, and a pattern without files", () => {
  writeFileSync(join(root, "traffic", "b.ndjson"), '{"request":{"method":"GET","url":"/"}}\nnope');
  const api = readOpenApi(root, "bills.yaml");
  expect(() => readExchangeRecordings(root, "traffic/b.*", api, "x")).toThrow(
    "traffic/b.ndjson:2:1: expected",
  );
  expect(() => readExchangeRecordings(root, "traffic/*.har", api, "x")).toThrow(
    "no file matches traffic/*.har",
  );
  expect(() => readExchangeRecordings(root, "gone/*.har", api, "x")).toThrow("no file matches gone/*.har");
});
