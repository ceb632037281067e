/** Finds running leases whose heartbeats were not accepted for one life. */
import type { Clock, TimerHandle } from "../core/clock.js";
import type { LeaseEntry } from "./lease.js";
import type { LeaseTable } from "./lease-table.js";

/** One timer for all leases of a neuron: it is set for the one that is the first to be lost. */
export class LeaseWatch {
  readonly #leases: LeaseTable;
  readonly #clock: Clock;
  readonly #onLost: (entry: LeaseEntry) => void;
  #timer: TimerHandle | undefined;
  #dueMs = Infinity;

  constructor(leases: LeaseTable, clock: Clock, onLost: (entry: LeaseEntry) => void) {
    this.#leases = leases;
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /** Watches a lease from the start of its handler. */
  add({ lostAtMs }: LeaseEntry): void {
    if (lostAtMs >= this.#dueMs) return;
    this.#clock.clearTimeout(this.#timer);
    this.#dueMs = lostAtMs;
    const delayMs = lostAtMs - this.#clock.monotonic();
    this.#timer = this.#clock.setTimeout(() => this.#look(), delayMs, { unref: true });
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#dueMs = Infinity;
  }

  #look(): void {
    this.#dueMs = Infinity;
    const now = this.#clock.monotonic();
    for (const entry of this.#leases.entries()) {
      if (entry.state !== "running") continue;
      if (entry.lostAtMs <= now) this.#onLost(entry);
      else this.add(entry);
    }
  }
}
