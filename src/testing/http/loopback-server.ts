/** A port of this machine in front of a `fetch` function. Node only, loaded when it starts. */
import type * as NodeHttp from "node:http";
import type { AddressInfo } from "node:net";
import { requireBuiltin } from "../../core/builtin.js";
import { type Clock, sleep } from "../../core/clock.js";
import { ConnectionError, errorText } from "../../core/errors.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { foreign, isLoopbackHost } from "./guard.js";

/** Answers a request. If it rejects, the connection is cut; `cut` does so at any time. */
export type OnRequest = (
  request: Request,
  connection: { readonly cut: () => void },
) => Response | Promise<Response>;

/** Options of {@link LoopbackServer}. */
export interface ServerOptions {
  /** Default: 0, any free one. */
  readonly port?: number | undefined;
  /** Default: 127.0.0.1. If it is an address that others can reach, any host, page and program may call. */
  readonly host?: string | undefined;
  /** Origins whose pages may call it, such as `https://app.example`. Default: those of this machine alone. */
  readonly origins?: readonly string[] | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** How long a request may take to arrive, in milliseconds. Its response may take any time. */
const requestTimeout = 60_000;
/** Longer than any client keeps a connection, so that none is closed under a request. */
const keepAliveTimeout = 120_000;

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

  /** Without a trailing slash; the same after a restart. The port is 0 before the first start. */
  get url(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  /** Listens. Rejects with a `ConnectionError` if the port is taken, an `UnsupportedError` outside Node. */
  async start(): Promise<void> {
    const http = requireBuiltin<typeof NodeHttp>("node:http", "listening on a port");
    const { getRequestListener } = await import("#node-server");
    const listener = getRequestListener(
      (request, { outgoing }) => this.#serve(request, outgoing as NodeHttp.ServerResponse),
      { overrideGlobalObjects: false, hostname: this.#host },
    );
    const server = http.createServer({ keepAlive: true, keepAliveTimeout, requestTimeout }, (...exchange) => {
      void listener(...exchange);
    });
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

  /** Cuts every connection and listens on the same port again after `downMs` (default: 0), if it listened. */
  restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.#restarting ??= this.#goDownAndUp(options.downMs ?? 0).finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** Stops listening. Resolves when the last active request has ended. */
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

  async #serve(request: Request, outgoing: NodeHttp.ServerResponse): Promise<Response> {
    const cut = (): void => void outgoing.destroy();
    try {
      const reason = isLoopbackHost(this.#host) ? foreign(request.headers, this.#origins) : undefined;
      if (reason !== undefined) return Response.json({ error: reason }, { status: 403 });
      return await this.#onRequest(request, { cut });
    } catch (error) {
      this.#logger.debug("a request ended early", { reason: errorText(error) });
      cut();
      return new Response(null, { headers: { "x-hono-already-sent": "true" } });
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

/** Reads a body as text. Undefined if it is larger than `maxBytes`; rejects if the request breaks off. */
export async function readBody(request: Request, maxBytes: number): Promise<string | undefined> {
  const { headers } = request;
  const size = Number(headers.get("content-length") ?? 0);
  if (size <= maxBytes && !headers.has("transfer-encoding")) return request.text();
  const chunks: Uint8Array[] = [];
  let read = 0;
  // Read to the end all the same: many clients lose a response to a request that they are still sending.
  for (const reader = request.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    read += value.length;
    if (read <= maxBytes) chunks.push(value);
  }
  return read > maxBytes ? undefined : new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}
