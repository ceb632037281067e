/** What can end a call or one of its requests early: the caller, a time limit, the client's end. */
import { abortError, asAbortError } from "./abort-error.js";
import type { Clock, TimerHandle } from "./clock.js";
import { ValidationError } from "./errors.js";
import { onAbort } from "./on-abort.js";

/** A time limit of a {@link Cut}. */
export interface CutLimit {
  readonly ms: number;
  readonly clock: Clock;
  /** The error for a limit that has passed. */
  readonly late: () => Error;
}

/**
 * Follows signals, other cuts and a time limit, and ends with the reason of whichever comes first. An
 * `AbortSignal` costs several microseconds, so one is made only for code that asks for it.
 */
export class Cut {
  #reason: Error | undefined;
  #controller: AbortController | undefined;
  #timer: TimerHandle | undefined;
  readonly #limit: CutLimit | undefined;
  readonly #end: number;
  readonly #offs: (() => void)[] = [];
  readonly #listeners = new Set<{ run: (reason: Error) => void }>();

  constructor(parents: readonly (AbortSignal | Cut | undefined)[], limit?: CutLimit) {
    this.#limit = limit;
    this.#end = limit === undefined ? Infinity : limit.clock.monotonic() + limit.ms;
    for (const parent of parents) {
      if (parent === undefined || this.#reason !== undefined) continue;
      if (parent instanceof Cut) {
        if (parent.reason !== undefined) this.cut(parent.reason);
        else this.#offs.push(parent.on((reason) => this.cut(reason)));
      } else if (typeof parent?.addEventListener !== "function") {
        this.done();
        throw new ValidationError("signal must be an AbortSignal");
      } else if (parent.aborted) this.cut(abortError(parent));
      else this.#offs.push(onAbort(parent, () => this.cut(abortError(parent))));
    }
    if (this.#reason !== undefined || limit === undefined || limit.ms === Infinity) return;
    if (limit.ms <= 0) this.cut(limit.late());
    else this.#timer = limit.clock.setTimeout(() => this.cut(limit.late()), limit.ms);
  }

  /** Why it was cut; undefined while it was not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** What is left of its own limit, in milliseconds; undefined without one. */
  get remainingMs(): number | undefined {
    return this.#end === Infinity ? undefined : Math.max(0, this.#end - this.#limit!.clock.monotonic());
  }

  /** The same as a signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls `run`, which must not throw, once when this is cut, unless the returned function is called before. */
  on(run: (reason: Error) => void): () => void {
    const entry = { run };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** The result of `work`, or a rejection with the reason as soon as this is cut. */
  race<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) reject(this.#reason);
      const off = this.on(reject);
      work.then(
        (value) => {
          off();
          resolve(value);
        },
        (error: unknown) => {
          off();
          reject(error);
        },
      );
    });
  }

  /** Ends what follows this, with `reason`. Later reasons do not replace the first. */
  cut(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.done();
    this.#controller?.abort(reason);
    for (const { run } of this.#listeners) run(reason);
    this.#listeners.clear();
  }

  /** Drops the timer and the listeners on what this follows. Afterwards only `cut` ends it. */
  done(): void {
    if (this.#timer !== undefined) this.#limit!.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const off of this.#offs.splice(0)) off();
  }
}

/**
 * Runs `work` until it is done or cut: by one of `parents`, or when its limit has passed. Does not begin it when that is
 * so already. An abort that `work` lets through as a foreign error comes out as ours.
 */
export async function within<T>(
  parents: readonly (AbortSignal | Cut | undefined)[],
  limit: CutLimit | undefined,
  work: (cut: Cut) => PromiseLike<T>,
): Promise<T> {
  const cut = new Cut(parents, limit);
  if (cut.reason !== undefined) throw cut.reason;
  try {
    return await cut.race(work(cut));
  } catch (error) {
    throw cut.reason ?? asAbortError(error);
  } finally {
    cut.done();
  }
}
