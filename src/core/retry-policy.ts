/** How often, how long and on what to try again. */
import { AbortError, AgentwireError, ClosedError } from "./errors.js";
import { atLeastOne, checkOption, milliseconds } from "./options.js";

/** When and how often a failed call is made again. */
export interface RetryPolicy {
  /** Attempts in total, including the first; `Infinity` retries until the total time or the signal ends the call. Default: 3. */
  readonly attempts: number;
  /** Delay before the second attempt, in milliseconds. Default: 500. */
  readonly minDelayMs: number;
  /** Multiplies the delay after each further attempt. Default: 2. */
  readonly factor: number;
  /** Upper bound of a delay, in milliseconds. Default: 8,000. */
  readonly maxDelayMs: number;
  /** Share of each delay that is randomly taken off, 0 to 1. Default: 0.25. */
  readonly jitter: number;
  /** If the peer asks for a longer delay than this, the call fails instead. In milliseconds. Default: 60,000. */
  readonly maxRetryAfterMs: number;
}

/** How a client retries: the numbers that differ from its own. */
export type RetryOptions = { readonly [Name in keyof RetryPolicy]?: RetryPolicy[Name] | undefined };

/** What is used where nothing else is said: the numbers that users of HTTP clients are used to. */
export const defaultRetryPolicy: RetryPolicy = Object.freeze({
  attempts: 3,
  minDelayMs: 500,
  factor: 2,
  maxDelayMs: 8_000,
  jitter: 0.25,
  maxRetryAfterMs: 60_000,
});

/** No second try. */
export const noRetry: RetryPolicy = Object.freeze({ ...defaultRetryPolicy, attempts: 1 });

/** Policies that need no second look, so that a client can pass its own to every call at no cost. */
const whole = new WeakSet<object>([defaultRetryPolicy, noRetry]);

/**
 * A whole policy from some of its numbers. Throws a `ValidationError` for a number outside its range.
 * `false` means {@link noRetry}; a policy that was made here is returned as it is.
 */
export function retryPolicy(
  given: RetryOptions | false = {},
  defaults: RetryPolicy = defaultRetryPolicy,
): RetryPolicy {
  if (given === false) return noRetry;
  checkOption("retry", given, "object");
  if (whole.has(given)) return given as RetryPolicy;
  const policy: RetryPolicy = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) Object.assign(policy, { [name]: value });
  }
  const { attempts, jitter, ...others } = policy;
  checkOption("retry.attempts", attempts, atLeastOne);
  checkOption("retry.jitter", jitter, { min: 0, max: 1 });
  for (const [name, value] of Object.entries(others)) checkOption(`retry.${name}`, value, milliseconds);
  whole.add(policy);
  return Object.freeze(policy);
}

/**
 * The wait after try number `attempt` (1 is the first), in milliseconds:
 * `min(maxDelayMs, minDelayMs * factor ** (attempt - 1))`, less a random share of up to `jitter`.
 */
export function backoffMs(attempt: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const grown = policy.minDelayMs * policy.factor ** (attempt - 1);
  // 0 * Infinity is NaN: with a base of 0 there is nothing to grow.
  const full = Math.min(policy.maxDelayMs, policy.minDelayMs === 0 ? 0 : grown);
  return full - full * policy.jitter * Math.min(Math.max(random(), 0), 1);
}

/** What an operation table says about trying again. */
export interface RetryRule {
  /** True when carrying out the call twice does no harm. */
  readonly idempotent: boolean;
  /** `never` rules out every second try, whatever happened to the first. */
  readonly retry?: "never" | undefined;
}

/**
 * True when the call may be made again after `error`, which must be retryable: an idempotent operation always, any
 * other only when the call provably never left. Never after an abort by the caller, or when the client was closed.
 */
export function mayRetry(rule: RetryRule, error: unknown): boolean {
  if (rule.retry === "never" || error instanceof AbortError || error instanceof ClosedError) return false;
  if (!(error instanceof AgentwireError)) return false;
  return error.retryable && (rule.idempotent || error.sent === false);
}
