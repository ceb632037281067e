/** The HTTP client under both clients of the gateway: its limits, what it repeats, its errors. */
import { keyMap } from "../../gen/4runr/keys.js";
import { systemClock } from "../core/clock.js";
import { optionOrEnv } from "../core/env.js";
import { warnIfInsecure } from "../core/insecure.js";
import { safeLogger, warnOnce } from "../core/logger.js";
import { checkOptions } from "../core/options.js";
import { mayRetry, type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import { type ClientOptions, HttpClient, type HttpClientOptions } from "../http/index.js";
import { asGatewayError, checked, errorFromGateway } from "./error-table.js";
import { GatewayCircuitOpenError, GatewayRateLimitError, GatewayValidationError } from "./errors.js";
import { generateCorrelationId } from "./ids.js";
import type { ToolTable } from "./tool-table.js";

/** Options that both clients of the gateway have. Defaults that differ: `timeoutMs` 6,000; `retry` 4 attempts. */
export interface GatewayOptions extends Omit<ClientOptions, "middleware"> {
  /** `http://`, `https://`, or `mock://` with any host for a gateway in this process. Default: GATEWAY_URL. */
  readonly baseUrl?: string | undefined;
  /** Waits, for up to a minute, when the gateway refuses calls for a while, and retries. Default: false. */
  readonly waitForLimits?: boolean | undefined;
}

/** 1 s · 2^n, at most 10 s, ± 12.5 %: the vendor's delays, written as a share taken off the longest. */
const gatewayRetryPolicy: RetryPolicy = retryPolicy({
  attempts: 4,
  minDelayMs: 1_125,
  factor: 2,
  maxDelayMs: 11_250,
  jitter: 2 / 9,
  maxRetryAfterMs: 60_000,
});

const TIMEOUT_MS = 6_000;

/** The gateway of `mock://`, loaded when the first call needs it: most programs never do. */
function mockGateway(tools: ToolTable | undefined): typeof fetch {
  let gateway: Promise<typeof fetch> | undefined;
  return async (input, init) => {
    gateway ??= import("./mock.js").then(({ mockFetch }) => mockFetch(tools));
    return (await gateway)(input, init);
  };
}

/**
 * A pipeline to the gateway.
 *
 * @throws GatewayValidationError without a base URL, `INVALID_BASE_URL` for a bad one, or for another bad option
 */
export function gatewayHttp(
  options: GatewayOptions & Pick<ClientOptions, "middleware"> & { readonly tools?: ToolTable | undefined },
  onRetry?: HttpClientOptions["onRetry"],
): HttpClient {
  checked(() => checkOptions(options, { baseUrl: "string" }));
  const { waitForLimits = false, baseUrl: given, timeoutMs = TIMEOUT_MS, tools, ...rest } = options;
  const { clock = systemClock, logger, allowInsecure = false } = rest;
  const baseUrl = optionOrEnv(given, "GATEWAY_URL");
  if (baseUrl === undefined)
    throw new GatewayValidationError("baseUrl is missing, and GATEWAY_URL is not set");
  const isMock = baseUrl.startsWith("mock://");
  const all: HttpClientOptions = {
    ...rest,
    timeoutMs,
    baseUrl: isMock ? "http://mock.invalid" : baseUrl,
    ...(isMock && { fetch: mockGateway(tools), tls: undefined }),
    server: "the gateway",
    keyMap,
    defaultRetry: gatewayRetryPolicy,
    correlation: { header: "x-correlation-id", create: () => generateCorrelationId(clock.now()) },
    toError: (answer, { id }) => errorFromGateway(answer, { aboutJob: id === "getJob", clock }),
    wrapError: asGatewayError,
    mayRetry: (rule, error) =>
      error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError
        ? waitForLimits && rule.retry !== "never"
        : mayRetry(rule, error),
    onRetry,
  };
  const http = checked(() => new HttpClient(all));
  const safe = safeLogger(logger);
  if (isMock) warnOnce(safe, "mock", "mock:// is in use: tool calls stay in this process and have no effect");
  // Tokens travel in bodies, which the pipeline does not look at.
  else warnIfInsecure(http.baseUrl, { logger: safe, allowInsecure });
  return http;
}
