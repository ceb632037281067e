/** A server on loopback, as every counterpart that speaks HTTP needs it. Node only, looked up when it starts. */
import type * as NodeHttp from "node:http";
import type { AddressInfo } from "node:net";
import { requireBuiltin } from "../../core/builtin.js";
import { type Clock, sleep } from "../../core/clock.js";
import { ConnectionError, errorText } from "../../core/errors.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { foreign, isLoopbackHost } from "./guard.js";

export type HttpRequest = NodeHttp.IncomingMessage;
export type HttpResponse = NodeHttp.ServerResponse;

/** Answers a request. When it fails the connection is cut. */
export type OnRequest = (request: HttpRequest, response: HttpResponse) => void | Promise<void>;

/** Options of {@link LoopbackServer}. */
export interface ServerOptions {
  /** Default: 0, any free one. */
  readonly port?: number | undefined;
  /** Default: 127.0.0.1. Another one than this machine's own lets any host, page and program call. */
  readonly host?: string | undefined;
  /** Origins whose pages may call it, such as `https://app.example`. Default: those of this machine alone. */
  readonly origins?: readonly string[] | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** How long a request may take to arrive, in milliseconds; its answer may take any time. */
const requestMs = 60_000;

/** A port that can go down and come up again. */
export class LoopbackServer {
  readonly #onRequest: OnRequest;
  readonly #host: string;
  readonly #origins: readonly string[];
  readonly #clock: Clock | undefined;
  readonly #logger: Logger;
  readonly #closed = new AbortController();
  #port: number;
  #server: NodeHttp.Server | undefined;
  #restarting: Promise<void> | undefined;

  constructor(onRequest: OnRequest, options: ServerOptions = {}) {
    this.#onRequest = onRequest;
    this.#host = options.host ?? "127.0.0.1";
    this.#port = options.port ?? 0;
    this.#origins = options.origins ?? [];
    this.#clock = options.clock;
    this.#logger = safeLogger(options.logger);
  }

  /** Without a slash at the end; the same after a restart. Its port is 0 before the first start. */
  get url(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  /** Listens. Rejects with a `ConnectionError` for a port that is taken, an `UnsupportedError` where there is no Node. */
  async start(): Promise<void> {
    const http = requireBuiltin<typeof NodeHttp>("node:http", "listening on a port");
    const server = http.createServer({ keepAlive: true }, (request, response) => {
      void this.#serve(request, response);
    });
    // Longer than any client keeps a connection, so that none is closed under a request.
    server.keepAliveTimeout = 120_000;
    server.requestTimeout = requestMs;
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: unknown): void =>
        reject(new ConnectionError(`cannot listen on ${this.#host}:${this.#port}`, { cause }));
      server.once("error", refuse);
      server.listen(this.#port, this.#host, () => {
        server.off("error", refuse);
        resolve();
      });
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    if (this.#closed.signal.aborted) await this.#stop();
  }

  /** Cuts every connection and listens on the same port again `downMs` later (default: at once), if it listened. */
  restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.#restarting ??= this.#goDownAndUp(options.downMs ?? 0).finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** Stops listening. Ends when the last request in hand has ended. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#server === undefined) return resolve();
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  /** Stops listening for good and cuts every connection. Repeated calls are fine. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#stop();
  }

  async #serve(request: HttpRequest, response: HttpResponse): Promise<void> {
    try {
      const reason = isLoopbackHost(this.#host) ? foreign(request, this.#origins) : undefined;
      if (reason === undefined) await this.#onRequest(request, response);
      else
        response
          .writeHead(403, { "content-type": "application/json" })
          .end(JSON.stringify({ error: reason }));
    } catch (error) {
      this.#logger.debug("a request ended early", { reason: errorText(error) });
      request.socket.destroy();
    }
  }

  async #goDownAndUp(downMs: number): Promise<void> {
    if (this.#server === undefined) return;
    await this.#stop();
    const { signal } = this.#closed;
    // Cut short by close().
    if (downMs > 0) await sleep(downMs, { clock: this.#clock, signal }).catch(() => {});
    if (!signal.aborted) await this.start();
  }

  #stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    return new Promise((resolve) => {
      if (server === undefined) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/** The headers of a request, repeated ones joined. */
export function plainHeaders({ headers }: HttpRequest): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Reads a body as text. Undefined when it is larger than `maxBytes`; rejects when it breaks off. */
export function readBody(request: HttpRequest, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      // Read to the end all the same: an answer amid a request is lost to many clients.
      if (size <= maxBytes) chunks.push(chunk);
    });
    request.once("end", () => resolve(size > maxBytes ? undefined : Buffer.concat(chunks).toString()));
    request.once("close", () => {
      if (!request.complete) reject(new ConnectionError("the request broke off"));
    });
  });
}
