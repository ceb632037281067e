/** When a report is sent again. */
import { AgentwireError } from "../core/errors.js";
import { backoffMs, type RetryPolicy, retryPolicy } from "../core/retry-policy.js";

/** 67 s to 90 s of delays in all: an outage of a minute is over before the last attempt. */
export const DEFAULT_RETRY = retryPolicy({ attempts: 11, maxDelayMs: 15_000 });

/**
 * A failed attempt, with the server's wait only where that is not shorter than any wait of ours, and no longer than
 * `maxRetryAfterMs`: a server that asks for more is asked earlier, so that nothing is lost for it.
 */
export class FailedAttempt {
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly error: unknown,
    attempt: number,
    policy: RetryPolicy,
  ) {
    const asked = error instanceof AgentwireError ? error.retryAfterMs : undefined;
    const shortest = backoffMs(attempt, policy, () => 1);
    this.retryAfterMs =
      asked !== undefined && asked >= shortest ? Math.min(asked, policy.maxRetryAfterMs) : undefined;
  }
}

/** A report may be repeated, so also after an error of a sink that is not one of this package. */
export function mayArrive(error: unknown): boolean {
  return !(error instanceof AgentwireError) || mayPass(error);
}

/**
 * True for what may be over at the next attempt of a call that may be repeated: so also after a 500, which for other
 * calls can be a refusal.
 */
export function mayPass(error: unknown): error is AgentwireError {
  return error instanceof AgentwireError && (error.retryable || error.status === 500);
}
