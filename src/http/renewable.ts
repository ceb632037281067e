/** A value that ends, such as a token: asked for once at a time, kept, and renewed before its end. */
import { type Clock, systemClock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import { checkOption, milliseconds } from "../core/options.js";
import { Flight } from "./flight.js";

/** Options of {@link Renewable}. */
export interface RenewableOptions<T> {
  /**
   * Asks for a new value, in one attempt and without a limit of its own: those who wait have theirs, and `cut` ends
   * when the last of them has left. `lifeMs` is how long the value is good, in milliseconds; absent: until it is dropped.
   */
  readonly issue: (cut: Cut) => Promise<{ readonly value: T; readonly lifeMs?: number | undefined }>;
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
  #asking: Flight<T> | undefined;

  constructor(options: RenewableOptions<T>) {
    const { value, clock = systemClock, refreshBeforeMs = 0 } = options;
    checkOption("refreshBeforeMs", refreshBeforeMs, milliseconds);
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
    return this.#renewed(held, cut);
  }

  /** Keeps a value that was asked for elsewhere, at the time `askedAt` of the monotonic clock. */
  set(value: T, lifeMs: number | undefined, askedAt: number): void {
    this.clear();
    this.#held = this.#dated(value, lifeMs, askedAt);
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

  async #renewed(held: Held<T> | undefined, cut: Cut): Promise<T> {
    try {
      return await this.#ask(cut);
    } catch (error) {
      const isGood = held !== undefined && held === this.#held && this.#clock.monotonic() < held.endsAt;
      if (isGood && cut.reason === undefined) return held.value;
      throw error;
    }
  }

  #ask(cut: Cut): Promise<T> {
    // One that was given up is still ending.
    if (this.#asking === undefined || this.#asking.isAbandoned) this.#asking = this.#start();
    // Attempts and id of the shared request say nothing about a call that waits for it.
    return this.#asking.join(cut, { attempts: undefined, correlationId: undefined });
  }

  #start(): Flight<T> {
    const askedAt = this.#clock.monotonic();
    const asking: Flight<T> = new Flight(async (cut) => {
      try {
        const { value, lifeMs } = await this.#options.issue(cut);
        if (this.#asking === asking) this.#held = this.#dated(value, lifeMs, askedAt);
        return value;
      } finally {
        if (this.#asking === asking) this.#asking = undefined;
      }
    });
    return asking;
  }

  #dated(value: T, lifeMs = Infinity, askedAt: number): Held<T> {
    const { refreshBeforeMs = 60_000 } = this.#options;
    // A life that has passed already comes from clocks that disagree: the server will say when it is over.
    const goodMs = lifeMs > 0 ? lifeMs : Infinity;
    const renewAt = askedAt + Math.max(goodMs - refreshBeforeMs, goodMs / 2);
    return { value, endsAt: askedAt + goodMs, renewAt };
  }
}
