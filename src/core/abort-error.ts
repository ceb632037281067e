/** From an abort signal, or from what an abort made somebody throw, to the errors of this package. */
import { AbortedError, ClosedError, TimeoutError } from "./errors.js";

/** True for a reason that already says, in our words, why a call was cut short. */
function isOurs(reason: unknown): reason is Error {
  return reason instanceof TimeoutError || reason instanceof AbortedError || reason instanceof ClosedError;
}

/**
 * The error to throw because `signal` fired.
 *
 * A reason that is a {@link TimeoutError}, {@link AbortedError} or {@link ClosedError} is that error itself. That
 * of a caller's `AbortSignal.timeout()` becomes the `cause` of a {@link TimeoutError}, any other one that of an
 * {@link AbortedError}.
 */
export function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (isOurs(reason)) return reason;
  if (reason instanceof Error && reason.name === "TimeoutError")
    return new TimeoutError("the time limit of the caller's signal is over", { cause: reason });
  return new AbortedError("the caller's signal fired", { cause: reason });
}

/** Throws {@link abortError} when `signal` has fired; does nothing without a signal. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/**
 * Turns what an abort made a library throw into our error, and returns anything else as it is.
 *
 * When `signal` has fired and `thrown` is its reason, or is named `AbortError` or `TimeoutError`, the result
 * is {@link abortError}. Without a fired signal a foreign `TimeoutError` becomes a {@link TimeoutError}, a
 * foreign `AbortError` an {@link AbortedError}, each with `thrown` as the cause.
 */
export function asAbortError(thrown: unknown, signal?: AbortSignal): unknown {
  if (isOurs(thrown)) return thrown;
  const name = thrown instanceof Error ? thrown.name : undefined;
  const cut = name === "AbortError" || name === "TimeoutError";
  if (signal?.aborted && (cut || thrown === signal.reason)) return abortError(signal);
  if (name === "TimeoutError") return new TimeoutError("the call took too long", { cause: thrown });
  if (name === "AbortError") return new AbortedError("the call was aborted", { cause: thrown });
  return thrown;
}
