/** Stops asking a peer that does not answer, and finds out when it is back (the numbers of Cordum's scheduler). */
import type { Clock } from "../../core/clock.js";

/** Failures in a row that open the circuit, and how long it stays open. */
const FAILURES = 3;
const OPEN_MS = 30_000;
/** Calls that are let through at a time when that time is over, and successes among them that close it. */
const PROBES = 3;
const SUCCESSES = 2;

/** `closed`: calls go through; `open`: none does; `half-open`: a few do. */
export type CircuitState = "closed" | "open" | "half-open";

/** Counts successes and failures. Ask {@link Circuit.enter} before each call and tell it how the call ended. */
export class Circuit {
  readonly #clock: Clock;
  #era = newEra("closed");

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): CircuitState {
    const { state, untilMs } = this.#era;
    return state === "open" && this.#clock.monotonic() >= untilMs ? "half-open" : state;
  }

  /**
   * Undefined when a call must not be made now; else what to call when it has ended: with true for an answer,
   * false for a failure, undefined for neither.
   */
  enter(): ((ok: boolean | undefined) => void) | undefined {
    const { state } = this;
    if (state !== this.#era.state) this.#era = newEra(state);
    const era = this.#era;
    if (state === "open" || era.probing >= PROBES) return undefined;
    if (state === "half-open") era.probing++;
    return (ok) => {
      if (era !== this.#era) return;
      if (state === "half-open") era.probing--;
      if (ok === true) era.failures = 0;
      if (ok === true && state === "half-open" && ++era.successes >= SUCCESSES) this.#era = newEra("closed");
      else if (ok === false && (state === "half-open" || ++era.failures >= FAILURES))
        this.#era = newEra("open", this.#clock.monotonic() + OPEN_MS);
    };
  }
}

/** What happens in a state. Calls that began before it say nothing about it. */
function newEra(state: CircuitState, untilMs = 0) {
  return { state, untilMs, failures: 0, successes: 0, probing: 0 };
}
