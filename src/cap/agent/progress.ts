/** What handlers report: on the bus, and in the next heartbeat. */

import { JobStatus, SUBJECT_PROGRESS } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import { wireText } from "../failures.js";
import type { Party } from "../party.js";
import type { JobProgressUpdate } from "./context.js";
import type { Job } from "./job.js";
import type { HeartbeatInit } from "./options.js";

/** The last report of a running job. */
interface Report {
  readonly job: Job;
  readonly percent: number;
  readonly message: string;
}

/** Publishes progress, and remembers the last report. */
export class ProgressReporter {
  readonly #party: Party;
  #last: Report | undefined;

  constructor(party: Party) {
    this.#party = party;
  }

  /** Reports without waiting. A job whose result is fixed reports no more. */
  report(job: Job, update: JobProgressUpdate): void {
    if (job.settled || job.cutBy !== undefined) return;
    const { percent = 0, message = "", stepId = "" } = update;
    const whole = Math.min(100, Math.max(0, Math.trunc(percent) || 0));
    this.#last = { job, percent: whole, message: wireText(String(message)) };
    const { jobId } = job.request;
    const value = {
      jobId,
      stepId: wireText(String(stepId)),
      percent: whole,
      message: this.#last.message,
      status: JobStatus.RUNNING,
      ...job.authority,
    };
    const before = job.reporting;
    const sent = this.#party.send(SUBJECT_PROGRESS, { case: "jobProgress", value }, jobId);
    job.reporting = Promise.allSettled([before, sent]);
    sent.catch((error: unknown) => job.log.warn("could not send progress", { reason: errorText(error) }));
  }

  /** Its part of a heartbeat, while the job that reported last is in flight. */
  get latest(): Pick<HeartbeatInit, "progressPct" | "lastMemo"> {
    const last = this.#last;
    if (last === undefined || last.job.settled) return {};
    return { progressPct: last.percent, lastMemo: last.message };
  }
}
