/** What handlers report: on the bus, and in the next heartbeat. */
import { JobStatus, SUBJECT_PROGRESS } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import type { ProgressUpdate } from "../../handler/index.js";
import { wireText } from "../failures.js";
import type { Job } from "./job.js";
import type { HeartbeatInit } from "./options.js";

/** A progress report of a job. */
export interface JobProgressUpdate extends ProgressUpdate {
  /** The step this is about. */
  readonly stepId?: string | undefined;
}

/** Publishes progress, and remembers the last report. */
export class ProgressReporter {
  #last: { readonly job: Job; readonly percent: number; readonly message: string } | undefined;

  /** Reports without waiting. A job whose result is fixed reports no more. */
  report(job: Job, { percent: given = 0, message: text = "", stepId = "" }: JobProgressUpdate): void {
    if (job.settled || job.cutBy !== undefined) return;
    const percent = Math.min(100, Math.max(0, Math.trunc(given) || 0));
    const message = wireText(String(text));
    this.#last = { job, percent, message };
    const { jobId } = job.request;
    const report = { jobId, stepId: wireText(String(stepId)), percent, message, status: JobStatus.RUNNING };
    const value = { ...report, ...job.authority };
    const sent = job.runtime.party.send(SUBJECT_PROGRESS, { case: "jobProgress", value }, jobId);
    job.reporting = Promise.allSettled([job.reporting, sent]);
    sent.catch((error: unknown) => job.log.warn("could not send progress", { reason: errorText(error) }));
  }

  /** Its part of a heartbeat, while the job that reported last is in flight. */
  get latest(): Pick<HeartbeatInit, "progressPct" | "lastMemo"> {
    const last = this.#last;
    if (last === undefined || last.job.settled) return {};
    return { progressPct: last.percent, lastMemo: last.message };
  }
}
