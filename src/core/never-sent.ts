/** Which failures prove that a call never reached its peer. */

/** Codes of failures to connect; after any other failure the peer may have seen the call. */
const connectCodes = new Set<unknown>([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused", // Bun
]);

/** System calls that come before any byte of a call. */
const connectCalls = new Set<unknown>(["connect", "getaddrinfo"]);

interface Chained {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly sent?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const longestChain = 10;

/**
 * True when `error`, or an error in its chain of causes, proves that the call never left: the name was not
 * found, the connection was refused or not made in time, or the error has `sent: false`.
 * Of several attempts to connect (`AggregateError`) all must have failed in such a way.
 */
export function neverSent(error: unknown): boolean {
  try {
    return provesUnsent(error, longestChain);
  } catch {
    // An error that cannot be read proves nothing.
    return false;
  }
}

function provesUnsent(error: unknown, depth: number): boolean {
  if (typeof error !== "object" || error === null || depth === 0) return false;
  const { code, syscall, sent, cause, errors } = error as Chained;
  if (typeof sent === "boolean") return !sent;
  if (Array.isArray(errors) && errors.length > 0) return errors.every((one) => provesUnsent(one, depth - 1));
  return connectCodes.has(code) || connectCalls.has(syscall) || provesUnsent(cause, depth - 1);
}
