/** A value that ends, such as a token: asked for once at a time, kept, and renewed before its end. */
import { type Clock, systemClock } from "../core/clock.js";
import type { Cut } from "./cut.js";

/** Options of {@link Renewable}. */
export interface RenewableOptions<T> {
  /** Asks for a new value. `lifeMs` is how long it is good, in milliseconds; absent: until it is dropped. */
  readonly issue: () => Promise<{ readonly value: T; readonly lifeMs?: number | undefined }>;
  /** The value is renewed this long before its end, but not in the first half of its life. Default: 60,000. */
  readonly refreshBeforeMs?: number | undefined;
  /** A value from elsewhere, good until it is dropped. */
  readonly value?: T | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

interface Held<T> {
  readonly value: T;
  renewAt: number;
  readonly endsAt: number;
}

/** One kept value. Those who need a new one at the same time share one request for it. */
export class Renewable<T> {
  readonly #options: RenewableOptions<T>;
  readonly #clock: Clock;
  #held: Held<T> | undefined;
  #asking: Promise<T> | undefined;

  constructor(options: RenewableOptions<T>) {
    const { value, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    if (value !== undefined) this.#held = { value, renewAt: Infinity, endsAt: Infinity };
  }

  /** The kept value, good or not. */
  get value(): T | undefined {
    return this.#held?.value;
  }

  /** The value; a promise where it has to be asked for. If that fails, the kept value serves as long as it is good. */
  get(cut: Cut): T | Promise<T> {
    const held = this.#held;
    if (held !== undefined && this.#clock.monotonic() < held.renewAt) return held.value;
    return cut.race(this.#renewed(held));
  }

  /** A new value in any case. */
  renew(cut: Cut): Promise<T> {
    return cut.race(this.#ask());
  }

  /** Drops the kept value if `is` says so; a newer one stays. */
  drop(is: (value: T) => boolean): void {
    if (this.#held !== undefined && is(this.#held.value)) this.#held = undefined;
  }

  /** Renews the kept value before its next use if `is` says so. */
  renewNext(is: (value: T) => boolean): void {
    if (this.#held !== undefined && is(this.#held.value)) this.#held.renewAt = -Infinity;
  }

  /** Forgets the value, and one that is on its way: only those who wait for it get it. */
  clear(): void {
    this.#held = undefined;
    this.#asking = undefined;
  }

  async #renewed(held: Held<T> | undefined): Promise<T> {
    try {
      return await this.#ask();
    } catch (error) {
      if (held === undefined || held !== this.#held || this.#clock.monotonic() >= held.endsAt) throw error;
      return held.value;
    }
  }

  #ask(): Promise<T> {
    if (this.#asking !== undefined) return this.#asking;
    const asking: Promise<T> = this.#issue()
      .then((held) => {
        if (this.#asking === asking) this.#held = held;
        return held.value;
      })
      .finally(() => {
        if (this.#asking === asking) this.#asking = undefined;
      });
    this.#asking = asking;
    return asking;
  }

  async #issue(): Promise<Held<T>> {
    const { issue, refreshBeforeMs = 60_000 } = this.#options;
    const asked = this.#clock.monotonic();
    const { value, lifeMs = Infinity } = await issue();
    // A life that has passed already comes from clocks that disagree: the server will say when it is over.
    const goodMs = lifeMs > 0 ? lifeMs : Infinity;
    return { value, endsAt: asked + goodMs, renewAt: asked + Math.max(goodMs - refreshBeforeMs, goodMs / 2) };
  }
}
