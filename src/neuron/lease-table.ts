/** The leases of a neuron by id: those in hand, and the ids of those that were answered. */
import { Lru } from "../core/lru.js";
import type { LeaseEntry } from "./lease.js";

/** Ids of answered leases that are remembered, to recognise a second delivery. */
const rememberedAnswers = 10_000;

/** Who holds which lease. */
export class LeaseTable {
  readonly #inHand = new Map<string, LeaseEntry>();
  readonly #answered = new Lru<string, true>(rememberedAnswers);
  #idle: (() => void)[] = [];

  /** True for a lease in hand or answered before. */
  knows(leaseId: string): boolean {
    return this.#inHand.has(leaseId) || this.#answered.has(leaseId);
  }

  get(leaseId: string): LeaseEntry | undefined {
    return this.#inHand.get(leaseId);
  }

  add(entry: LeaseEntry): void {
    this.#inHand.set(entry.leaseId, entry);
  }

  /** Forgets a lease; one whose answer was accepted is remembered by its id. */
  remove(entry: LeaseEntry, accepted: boolean): void {
    this.#inHand.delete(entry.leaseId);
    if (accepted) this.#answered.set(entry.leaseId, true);
    if (this.#inHand.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  get size(): number {
    return this.#inHand.size;
  }

  entries(): LeaseEntry[] {
    return [...this.#inHand.values()];
  }

  /** Resolves when no lease is in hand. */
  onIdle(): Promise<void> {
    if (this.#inHand.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
