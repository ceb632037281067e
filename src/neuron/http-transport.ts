/** The transport of the protocol: one event stream in, one POST per frame out. */
import type { ClientFrame, ServerToNeuronFrame } from "../../gen/neuron/index.js";
import { openEventsOp, operationTable } from "../../gen/neuron/index.js";
import { type Clock, sleep, systemClock } from "../core/clock.js";
import { AuthError, ClosedError, ConnectionError, errorText, ValidationError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { backoffMs, type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import { HttpClient, type HttpOperation } from "../http/index.js";
import { type AuthCallback, callbackAuth } from "./callback-auth.js";
import { refusalError } from "./errors.js";
import { type EventStream, openEventStream } from "./event-stream.js";
import type { PostPath } from "./frames.js";
import type { PostOptions, Transport, TransportCallbacks } from "./transport.js";

/** Options of {@link HttpTransport}. */
export interface HttpTransportOptions {
  /** Base URL of the gateway; a path prefix is kept. */
  readonly gatewayUrl: string;
  readonly neuronId: string;
  /** Gives the bearer token for every request. */
  readonly auth: AuthCallback;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Wait before the first reconnect, in milliseconds; it doubles with each further one. Default: 500. */
  readonly initialReconnectDelayMs?: number | undefined;
  /** The longest wait. Default: 30,000. */
  readonly maxReconnectDelayMs?: number | undefined;
  /** Up to this share of a wait is taken off at random, 0 to 1. Default: 0, as the peers. */
  readonly reconnectJitter?: number | undefined;
  /** Come back also when the gateway said that it makes no sense. Default: false. */
  readonly alwaysReconnect?: boolean | undefined;
  /** A stream on which nothing came for so long, comments included, is opened anew. Default: 300,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a POST, or the head of the stream, may take. Default: 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** The largest event of the stream, in bytes. A larger one ends the stream. Default: 8 MiB. */
  readonly maxEventBytes?: number | undefined;
  /** Connections for POSTs at most, on Node; the stream has one of its own. Default: 64. */
  readonly maxSockets?: number | undefined;
  /** Used for everything. Default: kept connections on Node, else the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** The user knows that the token travels in the clear. Default: false, one warning. */
  readonly allowInsecure?: boolean | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** For the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The posts, by path. Their responses carry no meaning. */
const POSTS = new Map(
  Object.values(operationTable).map((operation): [string, HttpOperation] => [
    operation.path,
    { ...operation, id: operation.path, result: "none" },
  ]),
);
const OPEN: HttpOperation = { ...openEventsOp, id: "SSE open" };

/**
 * Speaks HTTP with a gateway: keeps the event stream open, with backoff and without an end, and posts frames.
 * Redirects are refused. After {@link HttpTransport.stop} it cannot be started again.
 */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #http: HttpClient;
  readonly #policy: RetryPolicy;
  readonly #stop = new AbortController();
  #callbacks: TransportCallbacks = {};
  #running: Promise<void> | undefined;
  #first: Promise<void> | undefined;
  #connected = false;
  #mayReturn = true;
  #lastEventId: string | undefined;

  /** @throws ValidationError for a gatewayUrl that is no http(s) URL, or numbers that make no sense. */
  constructor(options: HttpTransportOptions) {
    this.#options = options;
    if (typeof options.auth !== "function") throw new ValidationError("auth must be a function");
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#policy = retryPolicy({
      attempts: Infinity,
      minDelayMs: options.initialReconnectDelayMs ?? 500,
      maxDelayMs: options.maxReconnectDelayMs ?? 30_000,
      jitter: options.reconnectJitter ?? 0,
    });
    this.#http = new HttpClient({
      baseUrl: options.gatewayUrl,
      server: "the gateway",
      auth: callbackAuth(options.auth),
      headers: { accept: "*/*" },
      timeoutMs: options.requestTimeoutMs,
      connections: options.maxSockets,
      // Answers, registrations and the stream are repeated by those who know how long they stay true.
      retry: false,
      toError: (answer, { id }) => refusalError(id, answer),
      fetch: options.fetch,
      clock: options.clock,
      logger: options.logger,
      allowInsecure: options.allowInsecure,
    });
  }

  subscribe(callbacks: TransportCallbacks): void {
    this.#callbacks = callbacks;
  }

  start(): Promise<void> {
    this.#first ??= new Promise((resolve) => {
      this.#running = this.#run(resolve).finally(resolve);
    });
    return this.#first;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new ClosedError("the transport is stopped"));
    await this.#running;
    await this.#http.close({ graceMs: 0 });
  }

  isConnected(): boolean {
    return this.#connected;
  }

  async post(path: PostPath, frame: ClientFrame, options: PostOptions = {}): Promise<void> {
    const operation = POSTS.get(path)!;
    const post = (): Promise<void> => this.#http.send<void>(operation, [], { signal: options.signal }, frame);
    await post().catch((error: unknown) => {
      // A kept connection that the gateway had closed: sent again where that does no harm.
      if (!operation.idempotent || !isStale(error)) throw error;
      return post();
    });
  }

  /** Opens the stream again and again. Never rejects. */
  async #run(firstIsOver: () => void): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 1; ; failures++) {
      let reason: string;
      try {
        const stream = await this.#open();
        failures = 1;
        reason = await this.#serve(stream, firstIsOver);
      } catch (error) {
        if (signal.aborted) return;
        reason = errorReason(error);
        // A gateway that stays away is reported once.
        this.#logger[failures === 1 ? "warn" : "debug"]("the stream could not be opened", { reason });
        if (error instanceof AuthError && !error.retryable && error.status === undefined)
          return this.#giveUp(error);
      }
      firstIsOver();
      if (signal.aborted) return;
      if (!this.#mayReturn) return this.#giveUp(notReconnectable(reason));
      const { random = Math.random } = this.#options;
      const delayMs = backoffMs(failures, this.#policy, random);
      this.#callbacks.onReconnecting?.({ attempt: failures, delayMs, reason });
      await sleep(delayMs, { clock: this.#clock, signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }

  #giveUp(error: Error): void {
    this.#logger.error("the stream is not opened again", { error });
    this.#callbacks.onError?.(error);
  }

  #open(): Promise<EventStream> {
    const { neuronId, idleTimeoutMs = 300_000, maxEventBytes } = this.#options;
    return openEventStream(this.#http, {
      operation: OPEN,
      neuronId,
      signal: this.#stop.signal,
      clock: this.#clock,
      idleTimeoutMs,
      maxEventBytes,
      lastEventId: this.#lastEventId,
    });
  }

  async #serve(stream: EventStream, opened: () => void): Promise<string> {
    this.#connected = true;
    this.#logger.info("connected to the gateway");
    this.#callbacks.onOpen?.();
    opened();
    const reason = await stream.read(({ data, id }) => {
      if (id !== undefined) this.#lastEventId = id;
      this.#onData(data);
    });
    this.#connected = false;
    if (!this.#stop.signal.aborted) this.#logger.warn("the connection to the gateway was lost", { reason });
    this.#callbacks.onClose?.(reason);
    return reason;
  }

  #onData(data: string): void {
    let frame: unknown;
    try {
      frame = JSON.parse(data);
    } catch {
      frame = undefined;
    }
    if (!isObject(frame)) return this.#logger.warn("an event that is no JSON object is dropped");
    if (frame.type === "disconnect" && frame.reconnectable === false && !this.#options.alwaysReconnect)
      this.#mayReturn = false;
    try {
      this.#callbacks.onFrame?.(frame as unknown as ServerToNeuronFrame);
    } catch (error) {
      // Not the stream's fault, so it goes on.
      this.#logger.error("a frame could not be dealt with", { error });
    }
  }
}

function isStale(error: unknown): boolean {
  const { code } = (error instanceof ConnectionError ? (error.cause ?? {}) : {}) as {
    readonly code?: unknown;
  };
  return code === "ECONNRESET" || code === "EPIPE" || code === "UND_ERR_SOCKET";
}

function errorReason(error: unknown): string {
  return error instanceof ConnectionError ? `fetch error: ${errorText(error)}` : errorText(error);
}

function notReconnectable(reason: string): ConnectionError {
  const message = `the gateway ended the session and said not to come back (${reason})`;
  return new ConnectionError(message, { code: "NOT_RECONNECTABLE", retryable: false });
}
