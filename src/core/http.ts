/**
 * One HTTP client under all wires that speak HTTP: it makes the calls of a generated operation table, retries
 * what that table allows, and turns failures into the errors of this package.
 *
 * Redirects are never followed: they would carry a credential to another place.
 */
import { asAbortError } from "./abort.js";
import type { Clock } from "./clock.js";
import { AgentwireError, ConnectionError, errorText } from "./errors.js";
import type { HttpAnswer } from "./http-answer.js";
import { errorFromAnswer, readAnswer } from "./http-answer.js";
import type { PathValues, QueryValues } from "./http-url.js";
import { operationUrl, parseBaseUrl } from "./http-url.js";
import { warnIfInsecure } from "./insecure.js";
import { stringifyJson } from "./json.js";
import type { Logger } from "./logger.js";
import type { Middleware, Next } from "./middleware.js";
import { compose } from "./middleware.js";
import type { RetryNotice } from "./retry.js";
import { retry } from "./retry.js";
import type { RetryPolicy, RetryRule } from "./retry-policy.js";
import { mayRetry, retryPolicy } from "./retry-policy.js";

/** What an operation table says of an operation. */
export interface HttpOperation extends RetryRule {
  readonly method: string;
  readonly path: string;
}

/** One try of a call on its way through the middleware. */
export interface HttpCall {
  readonly operationId: string;
  /** Upper case. */
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** Wraps every try of every call. */
export type HttpMiddleware = Middleware<HttpCall, HttpAnswer>;

/** Options that every client over HTTP passes on to its users. */
export interface HttpUserOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** How long one try may take, in milliseconds. Default: 30000. */
  readonly timeoutMs?: number | undefined;
  /** Numbers that differ from the defaults of the client's policy; `false` for a single try. */
  readonly retry?: Partial<RetryPolicy> | false | undefined;
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** The first one given is the outermost; each try passes through all of them. */
  readonly middleware?: readonly HttpMiddleware[] | undefined;
  /** Silences the warning about a credential sent over http:// to another machine. Default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** A larger answer is an error. Default: 16 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** Options of {@link HttpClient}. */
export interface HttpClientOptions<Id extends string> extends HttpUserOptions {
  /** Absolute URL; a path prefix is kept, a trailing slash is not. */
  readonly baseUrl: string;
  readonly operations: Readonly<Record<Id, HttpOperation>>;
  /** Names the server in messages, such as "the gateway". */
  readonly what: string;
  /** Sent with every call, names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The peer's own numbers, in place of the package's. */
  readonly defaultRetry?: RetryPolicy | undefined;
  /** The protocol's own error for an answer outside 200 to 299; undefined leaves it to the shared table. */
  readonly toError?: ((answer: HttpAnswer, operationId: Id) => AgentwireError | undefined) | undefined;
  /** Told before every wait for another try. */
  readonly onRetry?: ((notice: RetryNotice, operationId: Id) => void) | undefined;
}

/** What one call may be given. */
export interface HttpInput {
  readonly path?: PathValues | undefined;
  readonly query?: QueryValues | undefined;
  /** Sent as JSON. Undefined sends no body. */
  readonly body?: unknown;
  /** Names in lower case; they win over those of the client. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. Default: the client's. */
  readonly timeoutMs?: number | undefined;
  /** Default: the client's. */
  readonly retry?: Partial<RetryPolicy> | false | undefined;
  /** What the table cannot know, such as a tool's action. Default: the operation's own entry. */
  readonly rule?: RetryRule | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Makes the calls of one operation table. */
export class HttpClient<Id extends string> {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly #options: HttpClientOptions<Id>;
  readonly #policy: RetryPolicy;
  readonly #send: Next<HttpCall, HttpAnswer>;

  /** @throws ValidationError `INVALID_BASE_URL`, or for a number in `retry` that makes no sense. */
  constructor(options: HttpClientOptions<Id>) {
    this.#options = options;
    this.baseUrl = parseBaseUrl(options.baseUrl);
    this.#policy = retryPolicy(options.retry ?? options.defaultRetry, options.defaultRetry);
    this.#send = compose(options.middleware ?? [], (call) => this.#fetch(call));
  }

  /**
   * Makes a call. "ok" means that the server answered with a status from 200 to 299, whose body was read.
   *
   * @throws AgentwireError: what the answer stands for ({@link errorFromAnswer}, or the protocol's own),
   * ConnectionError, TimeoutError, AbortError; ValidationError for input that cannot be sent.
   */
  async call(operationId: Id, input: HttpInput = {}): Promise<HttpAnswer> {
    const { operations, clock, random, logger, onRetry } = this.#options;
    const operation = operations[operationId];
    const url = operationUrl(this.baseUrl, operation.path, input.path, input.query);
    const body =
      input.body === undefined ? undefined : stringifyJson(input.body, { what: "the request body" });
    const headers = {
      accept: "application/json",
      ...(body === undefined ? undefined : { "content-type": "application/json" }),
      ...this.#options.headers,
      ...input.headers,
    };
    this.#warnIfInsecure(headers);
    const timeoutMs = input.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const policy = input.retry === undefined ? this.#policy : retryPolicy(input.retry, this.#policy);
    const rule = input.rule ?? operation;
    const method = operation.method.toUpperCase();
    return retry(
      ({ attempt, signal }) => this.#try({ operationId, method, url, headers, body, attempt, signal }),
      {
        policy,
        timeoutMs,
        signal: input.signal,
        shouldRetry: (error) => mayRetry(rule, error),
        onRetry: onRetry && ((notice) => onRetry(notice, operationId)),
        clock,
        random,
        logger,
      },
    );
  }

  async #try(call: HttpCall & { readonly operationId: Id }): Promise<HttpAnswer> {
    const answer = await this.#send(call);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const { what, clock, toError } = this.#options;
    throw toError?.(answer, call.operationId) ?? errorFromAnswer(answer, what, clock);
  }

  async #fetch({ method, url, headers, body, signal }: HttpCall): Promise<HttpAnswer> {
    const send = this.#options.fetch ?? fetch;
    const init: RequestInit = { method, headers: { ...headers }, redirect: "manual", signal };
    if (body !== undefined) init.body = body;
    try {
      return await readAnswer(await send(url, init), this.#options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES);
    } catch (thrown) {
      const error = asAbortError(thrown, signal);
      if (error instanceof AgentwireError) throw error;
      const reason = errorText((thrown as { cause?: unknown }).cause ?? thrown);
      throw new ConnectionError(`${this.#options.what} could not be reached: ${reason}`, {
        cause: thrown,
      });
    }
  }

  #warnIfInsecure(headers: Readonly<Record<string, string>>): void {
    if (headers.authorization === undefined && headers["x-api-key"] === undefined) return;
    const { logger, allowInsecure = false } = this.#options;
    warnIfInsecure(this.baseUrl, { logger, allowInsecure });
  }
}
