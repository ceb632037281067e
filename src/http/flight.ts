/** Work that several callers wait for. */

import { Cut } from "../core/cut.js";
import { AgentwireError, copyWith, type ErrorFacts } from "../core/errors.js";

/** One piece of work, begun at once. Callers join and leave by their own limits; the last one to leave ends the work. */
export class Flight<T> {
  readonly #cut = new Cut([]);
  readonly #result: Promise<T>;
  #waiting = 0;
  #isDone = false;

  constructor(run: (cut: Cut) => Promise<T>) {
    this.#result = run(this.#cut).finally(() => {
      this.#isDone = true;
    });
    this.#result.catch(() => {});
  }

  /** True if the last caller left before the work was done. */
  get isAbandoned(): boolean {
    return this.#cut.reason !== undefined;
  }

  /** Calls `listener` when the work has ended, also when nobody waits for it. */
  onEnd(listener: () => void): void {
    this.#result.then(listener, listener);
  }

  /** The result, or a rejection as soon as `cut` ends. An error of the work is copied for each caller, with `facts`. */
  async join(cut: Cut, facts: ErrorFacts): Promise<T> {
    this.#waiting++;
    try {
      return await cut.race(this.#result);
    } catch (error) {
      throw error instanceof AgentwireError && error !== cut.reason ? copyWith(error, facts) : error;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0 && cut.reason !== undefined && !this.#isDone) this.#cut.cut(cut.reason);
    }
  }
}
