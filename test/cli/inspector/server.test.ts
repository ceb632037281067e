/** The inspector over HTTP: who is let in, what it serves, and how records arrive. */
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { buildScript } from "../../../src/cli/inspector/assets.js";
import { parseCapture } from "../../../src/cli/inspector/record.js";
import { Recorder } from "../../../src/cli/inspector/recorder.js";
import { type Inspector, type InspectorActions, serveInspector } from "../../../src/cli/inspector/server.js";
import { req } from "../../requirements/index.ts";

const TOKEN = "a-token-of-the-page-0123";
const bearer = { authorization: `Bearer ${TOKEN}` };
const json = { ...bearer, "content-type": "application/json" };
const page = join(import.meta.dirname, "../../../src/cli/inspector/page");

const open: Inspector[] = [];
afterEach(async () => {
  for (const inspector of open.splice(0)) await inspector.close();
});

async function serve(recorder = new Recorder(), actions?: InspectorActions) {
  const inspector = await serveInspector({
    port: 0,
    recorder,
    token: TOKEN,
    state: () => ({ mode: "dev" }),
    actions,
  });
  open.push(inspector);
  const { port } = new URL(inspector.url);
  const ask = (path: string, headers: Record<string, string> = bearer, method = "GET", body = "") =>
    new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      });
      asked.on("error", reject);
      asked.end(body);
    });
  return { inspector, ask, port };
}

describe("the inspector over HTTP", () => {
  it(
    req("cli.inspector.guard", "lets in this page and programs with the token, and nobody else"),
    async () => {
      const { ask, port } = await serve();
      expect((await ask("/api/state")).status).toBe(200);
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: TOKEN }]) {
        for (const path of ["/api/state", "/api/events", "/events.ndjson", "/api/records/1"]) {
          expect((await ask(path, headers)).status, path).toBe(401);
        }
      }
      const foreign: Record<string, string>[] = [
        { host: "evil.example" },
        { host: `evil.example:${port}` },
        { host: "127.0.0.1:1" },
        { origin: "https://evil.example" },
        { origin: "http://127.0.0.1:1" },
        { origin: "null" },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
      ];
      for (const headers of foreign) {
        for (const path of ["/", "/app.js", "/api/state"]) {
          expect((await ask(path, { ...bearer, ...headers })).status, JSON.stringify(headers)).toBe(403);
        }
      }
      const own = { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" };
      expect((await ask("/api/state", { ...bearer, ...own })).status).toBe(200);
      expect((await ask("/api/state", { ...bearer, host: `localhost:${port}` })).status).toBe(200);
    },
  );

  it("sends a policy that allows its own files only, with every response", async () => {
    const { ask } = await serve();
    for (const path of ["/", "/app.js", "/app.css", "/nothing", "/api/state"]) {
      const { headers } = await ask(path);
      expect(headers["content-security-policy"], path).toContain("default-src 'none'; script-src 'self'");
      expect(headers["content-security-policy"]).toContain(
        "require-trusted-types-for 'script'; trusted-types 'none'",
      );
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
      });
    }
  });

  it(req("cli.inspector.act", "has routes that act only where there is something to act on"), async () => {
    const reading = await serve();
    for (const path of ["/api/send", "/api/cancel", "/api/decide", "/api/records/1/resend"]) {
      expect((await reading.ask(path, json, "POST", "{}")).status, path).toBe(404);
    }
    const fails = async (): Promise<never> => {
      throw new Error("Bearer planted-0123456789 was refused");
    };
    const acting = await serve(new Recorder(), {
      send: async (order) => order,
      cancel: fails,
      decide: fails,
      resend: fails,
    });
    expect(JSON.parse((await acting.ask("/api/send", json, "POST", '{"a":1}')).text)).toEqual({
      done: { a: 1 },
    });
    expect((await acting.ask("/api/send", bearer, "POST", "{}")).status).toBe(415);
    expect((await acting.ask("/api/send", { "content-type": "application/json" }, "POST", "{}")).status).toBe(
      401,
    );
    const failed = await acting.ask("/api/cancel", json, "POST", "{}");
    expect([failed.status, failed.text]).toEqual([400, expect.stringContaining("was refused")]);
    expect(failed.text).not.toContain("planted");
    expect((await acting.ask("/api/send", json, "POST", "x".repeat(5_000_000))).status).toBe(413);
  });

  it("returns a capture that can be read again", async () => {
    const recorder = new Recorder();
    for (let n = 0; n < 3; n++) recorder.add({ type: "log", reason: `line ${n}` });
    const { ask } = await serve(recorder);
    const { text, headers } = await ask("/events.ndjson");
    expect(headers["content-type"]).toBe("application/x-ndjson");
    expect(parseCapture(text).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(JSON.parse((await ask("/api/records/2")).text)).toMatchObject({ seq: 2, reason: "line 1" });
    expect((await ask("/api/records/9")).status).toBe(404);
  });

  it(
    req("cli.inspector.bounded", "resumes after the last event, and reports what is gone as a gap"),
    async () => {
      const recorder = new Recorder({ maxBytes: 5_000 });
      for (let n = 0; n < 200; n++) recorder.add({ type: "log", reason: "x".repeat(50) });
      const { inspector } = await serve(recorder);
      const read = async (last: number, until: (text: string) => boolean) => {
        const abort = new AbortController();
        const response = await fetch(`${inspector.url}/api/events`, {
          headers: { ...bearer, "last-event-id": String(last) },
          signal: abort.signal,
        });
        let text = "";
        for await (const chunk of Readable.fromWeb(response.body! as ReadableStream<Uint8Array>)) {
          text += new TextDecoder().decode(chunk);
          if (until(text)) break;
        }
        abort.abort();
        return text;
      };
      const all = await read(0, (text) => text.includes("id: 200"));
      expect(all).toMatch(/^event: hello\ndata: \{"startedAt"/);
      expect(all).toContain(`"type":"gap","dropped":${recorder.dropped}}`);
      const rest = read(199, (text) => text.includes("id: 201"));
      setTimeout(() => recorder.add({ type: "log", reason: "new" }), 20);
      const resumed = await rest;
      expect(resumed).toContain('"seq":200');
      expect(resumed).not.toContain('"seq":199');
      expect(resumed).toContain('"reason":"new"');
    },
  );
});

describe("the files of the page", () => {
  it("are 40 kB at most, compressed", async () => {
    const files = [
      await buildScript(page),
      ...["app.css", "index.html"].map((name) => readFileSync(join(page, name), "utf8")),
    ];
    const bytes = files.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
    expect(bytes).toBeLessThanOrEqual(40_000);
  });

  it(req("cli.inspector.safe", "set no HTML, evaluate no text, and load nothing from elsewhere"), () => {
    for (const name of readdirSync(page)) {
      const text = readFileSync(join(page, name), "utf8");
      expect(text, name).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?:\/\/(?!\$\{)/,
      );
    }
  });
});
