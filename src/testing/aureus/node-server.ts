/** The socket in front of the local server. Node only; the module is looked up when it is needed. */
import type * as NodeHttp from "node:http";
import { builtinModule } from "../../core/builtin.js";
import { UnsupportedError } from "../../core/errors.js";
import type { LocalAnswer, LocalRequest } from "./exchange.js";

/** A socket that listens. */
export interface Listening {
  readonly port: number;
  /** Stops, and cuts the connections that are open. */
  close(): Promise<void>;
}

/** Options of {@link listen}. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** A longer body is answered with 413, in bytes. */
  readonly maxBodyBytes: number;
}

/** Answers requests; rejecting cuts the connection. */
export type Answerer = (request: LocalRequest) => Promise<LocalAnswer>;

/** Listens. Rejects with an `UnsupportedError` where there is no node:http, and with the system's error. */
export async function listen(answer: Answerer, options: ListenOptions): Promise<Listening> {
  const server = nodeHttp().createServer((request, response) => {
    serve(request, response, answer, options.maxBodyBytes).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function nodeHttp(): typeof NodeHttp {
  const http = builtinModule<typeof NodeHttp>("node:http");
  if (http === undefined) {
    throw new UnsupportedError("listening needs node:http; use the `fetch` of the server instead");
  }
  return http;
}

async function serve(
  request: NodeHttp.IncomingMessage,
  response: NodeHttp.ServerResponse,
  answer: Answerer,
  maxBodyBytes: number,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const text = await readBody(request, maxBodyBytes);
  if (text === undefined) {
    response.writeHead(413, { "content-type": "application/json", connection: "close" });
    response.end('{"error":"Payload too large"}');
    return;
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  const { method = "GET" } = request;
  const result = await answer({ method, path: url.pathname, query: url.searchParams, headers, text });
  response.writeHead(result.status, result.headers);
  response.end(result.text);
}

async function readBody(request: NodeHttp.IncomingMessage, max: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size <= max) chunks.push(chunk);
  }
  if (size > max) return undefined;
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}
