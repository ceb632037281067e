/** So many calls per window for each agent; the window begins with its first call. */
import type { RateLimit as RateLimitOptions } from "../../4runr/rate.js";
import type { Clock } from "../../core/clock.js";

/** Fixed windows, one per agent, in memory. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #calls: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, { readonly endsAt: number; used: number }>();

  constructor(clock: Clock, options: RateLimitOptions = {}) {
    this.#clock = clock;
    this.#calls = options.calls ?? 5;
    this.#windowMs = options.windowMs ?? 60_000;
  }

  /** Counts a call. Gives the whole seconds to wait when it is one too many, else undefined. */
  take(agentId: string): number | undefined {
    const now = this.#clock.now();
    let window = this.#windows.get(agentId);
    if (window === undefined || window.endsAt <= now) {
      window = { endsAt: now + this.#windowMs, used: 0 };
      this.#windows.set(agentId, window);
    }
    window.used++;
    return window.used > this.#calls ? Math.ceil((window.endsAt - now) / 1000) : undefined;
  }
}
