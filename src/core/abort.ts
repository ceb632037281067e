/** Work with an end: a time limit, the caller's signal. */
import { type Clock, systemClock } from "./clock.js";
import { Cut, type CutLimit, within } from "./cut.js";
import { TimeoutError } from "./errors.js";

export { abortError, asAbortError, throwIfAborted } from "./abort-error.js";

/** A time limit in words. */
export interface LimitOptions {
  /** 0 and less are over at once. Default: no limit, like `Infinity`. */
  readonly timeoutMs?: number | undefined;
  /** What takes the time, for the message of the `TimeoutError`. Default: "the call". */
  readonly what?: string | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/** A limit that ends with a TimeoutError "<what> took longer than <timeoutMs> ms". */
export function timeLimit({
  timeoutMs = Infinity,
  what = "the call",
  clock = systemClock,
}: LimitOptions): CutLimit {
  return { ms: timeoutMs, clock, late: () => new TimeoutError(`${what} took longer than ${timeoutMs} ms`) };
}

/**
 * The result of `promise`, or a rejection with `abortError(signal)` as soon as `signal` fires.
 *
 * The listener is removed when `promise` settles. What `promise` does after the signal fired is ignored.
 */
export function raceSignal<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  const cut = new Cut([signal]);
  return cut.race(promise).finally(() => cut.done());
}

/** Options of {@link withDeadline}. */
export interface DeadlineOptions extends LimitOptions {
  /** The caller's signal. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` under a time limit and the caller's signal.
 *
 * Rejects with a `TimeoutError` when the limit passes and with the caller's `AbortError` when the signal
 * fires, at once in both cases, whether `work` heeds the signal it is given or not. Aborts that `work` lets
 * through as a foreign error come out as ours.
 */
export function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => PromiseLike<T>,
): Promise<T> {
  return within([options.signal], timeLimit(options), (cut) => work(cut.signal));
}

/**
 * The result of `work`, or a TimeoutError if it takes longer than `timeoutMs`; 0 or less, or `Infinity`, means no limit.
 * `work` is not told to stop.
 */
export function withTimeout<T>(
  what: string,
  timeoutMs: number,
  clock: Clock,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  const limit = timeLimit({ what, timeoutMs: timeoutMs > 0 ? timeoutMs : Infinity, clock });
  return within([], limit, async () => work());
}
