/** The workers a scheduler knows of: the last heartbeat of each, forgotten after a while. */
import type { Heartbeat } from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";

/** Heartbeats by worker, each good for a limited time. */
export class WorkerRegistry {
  readonly #seen = new Map<string, { readonly heartbeat: Heartbeat; readonly untilMs: number }>();
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor(ttlMs: number, clock: Clock) {
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  /** Takes the place of the worker's heartbeat before. */
  add(heartbeat: Heartbeat): void {
    this.#seen.delete(heartbeat.workerId);
    this.#seen.set(heartbeat.workerId, { heartbeat, untilMs: this.#clock.monotonic() + this.#ttlMs });
  }

  /** The last heartbeat of every worker that is alive, by worker id, the one heard longest ago first. */
  alive(): ReadonlyMap<string, Heartbeat> {
    const now = this.#clock.monotonic();
    const alive = new Map<string, Heartbeat>();
    for (const [workerId, { heartbeat, untilMs }] of this.#seen) {
      if (untilMs <= now) this.#seen.delete(workerId);
      else alive.set(workerId, heartbeat);
    }
    return alive;
  }
}
