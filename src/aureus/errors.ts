/** What Aureus says when a call fails, as errors of this package. */
import {
  type AgentwireError,
  type AgentwireErrorOptions,
  errorText,
  UnsupportedError,
} from "../core/errors.js";
import type { HttpAnswer } from "../http/answer.js";
import { answerInfo, errorForStatus } from "../http/error-table.js";

/** The `details` of an error: what the Aureus server responded. */
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

/** The 404 page of an Express server at a path of V1: nobody but the console server gives it. */
const CONSOLE_PAGE = /Cannot (?:GET|POST) \S*\/api\/v1\//;

/** True for an answer to a V1 call that only a console server gives. */
function isConsoleServer({ status, text }: HttpAnswer): boolean {
  return status === 404 && CONSOLE_PAGE.test(text);
}

function readBody(operation: string, body: unknown): AureusErrorDetails {
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const { error, message, details, errors, required } = members;
  const text = [error, message].find((one): one is string => typeof one === "string");
  const list = [errors, required].find((value) => Array.isArray(value)) as unknown[] | undefined;
  return {
    operation,
    ...(text !== undefined && { error: text }),
    ...(details !== undefined && details !== null && { details }),
    ...(list && { errors: list.map(problemText) }),
  };
}

/** `{ field: "name", message: "too long" }` as "name: too long"; other values as text. */
function problemText(problem: unknown): string {
  if (typeof problem !== "object" || problem === null) return errorText(problem);
  const { field, path, message } = problem as Readonly<Record<string, unknown>>;
  const texts = [field ?? path, message].filter((part) => typeof part === "string");
  return texts.length === 0 ? JSON.stringify(problem) : texts.join(": ");
}

function describe({ error, details, errors }: AureusErrorDetails): string {
  const texts = [error, typeof details === "string" ? details : undefined, errors?.join("; ")];
  const text = texts.filter((part) => part !== undefined && part !== "").join(": ");
  return text === "" ? "" : `: ${text.slice(0, 300)}`;
}

/** Which server answered what. */
interface Asked {
  readonly server: string;
  readonly dialect: "V1" | "console";
  readonly operation: string;
}

/**
 * The error that an answer of an Aureus server stands for.
 *
 * As everywhere in this package by status, except: a 500 is not retryable, because Aureus refuses with it; a 503 of the
 * console that says "not configured" is an UnsupportedError with code `NOT_CONFIGURED`; a console server that is asked
 * for V1 is an UnsupportedError with code `CONSOLE_SERVER`.
 */
export function aureusError(answer: HttpAnswer, { server, dialect, operation }: Asked): AgentwireError {
  const { status, body } = answer;
  const details = readBody(operation, body);
  const options: AgentwireErrorOptions = { ...answerInfo(answer), details };
  if (dialect === "V1" && isConsoleServer(answer)) {
    const message =
      "this is an Aureus console server, which does not serve /api/v1: use AureusConsoleClient, or pass the URL of a " +
      "V1 server";
    return new UnsupportedError(message, { ...options, code: "CONSOLE_SERVER" });
  }
  const message = `${server} answered ${status} to ${operation}${describe(details)}`;
  if (dialect === "console" && status === 503 && /not configured/i.test(details.error ?? "")) {
    return new UnsupportedError(message, { ...options, code: "NOT_CONFIGURED" });
  }
  return errorForStatus(status, message, status === 500 ? { ...options, retryable: false } : options);
}
