/** The transport of the protocol: one event stream in, one POST per frame out. */
import { type ClientFrame, NeuronClient, openEventsOp } from "../../gen/neuron/index.js";
import { type Clock, sleep, systemClock } from "../core/clock.js";
import { Cut } from "../core/cut.js";
import {
  AgentwireError,
  AuthError,
  ClosedError,
  ConnectionError,
  errorText,
  ProtocolError,
  TimeoutError,
  ValidationError,
} from "../core/errors.js";
import { isObject } from "../core/json.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { atLeastOne, checkOptions, milliseconds, type OptionRule } from "../core/options.js";
import { backoffMs, type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import { eventChunks } from "../http/events.js";
import { type ClientOptions, HttpClient } from "../http/index.js";
import { lastEventIdHeader, SseDecoder } from "../http/sse.js";
import { type AuthCallback, AuthCallbackError, callbackAuth } from "./callback-auth.js";
import { refusalError } from "./errors.js";
import { type Chunks, readStream } from "./event-stream.js";
import { leaseIdInStart, type PostPath } from "./frames.js";
import type { PostOptions, Transport, TransportCallbacks } from "./transport.js";

/** Options of {@link HttpTransport}. */
export interface HttpTransportOptions
  extends Pick<ClientOptions, "logger" | "fetch" | "tls" | "allowInsecure" | "clock" | "random"> {
  /** Base URL of the gateway; a path prefix is kept. */
  readonly gatewayUrl: string;
  readonly neuronId: string;
  /** Returns the bearer token for every request. */
  readonly auth: AuthCallback;
  /** Wait before the first reconnect, in milliseconds; it doubles with each further one. Default: 500. */
  readonly initialReconnectDelayMs?: number | undefined;
  /** The longest wait. Default: 30,000. */
  readonly maxReconnectDelayMs?: number | undefined;
  /** Up to this share of a wait is taken off at random, 0 to 1. Default: 0, as the peers. */
  readonly reconnectJitter?: number | undefined;
  /** Reconnects even if the gateway says not to. Default: false. */
  readonly alwaysReconnect?: boolean | undefined;
  /** A stream without any bytes for this long, not even comments, is opened again. Default: 300,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a POST, or the head of the stream, may take. Default: 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * The largest event of the stream, in bytes. A larger lease is refused (`nack`, terminal) if its id is among the
   * first 64 KiB; any other event ends the stream, which is opened again with backoff. Default: 8 MiB.
   */
  readonly maxEventBytes?: number | undefined;
  /**
   * Connections for answers at most, and as many for progress, on Node; the stream and the heartbeats have one each.
   * Default: 64.
   */
  readonly maxSockets?: number | undefined;
}

const OPTIONS: { readonly [Name in keyof HttpTransportOptions]?: OptionRule } = {
  neuronId: "string",
  initialReconnectDelayMs: milliseconds,
  maxReconnectDelayMs: milliseconds,
  reconnectJitter: { min: 0, max: 1 },
  alwaysReconnect: "boolean",
  idleTimeoutMs: { above: 0 },
  requestTimeoutMs: milliseconds,
  maxEventBytes: atLeastOne,
  maxSockets: atLeastOne,
};

/** A stream that stood so long, or brought an event, ends a series of failures. */
const STOOD_MS = 5_000;

/** A `retry` field of the stream counts as at least this: 0 would leave no backoff. */
const MIN_RETRY_MS = 100;

/** How a stream ended, or why it could not be opened. */
interface StreamEnd {
  readonly reason: string;
  readonly error?: unknown;
  readonly hasStood: boolean;
}

/**
 * Speaks HTTP with a gateway: keeps the event stream open, with backoff and without an end, and posts frames.
 * Redirects are refused. After {@link HttpTransport.stop} it cannot be started again.
 */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #http: HttpClient;
  readonly #answers: NeuronClient;
  readonly #heartbeats: NeuronClient;
  readonly #reports: NeuronClient;
  readonly #stop = new AbortController();
  #policy: RetryPolicy;
  #callbacks: TransportCallbacks = {};
  #running: Promise<void> | undefined;
  #first: Promise<void> | undefined;
  #connected = false;
  #mayReturn = true;
  #failures = 0;
  #isReported = false;
  #lastEventId = "";

  /** @throws ValidationError for a gatewayUrl that is not an http(s) URL, or numbers that make no sense. */
  constructor(options: HttpTransportOptions) {
    checkOptions(options, OPTIONS);
    this.#options = options;
    if (typeof options.auth !== "function")
      throw new ValidationError("auth must be a function that returns the token, such as () => token");
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#policy = retryPolicy({
      attempts: Infinity,
      minDelayMs: options.initialReconnectDelayMs ?? 500,
      maxDelayMs: options.maxReconnectDelayMs ?? 30_000,
      jitter: options.reconnectJitter ?? 0,
    });
    // Each with connections of its own: heartbeats never wait for answers, and answers never for progress.
    this.#http = this.#client(options.maxSockets);
    this.#answers = new NeuronClient(this.#http);
    this.#heartbeats = new NeuronClient(this.#client(1));
    this.#reports = new NeuronClient(this.#client(options.maxSockets));
  }

  #client(connections: number | undefined): HttpClient {
    const { gatewayUrl, auth, requestTimeoutMs, fetch, tls, clock, logger, allowInsecure } = this.#options;
    return new HttpClient({
      baseUrl: gatewayUrl,
      server: "the gateway",
      auth: callbackAuth(auth),
      headers: { accept: "*/*" },
      timeoutMs: requestTimeoutMs,
      connections,
      // Answers, registrations and the stream are repeated by those who know how long they stay true.
      retry: false,
      toError: (answer, operation) =>
        refusalError(operation === openEventsOp ? "SSE open" : operation.path, answer),
      fetch,
      tls,
      clock,
      logger,
      allowInsecure,
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
    const clients = [this.#http, this.#heartbeats, this.#reports];
    await Promise.all(clients.map((client) => client.close({ graceMs: 0 })));
  }

  isConnected(): boolean {
    return this.#connected;
  }

  async post(_path: PostPath, frame: ClientFrame, options: PostOptions = {}): Promise<void> {
    switch (frame.type) {
      case "register":
        return this.#answers.register(frame, options);
      case "update-capability":
        return this.#answers.updateCapability(frame, options);
      case "heartbeat":
        return this.#heartbeats.heartbeat(frame, options);
      case "ack":
        return this.#answers.ack(frame, options);
      case "nack":
        return this.#answers.nack(frame, options);
      case "progress":
        return this.#reports.progress(frame, options);
    }
  }

  /** Opens the stream again and again. Never rejects. */
  async #run(firstIsOver: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { reason, error, hasStood } = await this.#stream(firstIsOver);
      firstIsOver();
      if (signal.aborted) return;
      if (error instanceof AuthError && !error.retryable && error.status === undefined)
        return this.#giveUp(error);
      if (!this.#mayReturn) return this.#giveUp(notReconnectable(reason));
      this.#failures = hasStood ? 1 : this.#failures + 1;
      const askedMs = (error instanceof AgentwireError && error.retryAfterMs) || 0;
      const delayMs = Math.max(askedMs, backoffMs(this.#failures, this.#policy, this.#options.random));
      this.#callbacks.onReconnecting?.({ attempt: this.#failures, delayMs, reason });
      await sleep(delayMs, { clock: this.#clock, signal }).catch(() => {});
    }
  }

  #giveUp(error: Error): void {
    this.#logger.error("stopped reconnecting to the gateway", { error });
    this.#callbacks.onError?.(error);
    this.#callbacks.onEnd?.(error);
  }

  /** One stream from its opening to its end. Never rejects. */
  async #stream(opened: () => void): Promise<StreamEnd> {
    const cut = new Cut([this.#stop.signal]);
    try {
      const chunks = await this.#open(cut);
      this.#connected = true;
      this.#isReported = false;
      this.#logger.info("connected to the gateway");
      this.#callbacks.onOpen?.();
      opened();
      const end = await this.#read(chunks, cut);
      this.#connected = false;
      const { reason } = end;
      if (!this.#stop.signal.aborted) this.#logger.warn("the connection to the gateway was lost", { reason });
      this.#callbacks.onClose?.(reason);
      return end;
    } catch (error) {
      const reason = errorReason(error);
      if (!this.#stop.signal.aborted) this.#report(error, reason);
      return { reason, error, hasStood: false };
    } finally {
      // Ends the connection as well where the bytes were what was wrong.
      cut.cut(new ClosedError("the stream has ended"));
    }
  }

  /** A gateway that stays away is reported once. */
  #report(error: unknown, reason: string): void {
    this.#logger[this.#isReported ? "debug" : "warn"]("the stream could not be opened", { reason });
    if (!this.#isReported && error instanceof AuthCallbackError && error.retryable)
      this.#callbacks.onError?.(error);
    this.#isReported = true;
  }

  async #open(cut: Cut): Promise<Chunks> {
    const lastEventId = lastEventIdHeader(this.#lastEventId);
    const answer = await this.#http.request(openEventsOp, [], {
      headers: {
        "accept-encoding": "identity",
        "cache-control": "no-store",
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      },
      query: { neuronId: this.#options.neuronId },
      cut,
    });
    // The peers take a stream without a content type.
    if (answer.chunks !== undefined && !answer.headers.has("content-type")) return answer.chunks;
    return eventChunks(answer, openEventsOp.id);
  }

  async #read(chunks: Chunks, cut: Cut): Promise<StreamEnd> {
    const { idleTimeoutMs = 300_000, maxEventBytes } = this.#options;
    const clock = this.#clock;
    const openedMs = clock.monotonic();
    let events = 0;
    const decoder = new SseDecoder({
      onEvent: ({ data }) => {
        events++;
        this.#onData(data);
      },
      onTooLarge: (start) => this.#onTooLarge(start),
      maxEventBytes,
      lastEventId: this.#lastEventId,
    });
    const error = await readStream(chunks, decoder, cut, clock, idleTimeoutMs).catch(
      (thrown: unknown) => thrown,
    );
    this.#lastEventId = decoder.lastEventId;
    if (decoder.retryMs !== undefined) {
      const minDelayMs = Math.min(Math.max(decoder.retryMs, MIN_RETRY_MS), this.#policy.maxDelayMs);
      this.#policy = retryPolicy({ minDelayMs }, this.#policy);
    }
    const hasStood = events > 0 || clock.monotonic() - openedMs >= STOOD_MS;
    if (error === undefined || this.#stop.signal.aborted) return { reason: "clean close", hasStood };
    if (error instanceof TimeoutError) return { reason: error.message, hasStood };
    const reason = `read error: ${errorText(error)}`;
    if (!(error instanceof AgentwireError && error.code === "EVENT_TOO_LARGE")) return { reason, hasStood };
    this.#logger.error("ended the stream because an event exceeds maxEventBytes", { reason });
    this.#callbacks.onError?.(error);
    return { reason, hasStood: false };
  }

  /** Refuses a lease that is too large. False if its id is not among the first characters. */
  #onTooLarge(start: string): boolean {
    const leaseId = leaseIdInStart(start);
    if (leaseId === undefined) return false;
    const problem = "the lease is larger than maxEventBytes, the largest event this neuron takes";
    this.#logger.error("refused a lease that exceeds maxEventBytes", { leaseId });
    this.#callbacks.onUnreadableLease?.(leaseId, problem);
    this.#callbacks.onError?.(new ProtocolError(`lease ${leaseId}: ${problem}`, { code: "EVENT_TOO_LARGE" }));
    return true;
  }

  #onData(data: string): void {
    let frame: unknown;
    try {
      frame = JSON.parse(data);
    } catch {
      frame = undefined;
    }
    if (!isObject(frame)) return this.#logger.warn("an event that is not a JSON object is dropped");
    if (frame.type === "disconnect" && frame.reconnectable === false && !this.#options.alwaysReconnect)
      this.#mayReturn = false;
    try {
      this.#callbacks.onFrame?.(frame);
    } catch (error) {
      // Not the stream's fault, so it goes on.
      this.#logger.error("the handling of a frame failed", { error });
    }
  }
}

function errorReason(error: unknown): string {
  return error instanceof ConnectionError ? `fetch error: ${errorText(error)}` : errorText(error);
}

function notReconnectable(reason: string): ConnectionError {
  const message = `the gateway ended the session and said not to come back (${reason})`;
  return new ConnectionError(message, { code: "NOT_RECONNECTABLE", retryable: false });
}
