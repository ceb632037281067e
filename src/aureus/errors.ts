/** What Aureus says when a call fails, as errors of this package. */
import {
  AgentwireError,
  type AgentwireErrorOptions,
  errorText,
  NotFoundError,
  UnsupportedError,
  UpstreamError,
} from "../core/errors.js";
import { answerInfo, errorFromAnswer, type HttpAnswer } from "../core/http-answer.js";

/** What an Aureus server said, in `details` of the error. */
export interface AureusErrorDetails {
  /** The operation that failed, by its id in the spec. */
  readonly operation: string;
  /** The server's one-line reason. */
  readonly error?: string;
  /** The server's `details`: the text of an exception, or a list. */
  readonly details?: unknown;
  /** Every single problem, where the server lists them. */
  readonly errors?: readonly string[];
}

/** What the server said, of an error that a client of this module threw; undefined for any other. */
export function aureusDetails(error: unknown): AureusErrorDetails | undefined {
  if (!(error instanceof AgentwireError)) return undefined;
  const { details } = error;
  const known = typeof details === "object" && details !== null && "operation" in details;
  return known ? (details as AureusErrorDetails) : undefined;
}

/** The 404 page of an Express server at a path of V1: nobody but the console server gives it. */
const CONSOLE_PAGE = /Cannot (?:GET|POST) \S*\/api\/v1\//;

/** True for an answer to a V1 call that only a console server gives. */
export function isConsoleServer({ status, text }: HttpAnswer): boolean {
  return status === 404 && CONSOLE_PAGE.test(text);
}

function readBody(operation: string, body: unknown): AureusErrorDetails {
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const { error, details, errors, required } = members;
  const list = [errors, required].find((value) => Array.isArray(value)) as unknown[] | undefined;
  return {
    operation,
    ...(typeof error === "string" && { error }),
    ...(details !== undefined && details !== null && { details }),
    ...(list && { errors: list.map(errorText) }),
  };
}

function describe({ error, details, errors }: AureusErrorDetails): string {
  const texts = [error, typeof details === "string" ? details : undefined, errors?.join("; ")];
  const text = texts.filter((part) => part !== undefined && part !== "").join(": ");
  return text === "" ? "" : `: ${text.slice(0, 300)}`;
}

/**
 * The error that an answer of an Aureus server stands for.
 *
 * As everywhere in this package by status, but: a 500 is not retryable, because Aureus refuses with it; a 503
 * without Retry-After is an UnsupportedError with code `NOT_CONFIGURED`, because the server does not have the
 * feature; a console server that is asked for V1 is an UnsupportedError with code `CONSOLE_SERVER`.
 */
export function aureusError(answer: HttpAnswer, what: string, operation: string): AgentwireError {
  const { status, body } = answer;
  const details = readBody(operation, body);
  const info: AgentwireErrorOptions = { ...answerInfo(answer), details };
  if (isConsoleServer(answer)) {
    const message =
      "this is an Aureus console server, which does not serve /api/v1: use AureusConsoleClient, or give the " +
      "URL of a V1 server";
    return new UnsupportedError(message, { ...info, code: "CONSOLE_SERVER" });
  }
  const message = `${what} answered ${status} to ${operation}${describe(details)}`;
  if (status === 503 && info.retryAfterMs === undefined) {
    return new UnsupportedError(message, { ...info, code: "NOT_CONFIGURED" });
  }
  if (status === 404) return new NotFoundError(message, info);
  if (status === 500) return new UpstreamError(message, { ...info, retryable: false });
  const shared = errorFromAnswer(answer, what);
  const type = shared.constructor as new (message: string, info: AgentwireErrorOptions) => AgentwireError;
  const { code, retryable } = shared;
  return new type(code === "REDIRECT" ? shared.message : message, {
    ...info,
    code,
    retryable,
  });
}
