/** How many may work at the same time, in the order in which they asked. */
import { abortError } from "./abort-error.js";
import { onAbort } from "./on-abort.js";
import { atLeastOne, checkOption } from "./options.js";

/** Gives a slot back. A second call does nothing. */
export type Release = () => void;

/** A semaphore. Slots are given strictly in the order of asking; who asks later never overtakes. */
export class Limiter {
  #free: number;
  /** In the order of asking; a Set so that an aborted waiter leaves the middle at no cost. */
  readonly #waiting = new Set<() => void>();

  /** `concurrency`: slots, a whole number of at least 1 or `Infinity`; else a `ValidationError`. */
  constructor(concurrency: number) {
    checkOption("concurrency", concurrency, atLeastOne);
    this.#free = concurrency;
  }

  /** Resolves with a slot when it is this caller's turn. Rejects with `abortError(signal)` if the signal fires first. */
  acquire({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Release> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      let off: (() => void) | undefined;
      const grant = (): void => {
        off?.();
        this.#waiting.delete(grant);
        this.#free--;
        resolve(this.#release());
      };
      if (this.#free > 0) return grant();
      this.#waiting.add(grant);
      off =
        signal &&
        onAbort(signal, () => {
          this.#waiting.delete(grant);
          reject(abortError(signal));
        });
    });
  }

  #release(): Release {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#free++;
      const [next] = this.#waiting;
      next?.();
    };
  }
}
