/** A clock that stands still until a test moves it. */
import type { Clock, TimerHandle, TimerOptions } from "../core/clock.js";

interface FakeTimer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** Options of {@link FakeClock}. */
export interface FakeClockOptions {
  /** Wall clock time at the start, in milliseconds since the epoch. Default: 2026-01-01T00:00:00Z. */
  readonly now?: number;
  /**
   * Turns of the event loop after which promises count as at rest. More are needed only where the work under
   * test takes turns of its own. Default: 3.
   */
  readonly turns?: number;
}

// Taken once: a test runner may replace the global with a fake of its own.
const macrotask: (run: () => void) => void =
  typeof setImmediate === "function" ? setImmediate : (run) => setTimeout(run, 0);

/**
 * A {@link Clock} under a test's control.
 *
 * Timers run in the order of their time, those of the same time in the order they were set, and after each
 * one every chain of promises that it set off runs as far as it gets. Nothing here waits for real time.
 */
export class FakeClock implements Clock {
  #wallMs: number;
  #elapsedMs = 0;
  #advancing = false;
  readonly #turns: number;
  /** Sorted by time, then by the order of setting. */
  readonly #timers: FakeTimer[] = [];

  constructor(options: FakeClockOptions = {}) {
    this.#wallMs = options.now ?? Date.UTC(2026, 0, 1);
    this.#turns = options.turns ?? 3;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimeout(run: () => void, ms: number, _options?: TimerOptions): TimerHandle {
    const timer: FakeTimer = { dueMs: this.#elapsedMs + Math.max(ms || 0, 0), run };
    let at = this.#timers.length;
    while (at > 0 && this.#timers[at - 1]!.dueMs > timer.dueMs) at--;
    this.#timers.splice(at, 0, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle | undefined): void {
    const at = this.#timers.indexOf(handle as FakeTimer);
    if (at >= 0) this.#timers.splice(at, 1);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next timer is due, or undefined when none waits. */
  get nextInMs(): number | undefined {
    const next = this.#timers[0];
    return next === undefined ? undefined : next.dueMs - this.#elapsedMs;
  }

  /**
   * Moves time forward by `ms` and runs every timer that becomes due on the way, also those set meanwhile.
   * Rejects with what a timer throws, at the moment of that timer. One call at a time.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`cannot move a clock by ${ms} ms`);
    if (this.#advancing) throw new Error("the clock is already moving; await the earlier call first");
    this.#advancing = true;
    try {
      await this.settle();
      const end = this.#elapsedMs + ms;
      for (let next = this.#timers[0]; next !== undefined && next.dueMs <= end; next = this.#timers[0]) {
        this.#timers.shift();
        this.#moveTo(next.dueMs);
        next.run();
        await this.settle();
      }
      this.#moveTo(end);
    } finally {
      this.#advancing = false;
    }
  }

  /**
   * Moves from timer to timer until `promise` settles, and returns its result.
   * Rejects when no timer is left that could settle it, or after `limitMs` of fake time. Default: 24 hours.
   */
  async until<T>(promise: PromiseLike<T>, limitMs = 86_400_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const end = this.#elapsedMs + limitMs;
    for (await this.settle(); !settled; ) {
      const next = this.nextInMs;
      if (next === undefined) throw new Error("the promise waits, but no timer does");
      if (this.#elapsedMs + next > end) throw new Error(`the promise did not settle in ${limitMs} ms`);
      await this.advance(next);
    }
    return promise;
  }

  /** Lets every chain of promises run as far as it gets without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await new Promise<void>((resolve) => macrotask(resolve));
  }

  /** Sets the wall clock forward, or back with a negative number, as an administrator would. No timer moves. */
  shiftWallClock(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}
