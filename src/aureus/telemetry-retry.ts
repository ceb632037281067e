/** When a report is sent again. */
import { AbortError, AgentwireError, ClosedError } from "../core/errors.js";
import { backoffMs, type RetryPolicy, retryPolicy } from "../core/retry-policy.js";

/** 67 s to 90 s of delays in all: an outage of a minute is over before the last attempt. */
export const DEFAULT_RETRY = retryPolicy({ attempts: 11, maxDelayMs: 15_000, maxRetryAfterMs: 600_000 });

/**
 * A failed attempt, with the server's wait only where that is not shorter than any wait of ours. A wait beyond
 * `maxRetryAfterMs` counts as that: nobody waits for a report, so there is no reason to give it up.
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

/**
 * True if a report that failed may be taken another time: only what the server, or a check of ours, said no to is
 * refused. A 500 is none, since a report may be repeated; nor is the end of the sink's client, or an error of a sink
 * that is not of this package.
 */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof AgentwireError) || error instanceof ClosedError || error instanceof AbortError)
    return true;
  return error.retryable || error.status === 500;
}
