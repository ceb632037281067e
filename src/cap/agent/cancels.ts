/** Cancels of jobs that are not here yet: a stream may still deliver them. */
import { type BusPacket, type JobCancel, STREAM_MAX_AGE_MS } from "../../../gen/cap/index.js";
import { Lru } from "../../core/lru.js";
import { timestampMs } from "../wire/well-known.js";
import type { Job } from "./job.js";

/** How far the clocks of two machines may differ. */
const MAX_SKEW_MS = 5_000;
/** Ids that are remembered; the oldest goes first. */
const CAPACITY = 10_000;

/** A bounded memory of cancels by job id. */
export class Cancels {
  readonly #byJob = new Lru<string, { readonly cancel: JobCancel; readonly packet: BusPacket }>(CAPACITY);

  remember(cancel: JobCancel, packet: BusPacket): void {
    this.#byJob.set(cancel.jobId, { cancel, packet });
  }

  /** The reason for which a job was cancelled after it was sent. One that was sent again later is another job. */
  find(job: Job): string | undefined {
    const kept = this.#byJob.get(job.request.jobId);
    if (kept === undefined || createdMs(job.packet) > createdMs(kept.packet) + MAX_SKEW_MS) return undefined;
    return isMeant(kept.cancel, job) ? kept.cancel.reason : undefined;
  }
}

/** Whether a cancel is about a job: the same id, and the same identity and dispatch as far as it names them. */
export function isMeant({ jobId, identity, dispatch }: JobCancel, job: Job): boolean {
  const { tenantId, principalId } = job.identity;
  const isSame = (named: string | undefined, own: string) => !named || named === own;
  return (
    jobId === job.identity.jobId &&
    isSame(identity?.tenantId, tenantId) &&
    isSame(identity?.principalId, principalId) &&
    isSame(dispatch?.dispatchId, job.authority?.dispatch.dispatchId ?? job.request.dispatch?.dispatchId ?? "")
  );
}

/**
 * How long ago a packet was made, in milliseconds. A difference that clocks that disagree may cause counts as 0, and so
 * does a time that cannot be right: in the future, or longer ago than any stream keeps a message.
 */
export function ageOf(packet: BusPacket, nowMs: number): number {
  const ageMs = nowMs - createdMs(packet);
  return ageMs <= MAX_SKEW_MS || ageMs > STREAM_MAX_AGE_MS ? 0 : ageMs;
}

/** When a packet was made, by its sender's clock. */
function createdMs({ createdAt }: BusPacket): number {
  return timestampMs(createdAt) ?? 0;
}
