/** How much work runs at once, and the line of work that waits for a slot. */
import type { Work } from "./work.js";

/** First come, first served. The number of slots may change at any time. */
export class Slots<W extends Work> {
  /** Slots taken now. */
  active = 0;
  readonly #grant: (work: W) => void;
  readonly #waiting = new Set<W>();
  #concurrency: number;

  /** `grant` is called with work that gets a slot. */
  constructor(concurrency: number, grant: (work: W) => void) {
    this.#concurrency = concurrency;
    this.#grant = grant;
  }

  /** With fewer slots than are taken, none is granted until enough are free again. */
  set concurrency(slots: number) {
    this.#concurrency = slots;
    this.#serve();
  }

  /** Work in the line, the oldest first. */
  get waiting(): ReadonlySet<W> {
    return this.#waiting;
  }

  /** Grants a slot at once if one is free, else puts the work at the end of the line. */
  add(work: W): void {
    if (this.#waiting.size === 0 && this.active < this.#concurrency) {
      this.active++;
      this.#grant(work);
    } else this.#waiting.add(work);
  }

  /** Takes work out of the line. */
  remove(work: W): void {
    this.#waiting.delete(work);
  }

  /** Gives a slot back. */
  free(): void {
    this.active--;
    this.#serve();
  }

  #serve(): void {
    for (const work of this.#waiting) {
      if (this.active >= this.#concurrency) return;
      this.#waiting.delete(work);
      this.active++;
      this.#grant(work);
    }
  }
}
