/** Which error a response outside 200 to 299 stands for. */
import type { Clock } from "../core/clock.js";
import {
  AgentwireError,
  type AgentwireErrorOptions,
  AuthError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "../core/errors.js";
import { retryAfterFromBody, retryAfterFromHeaders } from "../core/retry-after.js";
import { describeAnswer, type HttpAnswer } from "./answer.js";

type ErrorType = new (message: string, options?: AgentwireErrorOptions) => AgentwireError;

const TYPES: Readonly<Record<number, ErrorType>> = {
  400: ValidationError,
  401: AuthError,
  403: PolicyDeniedError,
  404: NotFoundError,
  407: AuthError,
  408: TimeoutError,
  409: ConflictError,
  410: NotFoundError,
  412: ConflictError,
  413: ValidationError,
  415: ValidationError,
  422: ValidationError,
  425: RateLimitError,
  429: RateLimitError,
  504: TimeoutError,
};

const UNREAD = new Set(["TOO_LARGE", "UNEXPECTED_RESPONSE"]);

/**
 * The error that an answer outside 200 to 299 stands for. A protocol may put one of its own in front of it.
 *
 * 401 and 407 Auth, 403 PolicyDenied, 404 and 410 NotFound, 409 and 412 Conflict, 425 and 429 RateLimit, 408 and 504
 * Timeout, 400, 413, 415 and 422 Validation, a redirect Protocol with code `REDIRECT`, any other status Upstream
 * (retryable from 500 on, except 501 and 505).
 */
export function errorFromAnswer(answer: HttpAnswer, server: string, clock?: Clock): AgentwireError {
  const { status, body } = answer;
  const message = isRedirect(status)
    ? `${server} answered with a redirect, which is not followed`
    : `${server} answered ${status}${describe(body)}`;
  return errorForStatus(status, message, answerInfo(answer, clock));
}

/** The same for a message of the protocol's own. */
export function errorForStatus(status: number, message: string, info: AgentwireErrorOptions): AgentwireError {
  if (isRedirect(status)) return new ProtocolError(message, { code: "REDIRECT", ...info });
  const type = TYPES[status];
  if (type !== undefined) return new type(message, info);
  return new UpstreamError(message, {
    retryable: status >= 500 && status !== 501 && status !== 505,
    ...info,
  });
}

/** The error for a 2xx answer whose content is not what the operation promises. */
export function unexpectedResponse(answer: HttpAnswer, wanted: string, operation: string): ProtocolError {
  return new ProtocolError(
    `unexpected response to ${operation}: expected ${wanted}, found ${describeAnswer(answer)}`,
    { code: "UNEXPECTED_RESPONSE", ...answerInfo(answer), details: { operation } },
  );
}

/** True for an error that stands for a whole response outside 200 to 299, not for one that could not be read. */
export function isErrorResponse(error: unknown): error is AgentwireError & { readonly status: number } {
  if (!(error instanceof AgentwireError) || error.status === undefined) return false;
  if (error instanceof ConnectionError || UNREAD.has(error.code)) return false;
  return error.status < 200 || error.status >= 300;
}

/** Browsers show a redirect that is not followed as status 0. */
function isRedirect(status: number): boolean {
  return status === 0 || (status >= 300 && status < 400);
}

/** What every error about an answer carries: status, headers, body, the peer's id, the wait it asks for. */
export function answerInfo(answer: HttpAnswer, clock?: Clock): AgentwireErrorOptions {
  const { status, headers, body } = answer;
  const retryAfterMs = retryAfterFromHeaders(headers, clock) ?? retryAfterFromBody(body);
  return { status, headers, body, requestId: requestIdOf(headers), retryAfterMs };
}

/** The id under which the peer logged the call. */
export function requestIdOf(headers: Headers): string | undefined {
  return headers.get("x-request-id") ?? headers.get("x-correlation-id") ?? undefined;
}

/** The server's own words, where they are where most servers put them. */
function describe(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const { message, error, detail } = body as Readonly<Record<string, unknown>>;
  const nested = (error as { message?: unknown } | undefined)?.message;
  const text = [message, nested, error, detail].find((part) => typeof part === "string" && part !== "");
  return text === undefined ? "" : `: ${String(text).slice(0, 300)}`;
}
