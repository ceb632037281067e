/** All leases of a gateway, with their expiry and their answers. It outlives a restart, as a database does. */
import type { InFlightLease } from "../../../gen/neuron/index.js";
import type { LeaseAnswer, LeaseRecord } from "./types.js";

/** Leases by id. */
export class LeaseStore {
  readonly #leases = new Map<string, LeaseRecord>();
  readonly #open = new Map<string, LeaseRecord>();
  readonly #unanswered = new Map<string, LeaseRecord>();
  /** What a lease record does not show: its lifetime, and the bodies of its answers as they arrived. */
  readonly #own = new WeakMap<LeaseRecord, { readonly ttlMs: number; readonly texts: Set<string> }>();
  readonly #limit: number;
  #next = 1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Every lease that is remembered, oldest first. */
  all(): LeaseRecord[] {
    return [...this.#leases.values()];
  }

  get(leaseId: string): LeaseRecord | undefined {
    return this.#leases.get(leaseId);
  }

  /** Writes down a new lease. */
  grant(
    facts: Pick<LeaseRecord, "taskId" | "capability" | "neuronId" | "stream" | "attempt">,
    nowMs: number,
    ttlMs: number,
  ): LeaseRecord {
    const lease: LeaseRecord = {
      leaseId: `lease-${this.#next++}`,
      ...facts,
      sentAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      state: "open",
      answers: [],
      repeats: 0,
      progress: [],
    };
    this.#own.set(lease, { ttlMs, texts: new Set() });
    this.#leases.set(lease.leaseId, lease);
    this.#open.set(lease.leaseId, lease);
    this.#unanswered.set(lease.leaseId, lease);
    this.#forget();
    return lease;
  }

  /** Takes an answer, and says whether it is the first, the same again, or another; `text` is the body as it came. */
  answer(lease: LeaseRecord, answer: LeaseAnswer, text: string): "first" | "repeat" | "second" {
    const { texts } = this.#own.get(lease)!;
    if (texts.has(text)) {
      lease.repeats++;
      return "repeat";
    }
    texts.add(text);
    lease.answers.push(answer);
    if (lease.answers.length > 1) return "second";
    lease.state = "answered";
    this.#open.delete(lease.leaseId);
    this.#unanswered.delete(lease.leaseId);
    return "first";
  }

  /** Renews what a heartbeat lists. Returns what is wrong with it, if anything is. */
  renew(neuronId: string, inFlight: readonly InFlightLease[], nowMs: number): string | undefined {
    for (const { leaseId, taskId, startedAt } of inFlight) {
      const lease = this.#leases.get(leaseId);
      if (lease === undefined || lease.neuronId !== neuronId)
        return `${leaseId} is not a lease of this neuron`;
      if (lease.taskId !== taskId) return `${leaseId} is for another task`;
      lease.startedAt ??= startedAt;
      if (lease.startedAt !== startedAt) return `${leaseId} has started at two times`;
      if (lease.state === "open") lease.expiresAtMs = nowMs + this.#own.get(lease)!.ttlMs;
    }
    return undefined;
  }

  /** Gives up on an open lease. */
  lose(lease: LeaseRecord): void {
    if (!this.#open.delete(lease.leaseId)) return;
    lease.state = "lost";
  }

  /** Open leases of one stream. */
  openOf(stream: number): LeaseRecord[] {
    return [...this.#open.values()].filter((lease) => lease.stream === stream);
  }

  /** Leases of one neuron without an answer, given up or not. */
  unansweredOf(neuronId: string): LeaseRecord[] {
    return [...this.#unanswered.values()].filter((lease) => lease.neuronId === neuronId);
  }

  /** Open leases whose time is over. */
  expired(nowMs: number): LeaseRecord[] {
    return [...this.#open.values()].filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
  }

  #forget(): void {
    if (this.#leases.size <= this.#limit) return;
    for (const [id, { state }] of this.#leases) {
      if (state === "open") continue;
      this.#leases.delete(id);
      this.#unanswered.delete(id);
      return;
    }
  }
}
