/** How much work runs at once, and the line of work that waits for a slot. */
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

/**
 * A first-in, first-out line from whose middle anything can leave. Unlike a `Set` or a `Map` it leaves no old tables
 * behind, which keep finished work alive until a full garbage collection.
 */
export class Line<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Place<T> | undefined {
    return this.#first;
  }

  /** Puts a value at the end. */
  add(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size++;
    return place;
  }

  /** Takes a place out that is in this line. */
  remove(place: Place<T>): void {
    const { before, after } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    place.before = undefined;
    place.after = undefined;
    this.#size--;
  }

  /** All values now, the oldest first. */
  values(): T[] {
    const values: T[] = [];
    for (let place = this.#first; place !== undefined; place = place.after) values.push(place.value);
    return values;
  }
}

/** Where a value stands in a {@link Line}. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}
