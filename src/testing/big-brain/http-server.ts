/** The little of node:http that a counterpart needs, looked up only where a server is really started. */
import type * as NodeHttp from "node:http";
import type { AddressInfo } from "node:net";
import { builtinModule } from "../../core/builtin.js";
import { ConnectionError, UnsupportedError } from "../../core/errors.js";

export type Request = NodeHttp.IncomingMessage;
export type Response = NodeHttp.ServerResponse;

/** A server on 127.0.0.1. */
export interface LoopbackServer {
  readonly port: number;
  /** Stops listening and breaks every connection. */
  stop(): Promise<void>;
}

/** Starts a server on 127.0.0.1. Rejects with an `UnsupportedError` anywhere but on Node. */
export function listen(
  port: number,
  onRequest: (request: Request, response: Response) => void,
): Promise<LoopbackServer> {
  const server = nodeHttp().createServer({ keepAlive: true }, onRequest);
  // Longer than any client keeps a connection, so that none is closed under a request.
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 0;
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void =>
      reject(new ConnectionError(`cannot listen on 127.0.0.1:${port}`, { cause }));
    server.once("error", refuse);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", refuse);
      resolve({
        port: (server.address() as AddressInfo).port,
        stop: () =>
          new Promise((stopped) => {
            server.close(() => stopped());
            server.closeAllConnections();
          }),
      });
    });
  });
}

function nodeHttp(): typeof NodeHttp {
  const http = builtinModule<typeof NodeHttp>("node:http");
  if (http === undefined) throw new UnsupportedError("LocalBigBrain listens on a port, which needs Node");
  return http;
}

/** Reads a body. Undefined when it is larger than `maxBytes` or breaks off. */
export function readBody(request: Request, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
    });
    request.once("end", () => resolve(size <= maxBytes ? join(chunks) : undefined));
    request.once("close", () => resolve(undefined));
  });
}

const decoder = new TextDecoder();

function join(chunks: readonly Uint8Array[]): string {
  if (chunks.length === 1) return decoder.decode(chunks[0]);
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return decoder.decode(whole);
}

/** Answers with a JSON text. */
export function answer(
  response: Response,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(body);
}
