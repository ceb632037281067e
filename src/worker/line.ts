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
