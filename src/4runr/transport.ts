/** Calls of the gateway's operations, with its own rules of what may be tried again and its own errors. */
import type { OperationId } from "../../gen/4runr/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { AgentwireError } from "../core/errors.js";
import { warnIfInsecure } from "../core/insecure.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { type RetryNotice, retry } from "../core/retry.js";
import {
  mayRetry,
  type RetryOptions,
  type RetryPolicy,
  type RetryRule,
  retryPolicy,
} from "../core/retry-policy.js";
import type { HttpAnswer } from "../http/answer.js";
import { HttpClient, type HttpOperation, type SendOptions } from "../http/index.js";
import { asGatewayError, errorFromGateway } from "./error-table.js";
import { GatewayCircuitOpenError, GatewayRateLimitError } from "./errors.js";

/** Options that both clients of the gateway have. */
export interface TransportOptions {
  /** `http://`, `https://`, or `mock://` with any host for a gateway in this process. Default: GATEWAY_URL. */
  readonly baseUrl?: string | undefined;
  /** How long one try may take, in milliseconds. Default: 6000, which some tools exceed. */
  readonly timeoutMs?: number | undefined;
  /** Numbers that differ from the gateway's: 4 tries, waits of 1, 2, 4 s ± 12.5 %. `false` for a single try. */
  readonly retry?: RetryOptions | false | undefined;
  /** Waits, up to a minute, where the gateway says that it takes no call for a while. Default: false. */
  readonly waitForLimits?: boolean | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Silences the warning about tokens sent over http:// to another machine. Default: false. */
  readonly allowInsecure?: boolean | undefined;
}

/** What one call is given besides what every HTTP call may be. */
export interface TransportInput extends SendOptions {
  /** By the names in the path. */
  readonly path?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly clientCorrelationId?: string | undefined;
  /** Must not stand in an error. */
  readonly secrets?: readonly string[] | undefined;
  /** Runs before every try, outside of its time. */
  readonly beforeTry?: ((signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** Sees the answer of every try, whatever its status. */
  readonly onAnswer?: ((answer: HttpAnswer) => void) | undefined;
}

/** 1 s · 2^n, at most 10 s, ± 12.5 %: the vendor's waits, written as a share taken off the longest. */
export const gatewayRetryPolicy: RetryPolicy = retryPolicy({
  attempts: 4,
  minDelayMs: 1_125,
  factor: 2,
  maxDelayMs: 11_250,
  jitter: 2 / 9,
  maxRetryAfterMs: 60_000,
});

/** An answer outside 200 to 299 on its way to become an error of the gateway. */
class Refusal extends AgentwireError {
  readonly answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super("refused");
    this.answer = answer;
  }
}

/** The gateway of `mock://`, loaded when the first call needs it: most programs never do. */
function mockGateway(): typeof fetch {
  let gateway: Promise<typeof fetch> | undefined;
  return async (input, init) => {
    gateway ??= import("./mock.js").then(({ mockFetch }) => mockFetch());
    return (await gateway)(input, init);
  };
}

/** Makes the calls of some of the operations; see {@link Transport.call}. */
export class Transport<Id extends OperationId> {
  readonly baseUrl: string;
  readonly #http: HttpClient;
  readonly #operations: Readonly<Record<Id, HttpOperation>>;
  readonly #policy: RetryPolicy;
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #onRetry: (notice: RetryNotice, operation: Id, correlationId: string | undefined) => void;

  constructor(
    operations: Readonly<Record<Id, HttpOperation>>,
    options: TransportOptions & { readonly baseUrl: string },
    onRetry: (notice: RetryNotice, operation: Id, correlationId: string | undefined) => void = () => {},
  ) {
    const isMock = options.baseUrl.startsWith("mock://");
    const { timeoutMs = 6_000, logger, clock, headers } = options;
    this.#operations = operations;
    this.#options = options;
    this.#clock = clock ?? systemClock;
    this.#onRetry = onRetry;
    this.#policy = retryPolicy(options.retry ?? gatewayRetryPolicy, gatewayRetryPolicy);
    this.#http = new HttpClient({
      baseUrl: isMock ? "http://mock.invalid" : options.baseUrl,
      server: "the gateway",
      timeoutMs,
      clock,
      headers,
      logger: options.logger,
      allowInsecure: true, // the warning below knows the URL that the user gave
      fetch: isMock ? mockGateway() : options.fetch,
      toError: (answer) => (answer.status >= 400 ? new Refusal(answer) : undefined),
    });
    this.baseUrl = isMock ? options.baseUrl : this.#http.baseUrl;
    if (!isMock && logger !== undefined) {
      warnIfInsecure(this.baseUrl, {
        logger: safeLogger(logger),
        allowInsecure: options.allowInsecure ?? false,
      });
    }
  }

  /**
   * Makes a call; "ok" means a status from 200 to 299. Tries again as the operation's rule allows; a refusal for
   * rate and an open breaker only with `waitForLimits`, because nothing was carried out but a wait is needed.
   *
   * @throws GatewayError, AbortError; ValidationError for input that cannot be sent
   */
  async call(operationId: Id, input: TransportInput = {}): Promise<HttpAnswer> {
    try {
      return await this.#try(operationId, input, input.signal);
    } catch (error) {
      const rule: RetryRule = input.rule ?? this.#operations[operationId];
      if (this.#policy.attempts === 1 || !this.#mayRetry(rule, error)) throw error;
      return this.#again(operationId, input, rule, error);
    }
  }

  /** Goes on after a first try that failed. Most calls never come here, and are spared the engine's cost. */
  #again(operationId: Id, input: TransportInput, rule: RetryRule, firstError: unknown): Promise<HttpAnswer> {
    const { clock, random, logger } = this.#options;
    return retry(
      ({ attempt, signal }) =>
        attempt === 1 ? Promise.reject(firstError) : this.#try(operationId, input, signal),
      {
        policy: this.#policy,
        signal: input.signal,
        shouldRetry: (error) => this.#mayRetry(rule, error),
        onRetry: (notice) => this.#onRetry(notice, operationId, input.clientCorrelationId),
        clock,
        random,
        logger,
      },
    );
  }

  #mayRetry(rule: RetryRule, error: unknown): boolean {
    if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError) {
      return rule.retry !== "never" && this.#options.waitForLimits === true;
    }
    return mayRetry(rule, error);
  }

  async #try(operationId: Id, input: TransportInput, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    await input.beforeTry?.(signal);
    try {
      const entry = this.#operations[operationId];
      const operation: HttpOperation = {
        ...entry,
        id: operationId,
        method: entry.method.toUpperCase() as "GET",
      };
      const path = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => input.path?.[name!] ?? "");
      const options = { ...input, signal, retry: false } as const;
      const answer = await this.#http.request(operation, path, options, input.body);
      input.onAnswer?.(answer);
      return answer;
    } catch (thrown) {
      const facts = {
        aboutJob: operationId === "getJob",
        clientCorrelationId: input.clientCorrelationId,
        secrets: input.secrets,
        clock: this.#clock,
      };
      if (!(thrown instanceof Refusal)) throw asGatewayError(thrown, facts);
      input.onAnswer?.(thrown.answer);
      throw errorFromGateway(thrown.answer, facts);
    }
  }
}
