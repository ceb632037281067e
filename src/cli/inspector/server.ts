/** The inspector over HTTP: the page, the records as they come, the state, and what a person may do there. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { AgentwireError, ConnectionError, errorText } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { maskText } from "../../core/mask-text.js";
import { VERSION } from "../../index.js";
import { viewPacket } from "../packet/packet-view.js";
import { pageAssets } from "./assets.js";
import { eventStream } from "./event-stream.js";
import { type CaptureRecord, captureHeader } from "./record.js";
import type { Kept, Recorder } from "./recorder.js";

/** What a person may do from the page. Each resolves with what there is to say about it. */
export interface InspectorActions {
  /** Submits a job, a task or a call: `protocol`, `name`, `input`. */
  send(order: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Cancels a job or a task: `protocol`, `id`. */
  cancel(order: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Approves or denies: `protocol`, `id`, `approve`. */
  decide(order: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Sends a recorded message or request again; `data` are its bytes, where they are known. */
  resend(record: CaptureRecord, data: Uint8Array | undefined): Promise<unknown>;
}

/** Options of {@link serveInspector}. */
export interface InspectorOptions {
  readonly port: number;
  readonly recorder: Recorder;
  /** Default: a random one. */
  readonly token?: string | undefined;
  /** For the page: what is known besides the records. No secrets. */
  readonly state: () => unknown;
  /** Without them there are no routes that change anything. */
  readonly actions?: InspectorActions | undefined;
  /** More routes, which need no token. */
  readonly routes?: ((app: Hono) => void) | undefined;
}

/** A page that is served. */
export interface Inspector {
  /** Without a slash at the end. */
  readonly url: string;
  /** With the token, for a browser. */
  readonly pageUrl: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 4_194_304;

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
    "trusted-types 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

/** Serves the page on 127.0.0.1. @throws ConnectionError for a port that is taken */
export async function serveInspector(options: InspectorOptions): Promise<Inspector> {
  const token = options.token ?? randomBytes(24).toString("base64url");
  const assets = await pageAssets();
  const app = new Hono();
  app.use(async (c, next) => {
    const reason = foreign(c);
    if (reason !== undefined) c.res = c.json({ error: reason }, 403);
    else await next();
    for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  });
  app.onError((error, c) => {
    const code = error instanceof AgentwireError ? error.code : "FAILED";
    return c.json({ error: maskText(errorText(error)), code }, 400);
  });
  app.notFound((c) => c.json({ error: "not found" }, 404));
  const onError = (c: Context) => c.json({ error: `a body may have ${MAX_BODY_BYTES} bytes at most` }, 413);
  app.on("POST", "*", bodyLimit({ maxSize: MAX_BODY_BYTES, onError }), async (c, next) => {
    if (c.req.header("content-type")?.split(";")[0]?.trim() === "application/json") return next();
    return c.json({ error: "send application/json" }, 415);
  });
  for (const [path, { type, body }] of Object.entries(assets)) {
    app.get(path, (c) => c.body(body, 200, { "content-type": type }));
  }
  options.routes?.(app);
  const secured = ["/api/*", "/events.ndjson"];
  for (const path of secured) {
    app.use(path, async (c, next) => {
      if (same(c.req.header("authorization") ?? "", `Bearer ${token}`)) return next();
      return c.json({ error: "the token is missing or wrong: open the address that agentwire printed" }, 401);
    });
  }
  addApi(app, options);
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: unknown): void =>
      reject(new ConnectionError(`cannot listen on 127.0.0.1:${options.port}`, { cause }));
    server.once("error", refuse);
    server.listen(options.port, "127.0.0.1", () => {
      server.off("error", refuse);
      resolve();
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url, pageUrl: `${url}/#t=${token}`, close };
}

function addApi(app: Hono, { recorder, state, actions }: InspectorOptions): void {
  app.get("/api/events", (c) => {
    const last = Number(c.req.header("last-event-id") ?? 0);
    const body = eventStream(recorder, Number.isFinite(last) ? last : 0);
    return c.body(body, 200, { "content-type": "text/event-stream; charset=utf-8" });
  });
  app.get("/api/state", (c) =>
    c.json({ version: VERSION, canAct: actions !== undefined, ...Object(state()) }),
  );
  const keptOf = (c: Context): Kept | undefined => recorder.get(Number(c.req.param("seq")));
  const gone = (c: Context) => c.json({ error: "this record is no longer kept" }, 404);
  app.get("/api/records/:seq", (c) => {
    const kept = keptOf(c);
    return kept ? c.body(kept.line, 200, { "content-type": "application/json" }) : gone(c);
  });
  app.get("/api/records/:seq/bytes", (c) => {
    const data = keptOf(c)?.data;
    return data === undefined ? gone(c) : c.json(viewBytes(data));
  });
  app.get("/events.ndjson", (c) => {
    const { records } = recorder.after(0, Number.POSITIVE_INFINITY);
    const lines = records.map(({ line }) => `${line}\n`);
    const headers = {
      "content-type": "application/x-ndjson",
      "content-disposition": 'attachment; filename="agentwire.ndjson"',
    };
    return c.body(captureHeader(VERSION, recorder.startedAt) + lines.join(""), 200, headers);
  });
  if (actions === undefined) return;
  const order = async (c: Context): Promise<Readonly<Record<string, unknown>>> => {
    const given: unknown = await c.req.json();
    return isObject(given) ? given : {};
  };
  app.post("/api/send", async (c) => c.json({ done: await actions.send(await order(c)) }));
  app.post("/api/cancel", async (c) => c.json({ done: await actions.cancel(await order(c)) }));
  app.post("/api/decide", async (c) => c.json({ done: await actions.decide(await order(c)) }));
  app.post("/api/records/:seq/resend", async (c) => {
    const kept = keptOf(c);
    return kept ? c.json({ done: await actions.resend(JSON.parse(kept.line), kept.data) }) : gone(c);
  });
}

/** What a packet's bytes say of themselves; the bytes too where they hold no secret. */
function viewBytes(data: Uint8Array): object {
  const view = viewPacket(data);
  return view.hidesSecrets ? view : { ...view, hex: Buffer.from(data).toString("hex") };
}

/** Why a request does not come from this page or a program of this machine. */
function foreign(c: Context): string | undefined {
  const { host = "", origin, "sec-fetch-site": site } = c.req.header();
  const port = (c.env as { incoming: { socket: { localPort?: number } } }).incoming.socket.localPort;
  if (!["127.0.0.1", "localhost", "[::1]"].some((name) => host === `${name}:${port}`)) {
    return `the Host header must be 127.0.0.1:${port}, not ${JSON.stringify(host.slice(0, 100))}`;
  }
  if (origin !== undefined && origin !== `http://${host}`)
    return "pages of other origins may not call this server";
  return site === undefined || site === "same-origin" || site === "none"
    ? undefined
    : "pages of other origins may not call this server";
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
