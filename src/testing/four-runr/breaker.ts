/** The circuit breaker of one tool, shared by all agents. */
import type { Clock } from "../../core/clock.js";

/** When a breaker opens and for how long. */
export interface BreakerOptions {
  /** Failures since it last closed after which it opens; successes in between change nothing. Default: 5. */
  readonly failures?: number | undefined;
  /** How long it stays open after the last failure. Default: 30,000. */
  readonly openMs?: number | undefined;
}

/** Whether calls get through. */
export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

/** Lets calls through until too many have failed; after a while one call may try again. */
export class Breaker {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #openMs: number;
  #state: BreakerState = "CLOSED";
  #failures = 0;
  #lastFailureMs = 0;

  constructor(clock: Clock, options: BreakerOptions = {}) {
    this.#clock = clock;
    this.#limit = options.failures ?? 5;
    this.#openMs = options.openMs ?? 30_000;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Failures since it last closed. */
  get failures(): number {
    return this.#failures;
  }

  /** Runs `work`, or rejects at once while the breaker is open. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state === "OPEN") {
      if (this.#clock.now() - this.#lastFailureMs < this.#openMs) {
        throw new Error(`Circuit breaker is OPEN for ${this.#openMs}ms`);
      }
      this.#enter("HALF_OPEN");
    }
    try {
      const result = await work();
      if (this.#state === "HALF_OPEN") this.#enter("CLOSED");
      return result;
    } catch (error) {
      this.#failures++;
      this.#lastFailureMs = this.#clock.now();
      if (this.#state === "HALF_OPEN" || this.#failures >= this.#limit) this.#state = "OPEN";
      throw error;
    }
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#failures = 0;
  }
}
