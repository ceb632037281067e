/** The one retry engine. */

import { throwIfAborted } from "./abort-error.js";
import { type Clock, sleep, systemClock } from "./clock.js";
import { within } from "./cut.js";
import { AgentwireError, TimeoutError } from "./errors.js";
import { type Logger, safeLogger } from "./logger.js";
import { backoffMs, type RetryOptions, retryPolicy } from "./retry-policy.js";

/** What a call receives about its attempt. */
export interface Attempt {
  /** 1 for the first try. */
  readonly attempt: number;
  /** Fires on the caller's abort, at the end of the try's time, and at the end of the budget. */
  readonly signal: AbortSignal;
}

/** What is known when a try failed and another one will follow. */
export interface RetryNotice {
  /** The number of the try that failed, from 1. */
  readonly attempt: number;
  /** The wait before the next try, in milliseconds. */
  readonly delayMs: number;
  /** Why it failed. */
  readonly error: unknown;
}

/** What {@link retry} works with. */
export interface RetryRun {
  /** Numbers that differ from the defaults; `false` for a single attempt. */
  readonly policy?: RetryOptions | false | undefined;
  /** Limit of all attempts and delays together, in milliseconds. Default: no limit. */
  readonly totalTimeoutMs?: number | undefined;
  /** Ends the try in flight or the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to try again after an error. Default: when it is an `AgentwireError` that says `retryable`. */
  readonly shouldRetry?: ((error: unknown, attempt: number) => boolean) | undefined;
  /** Told before every wait. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Gets one debug line per retry. Default: the console. */
  readonly logger?: Logger | false | undefined;
}

function isRetryable(error: unknown): boolean {
  return error instanceof AgentwireError && error.retryable;
}

/** What a peer asked for, whatever kind of error carries it. */
function askedWaitMs(error: unknown): number | undefined {
  const ms = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof ms === "number" && ms >= 0 ? ms : undefined;
}

/** Neither the hook nor the logger can break the call they are notified about. */
function tell(options: RetryRun, notice: RetryNotice): void {
  const logger = safeLogger(options.logger);
  logger.debug("a call failed; retrying", { ...notice });
  try {
    options.onRetry?.(notice);
  } catch (error) {
    logger.warn("onRetry failed", { error });
  }
}

/**
 * Calls `call` until it succeeds and returns its result, or throws the error of the last attempt unchanged.
 *
 * Between two attempts it waits for as long as the peer asked (`error.retryAfterMs`), else as {@link backoffMs}
 * says. It gives up, without waiting, when `shouldRetry` says no, when no attempt is left, or when the wait would
 * end after the total time, or is longer than `maxRetryAfterMs`. The caller's signal ends everything at once, also
 * when `call` ignores the signal it is given. The attempt that the total time cuts short fails with a `TimeoutError`.
 */
export async function retry<T>(
  call: (attempt: Attempt) => PromiseLike<T>,
  options: RetryRun = {},
): Promise<T> {
  const { signal, clock = systemClock, random = Math.random, shouldRetry = isRetryable } = options;
  const { totalTimeoutMs = Infinity } = options;
  const policy = retryPolicy(options.policy);
  const end = clock.monotonic() + totalTimeoutMs;
  const late = (): Error =>
    new TimeoutError(`all attempts took longer than ${Math.max(0, Math.round(totalTimeoutMs))} ms`);
  throwIfAborted(signal);

  for (let attempt = 1; ; attempt++) {
    try {
      const limit = { ms: end - clock.monotonic(), clock, late };
      return await within([signal], limit, (cut) =>
        call({
          attempt,
          // Made for those who ask.
          get signal() {
            return cut.signal;
          },
        }),
      );
    } catch (error) {
      throwIfAborted(signal);
      if (attempt >= policy.attempts || !shouldRetry(error, attempt)) throw error;
      const asked = askedWaitMs(error);
      const delayMs = asked ?? backoffMs(attempt, policy, random);
      const tooLong = asked !== undefined && asked > policy.maxRetryAfterMs;
      if (tooLong || clock.monotonic() + delayMs >= end) throw error;
      tell(options, { attempt, delayMs, error });
      await sleep(delayMs, { clock, signal });
    }
  }
}
