/** What every local server over HTTP is: routes of a spec, faults, a record of requests, and a port. */
import { Hono } from "hono";
import { raceSignal } from "../../core/abort.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { StagedClose } from "../../core/close.js";
import { Emitter, type Listener } from "../../core/emitter.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import type { HttpOperation } from "../../http/index.js";
import { type HttpAnswer, json, toResponse } from "./answer.js";
import { DroppedConnection, type Fault, FaultScript, type FaultTiming, withFault } from "./faults.js";
import { LoopbackServer, readBody } from "./loopback-server.js";
import { type Exchange, type Exchanges, exchanges, type Observation } from "./observe.js";
import { Refusal } from "./refusal.js";

/** Options of every local server over HTTP. */
export interface LocalServerOptions<OwnFault = Fault> {
  /**
   * Port on 127.0.0.1. `false` listens on none: only `fetch` reaches the server, on any platform. Default: a free one.
   */
  readonly port?: number | false | undefined;
  /** Origins whose pages may call it, such as `https://app.example`. Default: those of this machine alone. */
  readonly origins?: readonly string[] | undefined;
  /** What goes wrong on purpose. More can be added to `faults`. */
  readonly faults?: readonly OwnFault[] | undefined;
  /** Called with every request, response and event of a stream that goes over the server. Default: none. */
  readonly observe?: ((observation: Observation) => void) | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** A request that a local server received. */
export interface ReceivedRequest {
  /** Operation id of the spec. Undefined for a path that the spec does not have. */
  readonly operation: string | undefined;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request on its way to its handler. */
export interface LocalRequest extends ReceivedRequest {
  /** Still percent-encoded, without the query. */
  readonly pathname: string;
  readonly query: URLSearchParams;
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The body. Undefined if it is larger than the server takes. */
  readonly text: string | undefined;
  readonly exchange: Exchange;
  /** Cuts the connection. Undefined without a socket. */
  readonly cut: (() => void) | undefined;
}

/** What a server has besides its routes. */
interface Parts {
  /** For messages: "the local gateway". */
  readonly what: string;
  /** Operations by id. */
  readonly operations: readonly HttpOperation[];
  /** Largest body, in bytes. */
  readonly maxBodyBytes: number;
  /** True takes a path with a trailing slash for the same path. Default: false. */
  readonly trailingSlash?: boolean;
}

interface Bindings {
  readonly cut?: () => void;
}

const REMEMBERED = 1_000;

/** A server in this process: its `fetch` needs no socket, and its `url` leads to a port of this machine. */
export abstract class LocalServer<OwnFault extends FaultTiming, Events extends object> {
  /** What goes wrong on purpose. */
  readonly faults = new FaultScript<OwnFault>();
  protected readonly clock: Clock;
  protected readonly logger: Logger;
  protected readonly emitter: Emitter<Events>;
  readonly #parts: Parts;
  readonly #app: Hono<{ Bindings: Bindings }>;
  readonly #port: LoopbackServer | undefined;
  readonly #requests: ReceivedRequest[] = [];
  readonly #exchanges: Exchanges;
  readonly #closing: StagedClose;

  protected constructor(options: LocalServerOptions<OwnFault>, parts: Parts) {
    const { port, clock = systemClock, logger } = options;
    this.clock = clock;
    this.logger = safeLogger(logger);
    this.emitter = new Emitter({ logger });
    this.faults.add(...(options.faults ?? []));
    this.#parts = parts;
    this.#exchanges = exchanges({ ...options, clock });
    this.#app = this.#routes();
    this.#port =
      port === false
        ? undefined
        : new LoopbackServer((request, connection) => this.#app.fetch(request, connection), {
            ...options,
            port,
          });
    this.#closing = new StagedClose(
      {
        stopIntake: () => this.stopIntake(),
        drain: () => this.#port?.drain(),
        force: () => this.#port?.close(),
      },
      { what: parts.what, graceMs: 1_000, logger },
    );
  }

  /** The base URL for clients, without a trailing slash. It stays the same after a restart. */
  get url(): string {
    return this.#port?.url ?? "http://localhost";
  }

  /** The variables that lead clients to this server. */
  abstract get env(): Readonly<Record<string, string>>;

  /** The latest 1,000 requests, oldest first, secrets included. */
  get requests(): readonly ReceivedRequest[] {
    return this.#requests;
  }

  /** Serves a request in this process, whatever the host of its URL. Pass it to a client as `fetch`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const signal = init?.signal ?? undefined;
    try {
      const response = await raceSignal(Promise.resolve(this.#app.fetch(request)), signal);
      if (signal === undefined || response.body === null) return response;
      return new Response(response.body.pipeThrough(new TransformStream(), { signal }), response);
    } catch (error) {
      if (error instanceof DroppedConnection) throw new TypeError("fetch failed");
      throw signal?.aborted ? signal.reason : error;
    }
  };

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    return this.emitter.on(event, listener);
  }

  /** Cuts every connection and listens on the same port again after `downMs` milliseconds (default: 0). */
  async restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    await this.#port?.restart(options);
  }

  /** Stops listening. Active requests have a second to end. Repeated calls are fine. */
  close(): Promise<void> {
    return this.#closing.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens, unless the port is `false`. */
  protected async listen(): Promise<this> {
    await this.#port?.start();
    if (this.#port !== undefined) this.logger.info(`${this.#parts.what} listens`, { url: this.url });
    return this;
  }

  /** Answers a request. A refusal that it throws is a response; for anything else the connection is cut. */
  protected abstract answer(request: LocalRequest): HttpAnswer | Promise<HttpAnswer>;

  /** What closing begins with. */
  protected stopIntake(): void | Promise<void> {}

  /** Whether the further conditions of a fault hold for a request. */
  protected isStruck(_fault: OwnFault, _request: LocalRequest): boolean {
    return true;
  }

  /** Answers as far as the fault lets it. */
  protected answerUnder(fault: OwnFault | undefined, request: LocalRequest): Promise<HttpAnswer> {
    const restart = (how: { readonly downMs?: number | undefined }) => this.restart(how);
    const work = async () => {
      try {
        return await this.answer(request);
      } catch (error) {
        if (error instanceof Refusal) return json(error.status, error.body);
        throw error;
      }
    };
    return withFault(fault as Fault | undefined, work, this.clock, restart);
  }

  #routes(): Hono<{ Bindings: Bindings }> {
    const { operations, trailingSlash = false } = this.#parts;
    const app = new Hono<{ Bindings: Bindings }>({ strict: !trailingSlash });
    const parameters = ({ path }: HttpOperation): number => path.split("{").length;
    // A path without parameters wins over one with.
    for (const { id, method, path } of operations.toSorted((a, b) => parameters(a) - parameters(b))) {
      app.on(method, path.replaceAll(/\{(\w+)\}/g, ":$1"), (context) =>
        this.#handle(id, context.req.raw, context.req.param(), context.env?.cut),
      );
    }
    app.notFound((context) => this.#handle(undefined, context.req.raw, {}, context.env?.cut));
    app.onError((error) => {
      throw error;
    });
    return app;
  }

  async #handle(
    operation: string | undefined,
    raw: Request,
    params: Readonly<Record<string, string>>,
    cut: (() => void) | undefined,
  ): Promise<Response> {
    const text = await readBody(raw, this.#parts.maxBodyBytes);
    const { method } = raw;
    const { pathname, search, searchParams: query } = new URL(raw.url);
    const path = pathname + search;
    const headers = Object.fromEntries(raw.headers);
    const received = { operation, method, path, headers, body: text ?? "" };
    // Printed without its secrets.
    Object.defineProperty(received, Symbol.for("nodejs.util.inspect.custom"), {
      value: () => `${method} ${pathname}`,
    });
    this.#requests.push(received);
    if (this.#requests.length > REMEMBERED) this.#requests.shift();
    const exchange = this.#exchanges(operation, received);
    const request = { ...received, pathname, query, params, text, exchange, cut };
    const fault = this.faults.next(operation, (candidate) => this.isStruck(candidate, request));
    try {
      const answer = await this.answerUnder(fault, request);
      exchange({ type: "response", ...answer, body: answer.text ?? "" });
      return toResponse(answer, this.clock);
    } catch (error) {
      exchange({ type: "end" });
      throw error;
    }
  }
}
