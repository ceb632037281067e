/** Time as something that is handed in, so that no test has to wait for it. */
import { abortError } from "./abort-error.js";
import { onAbort } from "./on-abort.js";

/** What `setTimeout` of a {@link Clock} returns. Only good for `clearTimeout` of the same clock. */
export type TimerHandle = object | number;

/** Options of a single timer. */
export interface TimerOptions {
  /** True lets the process end while the timer waits, where the platform can do that. Default: false. */
  readonly unref?: boolean;
}

/** The time and the timers that everything in this package uses. */
export interface Clock {
  /** Wall clock time, in milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds since some moment in the past. Never jumps, never goes back: for measuring. */
  monotonic(): number;
  /** Calls `run` once, after `ms` milliseconds; a negative or missing number counts as 0. */
  setTimeout(run: () => void, ms: number, options?: TimerOptions): TimerHandle;
  /** Forgets a timer. Does nothing for one that has fired, was cleared before, or is `undefined`. */
  clearTimeout(handle: TimerHandle | undefined): void;
}

/** The longest delay a platform timer takes; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** A delay beyond {@link longestTimerMs}, waited for in pieces. */
class LongTimer {
  #handle: TimerHandle | undefined;

  constructor(run: () => void, ms: number, options?: TimerOptions) {
    const wait = (left: number): void => {
      const piece = Math.min(left, longestTimerMs);
      this.#handle = platformTimer(() => (left > piece ? wait(left - piece) : run()), piece, options);
    };
    wait(ms);
  }

  clear(): void {
    systemClock.clearTimeout(this.#handle);
  }
}

function platformTimer(run: () => void, ms: number, options?: TimerOptions): TimerHandle {
  const handle = setTimeout(run, ms) as TimerHandle;
  if (options?.unref) (handle as { unref?: () => void }).unref?.();
  return handle;
}

/** The clock of the platform. Delays may be of any length; `Infinity` never fires. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, ms, options) =>
    ms > longestTimerMs ? new LongTimer(run, ms, options) : platformTimer(run, Math.max(ms || 0, 0), options),
  clearTimeout(handle) {
    if (handle instanceof LongTimer) handle.clear();
    else clearTimeout(handle as number | undefined);
  },
};

/** Options of {@link sleep}. */
export interface SleepOptions extends TimerOptions {
  /** Default: {@link systemClock}. */
  readonly clock?: Clock | undefined;
  /** Ends the sleep at once when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves after `ms` milliseconds.
 *
 * When the signal fires the promise rejects at once, with the error that `abortError` makes of it
 * (an `AbortError` whose cause is the signal's reason). Neither a timer nor a listener is left behind.
 */
export function sleep(ms: number, options: SleepOptions = {}): Promise<void> {
  const { clock = systemClock, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const timer = clock.setTimeout(
      () => {
        off?.();
        resolve();
      },
      ms,
      options,
    );
    const off =
      signal &&
      onAbort(signal, () => {
        clock.clearTimeout(timer);
        reject(abortError(signal));
      });
  });
}
