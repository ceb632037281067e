/** Form posts and JSON answers, as OAuth 2.0 has them. No redirect is followed. */
import { withDeadline } from "../../core/abort.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { AbortError, AgentwireError, ConnectionError } from "../../core/errors.js";
import { warnIfInsecure } from "../../core/insecure.js";
import { isObject } from "../../core/json.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { OAuthTokenError } from "./errors.js";

/** What every call to the identity server can be given. */
export interface OAuthOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** Limit of one request, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** No warning when a credential goes over http:// to another machine. Default: false. */
  readonly allowInsecure?: boolean | undefined;
}

/** An answer with its body read; `json` is undefined for what is no JSON object. */
export interface OAuthAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** A token as it was given. */
export interface TokenResponse {
  readonly accessToken: string;
  /** Life in seconds. */
  readonly expiresIn: number;
  /** The answer with all its members. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * Makes one request. Rejects with a `ConnectionError` when no answer comes, a `TimeoutError`, or an
 * `AbortError`.
 */
export function exchange(
  url: string,
  form: Readonly<Record<string, string>> | undefined,
  options: OAuthOptions,
): Promise<OAuthAnswer> {
  const { fetch: send = fetch, timeoutMs = 30_000, signal, clock = systemClock } = options;
  if (form !== undefined) warnIfInsecure(url, { ...options, logger: safeLogger(options.logger) });
  const { pathname } = new URL(url);
  return withDeadline({ timeoutMs, signal, clock, what: `the call of ${pathname}` }, async (signal) => {
    try {
      const response = await send(url, {
        redirect: "manual",
        signal,
        headers: { Accept: "application/json" },
        ...(form !== undefined && {
          method: "POST",
          headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams(form).toString(),
        }),
      });
      return { status: response.status, json: objectOf(await response.text()) };
    } catch (cause) {
      if (signal.aborted || cause instanceof AgentwireError) throw cause;
      throw new ConnectionError(`the identity server did not answer (${pathname})`, { cause });
    }
  });
}

/** Asks for a token. Rejects as {@link exchange} does, and with an {@link OAuthTokenError}. */
export async function requestToken(
  endpoint: string,
  form: Readonly<Record<string, string>>,
  options: OAuthOptions,
): Promise<TokenResponse> {
  const { status, json } = await exchange(endpoint, form, options);
  if (status < 200 || status > 299) {
    const error = typeof json?.error === "string" && json.error !== "" ? json.error : `http_${status}`;
    const description = typeof json?.error_description === "string" ? json.error_description : undefined;
    throw new OAuthTokenError(error, status, description);
  }
  const { access_token: accessToken, expires_in: expiresIn } = json ?? {};
  if (typeof accessToken !== "string" || typeof expiresIn !== "number") {
    throw new OAuthTokenError("invalid_response", status, "access_token or expires_in is missing");
  }
  return { accessToken, expiresIn, raw: json! };
}

/** True for what may be over at the next try: no answer, a time limit, a server that failed. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AbortError) return false;
  if (error instanceof OAuthTokenError) return error.status === 409 || error.status >= 500;
  return error instanceof AgentwireError && error.retryable;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
