/** Several reasons to stop, as one signal that leaves nothing behind. */
import { abortError, asAbortError } from "./abort-error.js";
import { type Clock, systemClock, type TimerHandle } from "./clock.js";
import { TimeoutError } from "./errors.js";
import { onAbort } from "./on-abort.js";

export { abortError, asAbortError, throwIfAborted } from "./abort-error.js";

/** One signal that follows several; see {@link linkSignals}. */
export interface LinkedSignal {
  /** Fires when the first of its sources does, with the same reason, or when the time is over. */
  readonly signal: AbortSignal;
  /** Fires the signal now. Later reasons do not replace the first. */
  abort(reason?: unknown): void;
  /** Removes every listener and the timer. The signal then never fires on its own. May be called twice. */
  dispose(): void;
}

/** Options of {@link linkSignals}. */
export interface LinkOptions {
  /**
   * Fires the signal with a `TimeoutError` after so many milliseconds; 0 and less do so at once.
   * Default: no limit, like `Infinity`.
   */
  readonly timeoutMs?: number | undefined;
  /** What takes the time, for the message of the `TimeoutError`. Default: "the call". */
  readonly what?: string | undefined;
  /** The whole message of the `TimeoutError`, in place of "<what> took longer than <timeoutMs> ms". */
  readonly late?: string | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/**
 * Links any number of signals and a time limit into one signal.
 *
 * The reason of the source that fires first is kept: a `TimeoutError` for the limit given here, the caller's
 * own reason for a caller's signal (`abortError` makes an `AbortError` of it). Call `dispose()` as soon as
 * the work is done.
 */
export function linkSignals(
  signals: Iterable<AbortSignal | undefined>,
  options: LinkOptions = {},
): LinkedSignal {
  return link(signals, options);
}

/** `onFire` is called when the signal fires: a listener on a new signal would cost as much as the signal. */
function link(
  signals: Iterable<AbortSignal | undefined>,
  options: LinkOptions,
  onFire?: (signal: AbortSignal) => void,
): LinkedSignal {
  const { timeoutMs = Infinity, what = "the call", clock = systemClock, late } = options;
  const controller = new AbortController();
  const offs: (() => void)[] = [];
  let timer: TimerHandle | undefined;

  const dispose = (): void => {
    if (timer !== undefined) clock.clearTimeout(timer);
    timer = undefined;
    for (const off of offs.splice(0)) off();
  };
  const abort = (reason?: unknown): void => {
    dispose();
    controller.abort(reason);
    onFire?.(controller.signal);
  };
  const onTime = (): void => abort(new TimeoutError(late ?? `${what} took longer than ${timeoutMs} ms`));

  for (const source of signals) {
    if (source === undefined) continue;
    if (source.aborted) {
      abort(source.reason);
      break;
    }
    offs.push(onAbort(source, () => abort(source.reason)));
  }
  if (!controller.signal.aborted) {
    if (timeoutMs <= 0) onTime();
    else if (timeoutMs !== Infinity) timer = clock.setTimeout(onTime, timeoutMs);
  }
  return { signal: controller.signal, abort, dispose };
}

/**
 * The result of `promise`, or a rejection with `abortError(signal)` as soon as `signal` fires.
 *
 * The listener is removed when `promise` settles. What `promise` does after the signal fired is ignored.
 */
export function raceSignal<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return Promise.resolve(promise);
  return new Promise<T>((resolve, reject) => {
    const cut = (): void => reject(abortError(signal));
    if (signal.aborted) cut();
    const off = signal.aborted ? undefined : onAbort(signal, cut);
    promise.then(
      (value) => {
        off?.();
        resolve(value);
      },
      (error: unknown) => {
        off?.();
        reject(error);
      },
    );
  });
}

/** Options of {@link withDeadline}. */
export interface DeadlineOptions extends LinkOptions {
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
  return new Promise<T>((resolve, reject) => {
    const { signal, dispose } = link([options.signal], options, (fired) => reject(abortError(fired)));
    if (signal.aborted) return;
    const fail = (error: unknown): void => {
      dispose();
      reject(asAbortError(error, signal));
    };
    try {
      work(signal).then((value) => {
        dispose();
        resolve(value);
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}
