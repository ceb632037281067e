/** The pipeline under every generated client. */
import { openTransport } from "#transport";
import { type Clock, systemClock } from "../core/clock.js";
import { Cut } from "../core/cut.js";
import {
  AbortError,
  AgentwireError,
  ClosedError,
  ConnectionError,
  copyWith,
  errorText,
  TimeoutError,
  ValidationError,
} from "../core/errors.js";
import { warnIfInsecure } from "../core/insecure.js";
import { hasMembersOnly } from "../core/json.js";
import { fromWire, toWire } from "../core/keys.js";
import { safeLogger } from "../core/logger.js";
import { atLeastOne, checkOption, checkOptions, milliseconds, type OptionRule } from "../core/options.js";
import { type RetryPolicy, type RetryRule, retryPolicy } from "../core/retry-policy.js";
import { isSecretName } from "../core/secret-names.js";
import type { Answer } from "./answer.js";
import { type EncodedBody, encodeBody } from "./body.js";
import { type Call, leaves, type Send } from "./call.js";
import { decodeAnswer } from "./decode.js";
import { isErrorResponse, requestIdOf } from "./error-table.js";
import { lowerCase } from "./headers.js";
import { type LayerContext, limited, pipeline } from "./layers.js";
import type { HttpOperation } from "./operation.js";
import type { HttpClientOptions, SendOptions } from "./options.js";
import { PagePromise } from "./pages.js";
import { type ResponseInfo, ResponsePromise, type Settled } from "./response-promise.js";
import type { Transport } from "./transport.js";
import { fetchTransport } from "./transport-fetch.js";
import { operationUrl, parseBaseUrl } from "./url.js";

/** Defaults of a generated client; the user's options take precedence. */
export type ClientDefaults = Pick<HttpClientOptions, "server" | "keyMap">;

const OPTIONS: { readonly [Name in keyof HttpClientOptions]?: OptionRule } = {
  timeoutMs: milliseconds,
  totalTimeoutMs: milliseconds,
  connections: atLeastOne,
  maxBodyBytes: atLeastOne,
  fetch: "function",
  tls: "object",
  headers: "object",
  middleware: "list",
  clock: "clock",
  random: "function",
  allowInsecure: "boolean",
};
const TIMEOUT_MS = 30_000;
const GRACE_MS = 10_000;
const CLOSED = "the client is closed";

/** Sends the requests of generated clients. Several clients may share one instance. */
export class HttpClient {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly #options: HttpClientOptions;
  readonly #clock: Clock;
  readonly #policy: RetryPolicy;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #transport: Transport;
  readonly #context: LayerContext;
  readonly #send: Send;
  readonly #closing = new Cut([]);
  readonly #inFlight = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  /** @throws ValidationError `INVALID_BASE_URL`, or for an option that is out of its range */
  constructor(options: HttpClientOptions) {
    const { fetch: send, tls, logger, clock = systemClock, middleware = [], server = "the server" } = options;
    checkOptions(options, OPTIONS);
    this.#options = options;
    this.baseUrl = parseBaseUrl(options.baseUrl);
    this.#clock = clock;
    this.#policy = retryPolicy(options.retry ?? options.defaultRetry, options.defaultRetry);
    this.#headers = { accept: "application/json", ...lowerCase(options.headers ?? {}) };
    if (send !== undefined && tls !== undefined)
      throw new ValidationError("pass either fetch or tls, not both: tls does not apply to your fetch");
    const { maxBodyBytes = 16 * 1024 * 1024, connections = 64 } = options;
    const transportOptions = { maxBodyBytes, connections, tls, clock };
    this.#transport =
      send === undefined ? openTransport(transportOptions) : fetchTransport(send, transportOptions);
    const safe = safeLogger(logger);
    this.#context = { ...options, server, clock, logger: safe, middleware };
    this.#send = pipeline(this.#context, (call) => this.#transport.send(call));
    if (options.auth !== undefined || Object.keys(this.#headers).some(isSecretName)) {
      warnIfInsecure(this.baseUrl, { logger: safe, allowInsecure: options.allowInsecure ?? false });
    }
  }

  /** `given` itself if it is a pipeline already (several clients then share it), else a new one. */
  static of(given: HttpClientOptions | HttpClient, defaults: ClientDefaults): HttpClient {
    if (given instanceof HttpClient) return given;
    const { server = defaults.server, keyMap = defaults.keyMap } = given;
    return new HttpClient({ ...given, server, keyMap });
  }

  /**
   * Makes a call and returns its data: JSON (converted to camelCase), text, bytes or nothing, as the operation says.
   * `path` fills the parameters of the operation's path in order.
   *
   * The promise rejects with an AgentwireError: what the response stands for, ConnectionError, TimeoutError,
   * AbortError, ClosedError; ValidationError for input that cannot be sent.
   */
  send<T, E = Record<string, unknown>>(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions = {},
    body?: unknown,
  ): ResponsePromise<T, E> {
    return new ResponsePromise<T, E>(this.#settle<T>(operation, path, options, body));
  }

  /** The same for an operation with paging: `for await` over the result asks for page after page. */
  pages<T, Item, E = Record<string, unknown>>(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions = {},
    body?: unknown,
  ): PagePromise<T, Item, E> {
    const read = (query: object) => this.#settle<T>(operation, path, { ...options, query }, body);
    return new PagePromise<T, Item, E>(operation, options.query ?? {}, read);
  }

  /**
   * Opens an event stream when the iteration begins and returns the data of its events, parsed as JSON where it is
   * JSON. A stream that breaks off throws a ConnectionError; it is not opened again.
   */
  async *events<Event>(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions = {},
    body?: unknown,
  ): AsyncGenerator<Event> {
    // Loaded here, so that clients without streams do not carry the parser.
    const { readEvents } = await import("./events.js");
    const answer = await this.request(operation, path, options, body);
    yield* readEvents<Event>(answer, operation, this.#options.keyMap);
  }

  /**
   * Makes a call and returns the response itself, for runtimes that read it in their own way. The response of an
   * operation with events is handed over when its head has arrived, with its body in `chunks`.
   */
  async request(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions = {},
    body?: unknown,
  ): Promise<Answer> {
    const call = this.#open(operation, path, options, await this.#encode(operation, body));
    try {
      const answer = await this.#track(this.#send(call));
      if (answer.chunks === undefined) call.whole.done();
      else {
        answer.chunks = untilEnd(answer.chunks, call);
        answer.discard = () => call.whole.cut(new AbortError("nobody reads the response"));
      }
      return answer;
    } catch (error) {
      call.whole.done();
      throw this.#withFacts(error, operation, options, call);
    }
  }

  /** Gives `work`, which may share its request with others, the time limits, attempts and errors of a call of `operation`. */
  async attempt<T>(
    operation: HttpOperation,
    options: SendOptions,
    work: (cut: Cut) => Promise<T> | T,
  ): Promise<T> {
    const call = this.#open(operation, [], options, undefined);
    // The shared request may leave, or have left, at any time.
    const run = limited<T>(this.#context, async (one) => {
      leaves(one);
      return work(one.cut);
    });
    try {
      return await this.#track(run(call));
    } catch (error) {
      throw this.#withFacts(error, operation, options, call);
    } finally {
      call.whole.done();
    }
  }

  /**
   * Refuses further calls, waits up to `graceMs` (default: 10,000) for those in flight, then ends them with a
   * ClosedError. A later call with `graceMs: 0` cuts the wait short.
   */
  close({ graceMs = GRACE_MS }: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    this.#closed ??= this.#end(graceMs);
    if (graceMs <= 0) this.#endAll();
    return this.#closed;
  }

  async #end(graceMs: number): Promise<void> {
    const isTimed = graceMs > 0 && graceMs !== Infinity;
    const timer = isTimed ? this.#clock.setTimeout(() => this.#endAll(), graceMs) : undefined;
    await Promise.allSettled(this.#inFlight);
    this.#clock.clearTimeout(timer);
    // Open streams are not waited for.
    this.#endAll();
    await this.#transport.close();
  }

  #endAll(): void {
    this.#closing.cut(new ClosedError(CLOSED));
  }

  async #settle<T>(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions,
    body: unknown,
  ): Promise<Settled<T>> {
    let call: Call | undefined;
    try {
      const encoded = this.#encode(operation, body);
      call = this.#open(operation, path, options, encoded instanceof Promise ? await encoded : encoded);
      const answer = await this.#track(this.#send(call));
      const data = this.#decode<T>(answer, call);
      return { ok: true, data, info: infoOf(answer, call.attempt) };
    } catch (error) {
      return {
        ok: false,
        error: this.#withFacts(error, operation, options, call),
        ...this.#described(error, call),
      };
    } finally {
      call?.whole.done();
    }
  }

  /** What an answer holds. An error about it shows no credential of the call. */
  #decode<T>(answer: Answer, call: Call): T {
    const { keyMap } = this.#options;
    try {
      return decodeAnswer<T>(answer, call.operation, keyMap);
    } catch (error) {
      decodeAnswer(answer.shown?.() ?? answer, call.operation, keyMap);
      throw error;
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
    }
  }

  /** JSON bodies are brought into the form of the protocol, other bodies are sent as they are. */
  #encode(operation: HttpOperation, body: unknown): ReturnType<typeof encodeBody> {
    const { keyMap, finishBody } = this.#options;
    if (body === undefined || (operation.body ?? "json") !== "json") return encodeBody(operation, body);
    const converted = keyMap === undefined ? body : toWire(body, operation.shapes?.request, keyMap);
    if (finishBody === undefined) return encodeBody(operation, converted);
    const finished = finishBody(converted, operation);
    return finished instanceof Promise
      ? finished.then((value) => encodeBody(operation, value))
      : encodeBody(operation, finished);
  }

  #open(
    operation: HttpOperation,
    path: readonly (string | number)[],
    options: SendOptions,
    body: EncodedBody | undefined,
  ): Call {
    if (this.#closed !== undefined)
      throw new ClosedError(CLOSED, { sent: false, correlationId: options.correlationId });
    const { keyMap, correlation, totalTimeoutMs: total } = this.#options;
    const { query, retry, signal } = options;
    if (query !== undefined && !hasMembersOnly(query))
      throw new ValidationError("query must be a plain object of names and values");
    const shape = operation.shapes?.query;
    const wireQuery =
      query === undefined || keyMap === undefined ? query : (toWire(query, shape, keyMap) as object);
    const ms = limitOf(options.totalTimeoutMs ?? total, "totalTimeoutMs");
    const timeoutMs = limitOf(options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS, "timeoutMs");
    const policy = retry === undefined ? this.#policy : retryPolicy(retry, this.#policy);
    const stream = operation.result === "events";
    const url = operationUrl(this.baseUrl, operation.path, path, wireQuery, operation.jsonQuery);
    const headers: Record<string, string> = { ...this.#headers };
    if (stream) headers.accept = "text/event-stream";
    if (body?.contentType !== undefined) headers["content-type"] = body.contentType;
    const correlationId = options.correlationId ?? correlation?.create();
    if (correlation !== undefined)
      Object.assign(headers, lowerCase({ [correlation.header]: correlationId! }));
    if (options.headers !== undefined) Object.assign(headers, lowerCase(options.headers));
    // Last, so that no timer or listener is left behind by input that cannot be sent.
    const whole = new Cut(
      [signal, options.cut, this.#closing],
      ms === Infinity ? undefined : { ms, clock: this.#clock, late: () => totalTimeout(operation, ms, call) },
    );
    const call: Call = {
      operation,
      options,
      correlationId,
      rule: options.rule ?? ruleOf(operation, retry),
      policy,
      timeoutMs,
      whole,
      stream,
      url,
      headers,
      body: body?.content,
      attempt: 1,
      cut: whole,
      left: { count: 0 },
      got: {},
    };
    if (whole.reason !== undefined) throw whole.reason;
    return call;
  }

  /** The error in the protocol's family; it says how many requests were made, and under which id. */
  #withFacts(error: unknown, { id }: HttpOperation, options: SendOptions, call: Call | undefined): unknown {
    if (!(error instanceof AgentwireError)) return error;
    // A cut may end several calls with one reason, and an earlier request may have left where the last did not.
    let { sent } = error;
    const { count } = call?.left ?? { count: 0 };
    if (error.status === undefined && count === 0) sent = false;
    else if (sent === false && count > 0) sent = undefined;
    const ours = this.#options.wrapError?.(error) ?? error;
    const { signal, cut } = call?.options ?? {};
    const isShared = [this.#closing.reason, signal?.reason, cut?.reason].includes(error);
    const isFit = !isShared && sent === ours.sent && Object.isExtensible(ours);
    const own = isFit ? ours : copyWith(ours, { sent });
    for (const [name, value] of [
      ["details", call && { operation: id }],
      ["attempts", call?.attempt],
      ["correlationId", call?.correlationId ?? options.correlationId],
    ] as const) {
      if (value !== undefined && !Object.hasOwn(own, name))
        Object.defineProperty(own, name, { value, enumerable: true });
    }
    return own;
  }

  /** The body the spec describes for an error response, converted; nothing for any other error. */
  #described(
    error: unknown,
    call: Call | undefined,
  ): Pick<Extract<Settled<never>, { ok: false }>, "described"> {
    if (call === undefined || !isErrorResponse(error) || !mayBeDescribed(error)) return {};
    const { operation } = call;
    const key = describedStatus(operation.errors ?? [], error.status);
    if (key === undefined) return {};
    const shape = operation.shapes?.responses?.[key];
    const { keyMap } = this.#options;
    const body = keyMap === undefined ? error.body : fromWire(error.body, shape, keyMap);
    const { status, headers = new Headers(), requestId } = error;
    return { described: { body, info: () => ({ status, headers, requestId, attempts: call.attempt }) } };
  }
}

/** No spec describes a redirect, or the page of a proxy. */
function mayBeDescribed({ status, headers, body }: AgentwireError): boolean {
  if (status === undefined || status < 400) return false;
  return typeof body !== "string" || !/html/i.test(headers?.get("content-type") ?? "");
}

/** The entry of `described` for a status: itself, its class (`4XX`), `default`. */
function describedStatus(described: readonly string[], status: number): string | undefined {
  const keys = [String(status), `${Math.floor(status / 100)}XX`, "default"];
  return keys.find((key) => described.includes(key));
}

/** Who passes `retry` to a call that is not idempotent has decided that it may be repeated; `never` stays never. */
function ruleOf(operation: HttpOperation, retry: SendOptions["retry"]): RetryRule {
  if (retry === undefined || operation.retry === "never") return operation;
  return { idempotent: true };
}

/** Milliseconds of a limit: 0 and `Infinity` mean none. `name`: the option that holds it. */
export function limitOf(ms: number | undefined, name: string): number {
  if (ms === undefined) return Infinity;
  checkOption(name, ms, milliseconds);
  return ms === 0 ? Infinity : ms;
}

function totalTimeout({ id }: HttpOperation, ms: number, { attempt, got: { waitsFor } }: Call): TimeoutError {
  const at = waitsFor === undefined ? "" : `, waiting for ${waitsFor}`;
  const message = `${id} took longer than ${ms} ms in total (totalTimeoutMs), attempt ${attempt} included${at}`;
  return new TimeoutError(message, { attempts: attempt });
}

/** Made when it is asked for: most calls read the data alone. */
function infoOf(answer: Answer, attempts: number): () => ResponseInfo {
  return () => {
    const { status, headers } = answer;
    return { status, headers, requestId: requestIdOf(headers), attempts };
  };
}

/** The chunks of a stream; what ends its call stays in force until its reader is done. */
async function* untilEnd(
  chunks: AsyncIterable<Uint8Array>,
  { whole, operation }: Call,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (thrown) {
    if (whole.reason !== undefined) throw whole.reason;
    if (thrown instanceof AgentwireError) throw thrown;
    throw new ConnectionError(`the stream of ${operation.id} broke off: ${errorText(thrown)}`, {
      cause: thrown,
    });
  } finally {
    whole.done();
  }
}
