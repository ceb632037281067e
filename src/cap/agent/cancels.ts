/** Cancels of jobs that are not here yet: a stream may still deliver them. */
import type { BusPacket } from "../../../gen/cap/index.js";
import { Lru } from "../../core/lru.js";
import { createdMs, MAX_SKEW_MS } from "./packet-age.js";

/** Ids that are remembered; the oldest goes first. */
const CAPACITY = 10_000;

interface Cancel {
  readonly reason: string;
  readonly createdMs: number;
}

/** A bounded memory of cancels by job id. */
export class Cancels {
  readonly #byJob = new Lru<string, Cancel>(CAPACITY);

  remember(jobId: string, reason: string, packet: BusPacket): void {
    this.#byJob.set(jobId, { reason, createdMs: createdMs(packet) });
  }

  /** The reason for which a job was cancelled after it was sent. One that was sent again later is another job. */
  find(jobId: string, job: BusPacket): string | undefined {
    const cancel = this.#byJob.get(jobId);
    if (cancel === undefined || createdMs(job) > cancel.createdMs + MAX_SKEW_MS) return undefined;
    return cancel.reason;
  }
}
