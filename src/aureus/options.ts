/** What both Aureus clients can be given. */
import { optionOrEnv } from "../core/env.js";
import { type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import type { ClientOptions, HttpClientOptions } from "../http/index.js";
import { aureusError } from "./errors.js";

/** Options of {@link AureusClient} and {@link AureusConsoleClient}. */
export interface AureusOptions extends ClientOptions {
  /** Absolute URL; a path prefix stays. Default: AUREUS_URL, else `http://localhost:3000` as in the Python SDK. */
  readonly baseUrl?: string | undefined;
}

/** The waits of the Aureus engine's own task retries. */
const aureusRetry: RetryPolicy = retryPolicy({ minDelayMs: 1_000, factor: 2, jitter: 0.5 });

/** The options of a pipeline that speaks to an Aureus server of one dialect. */
export function aureusHttp(options: AureusOptions, dialect: "V1" | "console"): HttpClientOptions {
  const server = dialect === "V1" ? "the Aureus server" : "the Aureus console";
  return {
    ...options,
    baseUrl: optionOrEnv(options.baseUrl, "AUREUS_URL") ?? "http://localhost:3000",
    server,
    defaultRetry: aureusRetry,
    toError: (answer, { id }) =>
      answer.status < 400 ? undefined : aureusError(answer, { server, dialect, operation: id }),
  };
}
