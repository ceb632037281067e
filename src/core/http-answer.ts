/** What came back from an HTTP server, and the error it stands for. */
import type { Clock } from "./clock.js";
import type { AgentwireErrorOptions } from "./errors.js";
import {
  type AgentwireError,
  AuthError,
  ConflictError,
  NotFoundError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UpstreamError,
  ValidationError,
} from "./errors.js";
import { retryAfterFromBody, retryAfterFromHeaders } from "./retry-after.js";

/** An answer that was read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly text: string;
  /** The body as JSON where it is JSON, undefined where there is none, else the text. */
  readonly body: unknown;
}

/** Reads an answer to its end, at most `maxBytes` of it. @throws ProtocolError `TOO_LARGE` */
export async function readAnswer(response: Response, maxBytes: number): Promise<HttpAnswer> {
  const { status, headers } = response;
  const announced = Number(headers.get("content-length") ?? Number.NaN);
  if (announced > maxBytes) {
    await response.body?.cancel().catch(() => {});
    throw tooLarge(maxBytes);
  }
  // With its length announced a body is read in one go; without, it is counted while it comes.
  const text =
    announced >= 0 || response.body === null
      ? await response.text()
      : await readBounded(response.body, maxBytes);
  return { status, headers, text, body: parseBody(text) };
}

const utf8 = new TextDecoder();

async function readBounded(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return utf8.decode(chunks[0]);
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}

function tooLarge(maxBytes: number): ProtocolError {
  return new ProtocolError(`the answer is larger than ${maxBytes} bytes`, { code: "TOO_LARGE" });
}

/** Whatever its content type says, a body is JSON if it can be read as such: servers get the header wrong. */
function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type ErrorType = new (message: string, info?: AgentwireErrorOptions) => AgentwireError;

const TYPES: Readonly<Record<number, ErrorType>> = {
  400: ValidationError,
  401: AuthError,
  403: PolicyDeniedError,
  404: NotFoundError,
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

/**
 * The error that an answer outside 200 to 299 stands for. A protocol may put one of its own in front of it.
 *
 * 401 Auth, 403 PolicyDenied, 404 and 410 NotFound, 409 and 412 Conflict, 429 RateLimit, 408 and 504 Timeout,
 * 400, 413, 415 and 422 Validation, 5xx Upstream (retryable, but 501 and 505), a redirect Protocol with code
 * `REDIRECT`, the rest Upstream (not retryable).
 */
export function errorFromAnswer(answer: HttpAnswer, what: string, clock?: Clock): AgentwireError {
  const { status, body } = answer;
  const message = isRedirect(status)
    ? `${what} answered with a redirect, which is not followed`
    : `${what} answered ${status}${describe(body)}`;
  return errorForStatus(status, message, answerInfo(answer, clock));
}

/** The same for a message of the protocol's own. */
export function errorForStatus(status: number, message: string, info: AgentwireErrorOptions): AgentwireError {
  if (isRedirect(status)) return new ProtocolError(message, { code: "REDIRECT", ...info });
  const type = TYPES[status];
  if (type !== undefined) return new type(message, info);
  return new UpstreamError(message, {
    ...info,
    retryable: status >= 500 && status !== 501 && status !== 505,
  });
}

/** Browsers show a redirect that is not followed as status 0. */
function isRedirect(status: number): boolean {
  return status === 0 || (status >= 300 && status < 400);
}

/** What every error made from an answer carries: status, body, and the wait the server asks for. */
export function answerInfo(answer: HttpAnswer, clock?: Clock): AgentwireErrorOptions {
  const { status, headers, body } = answer;
  const retryAfterMs = retryAfterFromHeaders(headers, clock) ?? retryAfterFromBody(body);
  return {
    status,
    ...(body === undefined ? {} : { body }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** The server's own words, where they are where most servers put them. */
function describe(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const { message, error, detail } = body as Readonly<Record<string, unknown>>;
  const nested = (error as { message?: unknown } | undefined)?.message;
  const text = [message, nested, error, detail].find((part) => typeof part === "string" && part !== "");
  return text === undefined ? "" : `: ${String(text).slice(0, 300)}`;
}
