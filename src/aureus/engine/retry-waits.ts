/** How the engine spaces the attempts of a task. */
import type { RetryConfig } from "../../../gen/aureus/v1/models.js";

/** Attempts in all, the first included. Default: 1. */
export function maxAttempts(retry: RetryConfig | null | undefined): number {
  return retry?.maxAttempts || 1;
}

/**
 * The wait after failed attempt number `failed` of this run (1 is the first), in milliseconds: `backoffMs` (default
 * 1,000) times `backoffMultiplier` (default 2; 0 counts as 2) to the power of `failed - 1`. Unless `jitter` is
 * false, times a random factor from 0.5 up to 1.5.
 */
export function attemptWaitMs(
  retry: RetryConfig | null | undefined,
  failed: number,
  random: () => number,
): number {
  const wait = (retry?.backoffMs || 1000) * (retry?.backoffMultiplier || 2) ** (failed - 1);
  return retry?.jitter === false ? wait : wait * (0.5 + random());
}
