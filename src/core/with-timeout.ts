import type { Clock } from "./clock.js";
import { TimeoutError } from "./errors.js";

/**
 * The result of `work`, or a TimeoutError if it takes longer than `timeoutMs`; 0 or less, or `Infinity`, means no limit.
 * Cheaper than `withDeadline`: `work` is not told to stop.
 */
export function withTimeout<T>(
  what: string,
  timeoutMs: number,
  clock: Clock,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer =
      timeoutMs > 0 && timeoutMs !== Infinity
        ? clock.setTimeout(() => reject(new TimeoutError(`${what} timed out`)), timeoutMs)
        : undefined;
    const end = (settle: () => void): void => {
      clock.clearTimeout(timer);
      settle();
    };
    (async () => work())().then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
