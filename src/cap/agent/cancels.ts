/** Cancels of jobs that are not here yet: a stream may still deliver them. */
import type { BusPacket, JobCancel } from "../../../gen/cap/index.js";
import { Lru } from "../../core/lru.js";
import type { Job } from "./job.js";
import { createdMs, MAX_SKEW_MS } from "./packet-age.js";

/** Ids that are remembered; the oldest goes first. */
const CAPACITY = 10_000;

interface Kept {
  readonly cancel: JobCancel;
  readonly createdMs: number;
}

/** A bounded memory of cancels by job id. */
export class Cancels {
  readonly #byJob = new Lru<string, Kept>(CAPACITY);

  remember(cancel: JobCancel, packet: BusPacket): void {
    this.#byJob.set(cancel.jobId, { cancel, createdMs: createdMs(packet) });
  }

  /** The reason for which a job was cancelled after it was sent. One that was sent again later is another job. */
  find(job: Job): string | undefined {
    const kept = this.#byJob.get(job.request.jobId);
    if (kept === undefined || createdMs(job.packet) > kept.createdMs + MAX_SKEW_MS) return undefined;
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
