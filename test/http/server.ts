/** Servers on loopback and clients for the tests of src/http; both end with the test that made them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createPlainServer, type Socket } from "node:net";
import { afterEach } from "vitest";
import type { AgentwireError } from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { HttpClient, type HttpClientOptions, type HttpOperation } from "../../src/http/index.js";

export const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What every statement about a call has to hold over. */
export const transports: [string, Partial<HttpClientOptions>][] = [
  ["undici", {}],
  ["fetch", { fetch: globalThis.fetch }],
];

export const read: HttpOperation = { id: "read", method: "GET", path: "/things/{id}", idempotent: true };
export const write: HttpOperation = { id: "write", method: "POST", path: "/things", idempotent: false };
export const once: HttpOperation = { ...write, id: "once", path: "/once", idempotent: true, retry: "never" };
export const events: HttpOperation = { ...read, id: "events", path: "/events", result: "events" };

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  readonly body: string;
}

export type Answering = (request: Seen, response: ServerResponse, index: number) => unknown;

/** A server that answers the request number `index` (from 0) as told. */
export async function serve(answering: Answering) {
  const seen: Seen[] = [];
  const connections = { count: 0 };
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer(async (request, response) => {
    const bytes = Buffer.concat(await request.toArray().catch(() => []));
    const { method = "", url = "", headers, rawHeaders } = request;
    const one = { method, url, headers, rawHeaders, bytes, body: bytes.toString() };
    seen.push(one);
    for (const { count, resolve } of waiting) if (seen.length >= count) resolve();
    await answering(one, response, seen.length - 1);
  });
  server.on("connection", () => void connections.count++);
  /** Resolves when so many requests have arrived. */
  const arrived = (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (seen.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { ...(await listen(server)), server, seen, connections, arrived };
}

/** What servers of http, https and net have in common. */
interface Listening extends Pick<Server, "address" | "close"> {
  listen(port: number, host: string, done: () => void): unknown;
  closeAllConnections?(): void;
}

export async function listen(server: Listening): Promise<{ baseUrl: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections?.();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}`, port };
}

/** A server below HTTP: `onRequest` is called with each piece that a socket receives. */
export async function serveSocket(onData: (socket: Socket, data: string, connection: number) => void) {
  const sockets: Socket[] = [];
  const server = createPlainServer((socket) => {
    const connection = sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => onData(socket, data.toString("latin1"), connection));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}`, port, sockets, server };
}

/** A port that nobody listens on. */
export async function refusingUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

export function json(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function client(baseUrl: string, more: Partial<HttpClientOptions> = {}): HttpClient {
  const http = new HttpClient({ baseUrl, retry: { minDelayMs: 0 }, ...more });
  cleanups.push(() => http.close({ graceMs: 0 }));
  return http;
}

/** The error of a call; fails if there is none. */
export function failure(promise: PromiseLike<unknown>): Promise<AgentwireError> {
  return Promise.resolve(promise).then(
    (value) => {
      throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
    },
    (error: AgentwireError) => error,
  );
}

/** The error of something that throws at once; fails if it does not. */
export function thrown(run: () => unknown): AgentwireError {
  try {
    run();
  } catch (error) {
    return error as AgentwireError;
  }
  throw new Error("did not throw");
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A logger and the lines that it was given. */
export function recorder(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = (message: string, fields?: object) =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  return { logger: { debug: log, info: log, warn: log, error: log }, lines };
}

/** Lets everything run that waits for no time and no network. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
