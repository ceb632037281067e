/** Stops asking a peer that does not answer, and finds out when it is back (Cordum's safety client). */
import { type Clock, systemClock } from "../../core/clock.js";

/** Options of {@link Circuit}. The defaults are the numbers of Cordum's scheduler. */
export interface CircuitOptions {
  /** Failures in a row that open the circuit. Default: 3. */
  readonly failures?: number | undefined;
  /** How long it stays open. Default: 30000. */
  readonly openMs?: number | undefined;
  /** Calls that are let through at a time when that time is over. Default: 3. */
  readonly probes?: number | undefined;
  /** Successes among these that close it. Default: 2. */
  readonly successes?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** `closed`: calls go through; `open`: none does; `half-open`: a few do. */
export type CircuitState = "closed" | "open" | "half-open";

/** Counts successes and failures. Ask {@link Circuit.enter} before each call and tell it how the call ended. */
export class Circuit {
  readonly #clock: Clock;
  readonly #limits: { failures: number; openMs: number; probes: number; successes: number };
  #state: CircuitState = "closed";
  #failures = 0;
  #successes = 0;
  #probing = 0;
  #openUntilMs = 0;
  /** Calls that began before the last change of state say nothing about the time after it. */
  #era = 0;

  constructor(options: CircuitOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#limits = {
      failures: options.failures ?? 3,
      openMs: options.openMs ?? 30_000,
      probes: options.probes ?? 3,
      successes: options.successes ?? 2,
    };
  }

  get state(): CircuitState {
    return this.#state === "open" && this.#clock.monotonic() >= this.#openUntilMs ? "half-open" : this.#state;
  }

  /**
   * Undefined when a call must not be made now; else what to call when it has ended: with true for an answer,
   * false for a failure, undefined for neither.
   */
  enter(): ((ok: boolean | undefined) => void) | undefined {
    const state = this.state;
    if (state === "open") return undefined;
    if (state !== this.#state) this.#become("half-open");
    if (state === "half-open") {
      if (this.#probing >= this.#limits.probes) return undefined;
      this.#probing++;
    }
    const era = this.#era;
    return (ok) => {
      if (era !== this.#era) return;
      if (state === "half-open") this.#probing--;
      if (ok === true) this.#succeeded();
      else if (ok === false) this.#failed();
    };
  }

  #succeeded(): void {
    this.#failures = 0;
    if (this.#state === "half-open" && ++this.#successes >= this.#limits.successes) this.#become("closed");
  }

  #failed(): void {
    this.#failures++;
    if (this.#state === "closed" && this.#failures < this.#limits.failures) return;
    this.#become("open");
    this.#openUntilMs = this.#clock.monotonic() + this.#limits.openMs;
  }

  #become(state: CircuitState): void {
    this.#state = state;
    this.#era++;
    this.#failures = 0;
    this.#successes = 0;
    this.#probing = 0;
  }
}
