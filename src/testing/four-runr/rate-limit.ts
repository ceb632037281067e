/** So many calls per window for each agent. */
import type { Clock } from "../../core/clock.js";

/** How many calls pass. */
export interface RateLimitOptions {
  /** Default: 5. */
  readonly calls?: number | undefined;
  /** The window begins with an agent's first call. Default: 60,000. */
  readonly windowMs?: number | undefined;
}

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
