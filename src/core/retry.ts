/** The one retry engine. */

import { throwIfAborted, withDeadline } from "./abort.js";
import { type Clock, sleep, systemClock } from "./clock.js";
import { AgentwireError, ValidationError } from "./errors.js";
import { type Logger, safeLogger } from "./logger.js";
import { backoffMs, type RetryPolicy, retryPolicy } from "./retry-policy.js";

/** What a call is told about the try it is. */
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

/** Options of {@link retry}. */
export interface RetryOptions {
  /** Numbers that differ from the defaults of {@link RetryPolicy}; `false` for a single try. */
  readonly policy?: Partial<RetryPolicy> | false | undefined;
  /** How long one try may take where the policy does not say, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Ends the try in hand or the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** No try and no wait goes beyond this time, in milliseconds since the epoch. Default: none. */
  readonly deadline?: number | undefined;
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

/** Neither the hook nor the logger can break the call they are told about. */
function tell(options: RetryOptions, notice: RetryNotice): void {
  const logger = safeLogger(options.logger);
  logger.debug("a call failed and is tried again", { ...notice });
  try {
    options.onRetry?.(notice);
  } catch (error) {
    logger.warn("onRetry failed", { error });
  }
}

/** When all is over, on the clock that never jumps. */
function endOf(deadline: number | undefined, budgetMs: number | undefined, clock: Clock): number {
  if (Number.isNaN(deadline)) throw new ValidationError("retry: deadline must be a number");
  if (deadline === undefined && budgetMs === undefined) return Infinity;
  const untilDeadline = (deadline ?? Infinity) - clock.now();
  return clock.monotonic() + Math.min(budgetMs ?? Infinity, untilDeadline);
}

/**
 * Calls `call` until it succeeds, and gives its result, or throws the error of the last try as it was.
 *
 * Between two tries it waits as the peer asked (`error.retryAfterMs`), else as {@link backoffMs} says. It
 * gives up, without waiting, when `shouldRetry` says no, the tries are used up, or the wait would end after
 * the budget or the deadline, or is longer than `maxRetryAfterMs`. The caller's signal ends everything at
 * once with an `AbortError`, also when `call` does not heed the signal it is given. A try that takes too
 * long fails with a `TimeoutError`.
 */
export async function retry<T>(
  call: (attempt: Attempt) => PromiseLike<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { signal, clock = systemClock, random = Math.random, shouldRetry = isRetryable } = options;
  const policy = retryPolicy(options.policy);
  const end = endOf(options.deadline, policy.budgetMs, clock);
  throwIfAborted(signal);

  for (let attempt = 1; ; attempt++) {
    const perTryMs = policy.perAttemptTimeoutMs ?? options.timeoutMs ?? Infinity;
    const timeoutMs = end === Infinity ? perTryMs : Math.min(perTryMs, end - clock.monotonic());
    try {
      return await withDeadline({ signal, timeoutMs, clock, what: `try ${attempt}` }, (linked) =>
        call({ attempt, signal: linked }),
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
