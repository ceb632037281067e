/**
 * The CAPError family of the official SDKs (CAP spec 13). The classes with a registered code are generated; here are
 * those without a code of their own. Each is also an instance of the class of `agentwire` that says what a caller can
 * do about it.
 */
import { CAPError, PublishFailedError, WorkerUnavailableError } from "../../gen/cap/errors.js";
import { SUBJECT_RESULT } from "../../gen/cap/subjects.js";
import { type AgentwireError, ValidationError } from "../core/errors.js";

export * from "../../gen/cap/errors.js";

/** 206: no pool serves the topic, so no worker ever will. The scheduler's `no_pool_mapping`. */
export class NoPoolError extends WorkerUnavailableError {
  static override readonly brands: readonly string[] = ["NoPoolError"];
  static override readonly defaultRetryable = false;
}

/** The job ended without success and no registered code says why. `reason` is the worker's text, if it gave one. */
export class JobFailedError extends CAPError {
  static override readonly defaultCode: string = "JOB_FAILED";
  static override readonly brands: readonly string[] = ["JobFailedError", "UpstreamError"];
}

/** The scheduler dispatched the job as often as allowed: `max_retries_exceeded`. */
export class MaxRetriesExceededError extends JobFailedError {
  static override readonly defaultCode = "MAX_RETRIES_EXCEEDED";
  static override readonly brands: readonly string[] = ["MaxRetriesExceededError"];
}

/** The job was cancelled. */
export class JobCancelledError extends CAPError {
  static override readonly defaultCode = "JOB_CANCELLED";
  static override readonly brands: readonly string[] = ["JobCancelledError", "AbortError"];
}

/** True for the report of a bus that the server did not take a result. It comes after the publish. */
export function isLostResult(error: AgentwireError): boolean {
  const { subject } = (error.details ?? {}) as { readonly subject?: unknown };
  return error instanceof PublishFailedError && subject === SUBJECT_RESULT;
}

/** True where the same packet could never be sent: it is not a packet, or the bus will not have it. */
export function isUnsendable(error: unknown): boolean {
  return error instanceof ValidationError || (error instanceof PublishFailedError && !error.retryable);
}
