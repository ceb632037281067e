/** What a scheduler keeps of its jobs, with one lock per job. */
import type { JobRequest, JobResult, JobStatus } from "../../../gen/cap/index.js";
import type { Clock, TimerHandle } from "../../core/clock.js";
import type { JobState } from "./job-state.js";
import { isTerminal, mayMove, statusOf } from "./job-state.js";

/** What the scheduler knows of a job. */
export interface ScheduledJob {
  readonly jobId: string;
  readonly topic: string;
  readonly traceId: string;
  /** As it was submitted; an approved one has the label `approval_granted`. */
  readonly request: JobRequest;
  readonly state: JobState;
  /** {@link ScheduledJob.state} as it would be on the wire. */
  readonly status: JobStatus;
  /** How often the job was scheduled. */
  readonly attempts: number;
  /** Where it was sent to; the worker's id only where it was chosen by name. */
  readonly subject?: string;
  readonly workerId?: string;
  /** Why it waits, or why it did not succeed. */
  readonly reason?: string;
  readonly result?: JobResult;
}

/** A {@link ScheduledJob} as the scheduler itself sees it. */
export interface JobRecord extends ScheduledJob {
  request: JobRequest;
  state: JobState;
  status: JobStatus;
  attempts: number;
  subject?: string;
  workerId?: string;
  reason?: string;
  result?: JobResult;
  /** Of the last dispatch, under CAP-PRODUCTION. */
  dispatchId?: string;
  /** When it came into its state, on the monotonic clock. */
  sinceMs: number;
  /** When its time is over; `Infinity` without a limit. */
  deadlineMs: number;
  retry?: TimerHandle | undefined;
}

/** Jobs by id. */
export class JobTable {
  readonly #jobs = new Map<string, JobRecord>();
  readonly #locks = new Map<string, Promise<void>>();
  readonly #finished: string[] = [];
  readonly #clock: Clock;
  readonly #maxFinished: number;
  readonly #onError: (error: unknown) => void;

  /** `maxFinished`: jobs that are remembered after their end. `onError` is called with errors of work under {@link JobTable.lock}. */
  constructor(clock: Clock, maxFinished: number, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#maxFinished = maxFinished;
    this.#onError = onError;
  }

  get(jobId: string): JobRecord | undefined {
    return this.#jobs.get(jobId);
  }

  all(): JobRecord[] {
    return [...this.#jobs.values()];
  }

  add(request: JobRequest, traceId: string): JobRecord {
    const job: JobRecord = {
      jobId: request.jobId,
      topic: request.topic,
      traceId,
      request,
      state: "PENDING",
      status: statusOf("PENDING"),
      attempts: 0,
      sinceMs: this.#clock.monotonic(),
      deadlineMs: Infinity,
    };
    this.#jobs.set(job.jobId, job);
    return job;
  }

  /** Moves a job on. False when its state does not allow that; the job then stays as it is. */
  move(job: JobRecord, to: JobState): boolean {
    if (job.state === to) return true;
    if (!mayMove(job.state, to)) return false;
    job.state = to;
    job.status = statusOf(to);
    job.sinceMs = this.#clock.monotonic();
    if (isTerminal(to)) this.#end(job);
    return true;
  }

  /** Runs `work` when all that was begun before on the same job has ended. Never rejects. */
  lock(jobId: string, work: () => Promise<void> | void): Promise<void> {
    const turn = (this.#locks.get(jobId) ?? Promise.resolve()).then(work).catch(this.#onError);
    this.#locks.set(jobId, turn);
    void turn.then(() => {
      if (this.#locks.get(jobId) === turn) this.#locks.delete(jobId);
    });
    return turn;
  }

  /** Resolves when no work on any job is in flight. */
  async idle(): Promise<void> {
    while (this.#locks.size > 0) await Promise.all(this.#locks.values());
  }

  #end(job: JobRecord): void {
    this.#clock.clearTimeout(job.retry);
    job.retry = undefined;
    this.#finished.push(job.jobId);
    if (this.#finished.length > this.#maxFinished) this.#jobs.delete(this.#finished.shift()!);
  }
}
