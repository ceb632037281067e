/** How much work runs at once, and the line of work that waits for a slot. */
import { Line, type Place } from "./line.js";
import type { Work } from "./work.js";

/** First come, first served. The number of slots may change at any time. */
export class Slots<W extends Work> {
  /** Slots taken now. */
  active = 0;
  readonly #grant: (work: W) => void;
  readonly #waiting = new Line<W>();
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

  /** How much work is in the line. */
  get queued(): number {
    return this.#waiting.size;
  }

  /** Work in the line, the oldest first. */
  get waiting(): W[] {
    return this.#waiting.values();
  }

  /** Grants a slot at once if one is free, else puts the work at the end of the line. */
  add(work: W): void {
    if (this.#waiting.size === 0 && this.active < this.#concurrency) {
      this.active++;
      this.#grant(work);
    } else work.waiting = this.#waiting.add(work);
  }

  /** Takes work out of the line. */
  remove(work: W): void {
    if (work.waiting === undefined) return;
    this.#waiting.remove(work.waiting as Place<W>);
    work.waiting = undefined;
  }

  /** Gives a slot back. */
  free(): void {
    this.active--;
    this.#serve();
  }

  #serve(): void {
    for (let { first } = this.#waiting; first !== undefined; first = this.#waiting.first) {
      if (this.active >= this.#concurrency) return;
      this.remove(first.value);
      this.active++;
      this.#grant(first.value);
    }
  }
}
