/** What happens to a job between its submission and its end (the engine of Cordum's scheduler). */
import { clone, create } from "@bufbuild/protobuf";
import {
  DispatchIdentitySchema,
  type JobRequest,
  JobRequestSchema,
  type JobResult,
  JobStatus,
} from "../../../gen/cap/index.js";
import { assertSubject } from "../../cap/bus.js";
import { PublishFailedError } from "../../cap/errors.js";
import type { Party } from "../../cap/party.js";
import { policyCheckRequest } from "../../cap/safety/verdict.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { Emitter } from "../../core/emitter.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { allowedAttempts, applyConstraints } from "./constraints.js";
import { type DeadLetter, sendDeadLetter } from "./dead-letter.js";
import { isTerminal, type JobState, stateOfResult } from "./job-state.js";
import { type JobRecord, JobTable, type ScheduledJob } from "./job-table.js";
import type { LocalSchedulerOptions } from "./options.js";
import { placeJob } from "./pools.js";
import { askSafety } from "./safety.js";
import { WorkerRegistry } from "./workers.js";

/** What the scheduler reports. */
export interface SchedulerEvents {
  dispatched: ScheduledJob;
  /** A job has ended, however. */
  finished: ScheduledJob;
  /** A job was not dispatched and will be tried again; its `reason` says why. */
  waiting: ScheduledJob;
  /** A job waits for `approve` or `reject`. */
  approval: ScheduledJob;
  /** A job that could not be dispatched, or a packet that could not be sent. */
  error: unknown;
}

const ACTIVE: readonly JobState[] = ["SCHEDULED", "DISPATCHED", "RUNNING"];
const THROTTLE_MS = 5_000;
const NO_WORKER_MS = 2_000;
const PUBLISH_MS = 2_000;

/** Decides, dispatches, ends. Everything about one job runs under the lock of that job. */
export class Engine {
  readonly jobs: JobTable;
  readonly workers: WorkerRegistry;
  readonly events: Emitter<SchedulerEvents>;
  /** False holds every job back. */
  open = false;
  readonly #options: LocalSchedulerOptions & { readonly senderId: string };
  readonly #party: Party;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: LocalSchedulerOptions & { readonly senderId: string }, party: Party) {
    this.#options = options;
    this.#party = party;
    this.#logger = safeLogger(options.logger);
    this.#clock = options.clock ?? systemClock;
    this.events = new Emitter({ logger: options.logger });
    this.jobs = new JobTable(this.#clock, options.maxFinished ?? 10_000, (error) =>
      this.events.emit("error", error),
    );
    this.workers = new WorkerRegistry(options.workerTtlMs ?? 30_000, this.#clock);
  }

  /** One try to dispatch a job. Called under its lock. */
  async process(job: JobRecord): Promise<void> {
    if (!this.open || (job.state !== "PENDING" && job.state !== "SCHEDULED")) return;
    this.#clock.clearTimeout(job.retry);
    job.retry = undefined;
    // Every try starts from what was submitted, so that constraints do not pile up.
    const request = clone(JobRequestSchema, job.request);
    const { safety, safetyTimeoutMs: timeoutMs = 2_000, pools } = this.#options;
    const verdict = await askSafety(safety, request, { timeoutMs, clock: this.#clock });
    if (verdict.action === "deny") return this.bury(job, "DENIED", verdict.reason, verdict.code);
    if (verdict.action === "throttle") {
      return this.#later(job, `safety throttle: ${verdict.reason}`, THROTTLE_MS);
    }
    if (verdict.action === "ask") {
      job.reason = verdict.reason;
      this.jobs.move(job, "APPROVAL_REQUIRED");
      return this.events.emit("approval", job);
    }
    const { constraints } = verdict;
    if (constraints !== undefined) applyConstraints(request, constraints);
    if (verdict.redactedContextPtr) request.contextPtr = verdict.redactedContextPtr;

    const allowed = allowedAttempts(constraints);
    if (allowed !== undefined && job.attempts >= allowed) {
      const reason = `max retries exceeded (attempts=${job.attempts}, max_retries=${allowed - 1})`;
      return this.bury(job, "FAILED", reason, "max_retries_exceeded");
    }
    const limit = constraints?.budgets?.maxConcurrentJobs ?? 0;
    if (limit > 0 && this.#activeOf(request) >= limit) return this.#later(job, "tenant_limit", NO_WORKER_MS);
    const deadlineMs = Number(request.budget?.deadlineMs ?? 0n);
    if (deadlineMs > 0) job.deadlineMs = this.#clock.monotonic() + deadlineMs;

    const place =
      pools === undefined ? { subject: job.topic } : placeJob(request, pools, this.workers.alive());
    if (!("problem" in place)) return this.#dispatch(job, request, place.subject, place.workerId);
    if (place.problem === "no_pool_mapping") return this.bury(job, "FAILED", place.reason, place.problem);
    this.#later(job, place.reason, NO_WORKER_MS);
  }

  /** The request travels on in a packet of the scheduler's own, as the real one does it. */
  async #dispatch(
    job: JobRecord,
    value: JobRequest,
    subject: string,
    workerId: string | undefined,
  ): Promise<void> {
    this.jobs.move(job, "SCHEDULED");
    job.attempts++;
    job.subject = subject;
    if (workerId !== undefined) job.workerId = workerId;
    if (this.#options.trust?.production) {
      job.dispatchId = randomHex(16);
      const attempt = BigInt(job.attempts);
      const dispatch = { dispatchId: job.dispatchId, attempt, assignedWorkerId: workerId ?? "" };
      value.dispatch = create(DispatchIdentitySchema, dispatch);
    }
    try {
      assertSubject(subject);
      await this.#party.send(subject, { case: "jobRequest", value }, job.traceId);
    } catch (error) {
      this.#logger.error("could not dispatch a job", { jobId: job.jobId, reason: errorText(error) });
      if (isFinal(error)) await this.bury(job, "FAILED", errorText(error), "dispatch_failed");
      else this.#later(job, errorText(error), PUBLISH_MS);
      this.events.emit("error", error);
      return;
    }
    delete job.reason;
    this.jobs.move(job, "DISPATCHED");
    this.jobs.move(job, "RUNNING");
    this.events.emit("dispatched", job);
  }

  /** Takes a worker's result. Called under the lock of its job. */
  async finish(result: JobResult): Promise<void> {
    const { jobId, status, errorCode, errorMessage, errorCodeEnum } = result;
    const job = this.jobs.get(jobId);
    if (job === undefined || isTerminal(job.state)) {
      this.#logger.info("ignored a result of a job that is not active", { jobId });
      return;
    }
    const { dispatchId, workerId = result.workerId } = job;
    // Under CAP-PRODUCTION a result answers the dispatch it names, and comes from the worker that was chosen.
    if (
      dispatchId !== undefined &&
      (result.dispatch?.dispatchId !== dispatchId || result.workerId !== workerId)
    ) {
      this.#logger.warn("a result for another dispatch; ignored", { jobId, workerId: result.workerId });
      return;
    }
    const state = stateOfResult(status);
    job.result = result;
    if (!this.end(job, state, errorMessage || undefined)) {
      delete job.result;
      this.#logger.warn("ignored a result: the state of its job does not allow it", { jobId, status: state });
      return;
    }
    if (state !== "SUCCEEDED") await this.#letter({ jobId, status, errorCode, errorMessage, errorCodeEnum });
  }

  /** Ends jobs whose time is over, and tries again those that wait longer than a dispatch may take. */
  reconcile(): void {
    for (const job of this.jobs.all()) {
      if (!isTerminal(job.state)) void this.jobs.lock(job.jobId, () => this.#review(job));
    }
  }

  #review(job: JobRecord): Promise<void> | void {
    if (isTerminal(job.state)) return;
    const now = this.#clock.monotonic();
    const { dispatchTimeoutMs = 300_000, runningTimeoutMs = 9_000_000 } = this.#options;
    if (now >= job.deadlineMs) return void this.end(job, "TIMEOUT", "timeout: deadline expired");
    const limitMs = job.state === "RUNNING" ? runningTimeoutMs : dispatchTimeoutMs;
    if (now - job.sinceMs < limitMs) return;
    if (ACTIVE.includes(job.state)) this.end(job, "TIMEOUT", `timeout: ${job.state} exceeded`);
    else return this.process(job);
  }

  /** Drops the tries that are still to come. */
  stop(): void {
    this.open = false;
    for (const job of this.jobs.all()) this.#clock.clearTimeout(job.retry);
  }

  #activeOf(request: JobRequest): number {
    const tenant = policyCheckRequest(request).tenant;
    return this.jobs
      .all()
      .filter((job) => ACTIVE.includes(job.state) && policyCheckRequest(job.request).tenant === tenant)
      .filter((job) => job.jobId !== request.jobId).length;
  }

  /** Keeps a job for another try. */
  #later(job: JobRecord, reason: string, delayMs: number): void {
    job.reason = reason;
    if (this.#options.redelivery !== false) {
      const again = (): void => void this.jobs.lock(job.jobId, () => this.process(job));
      job.retry = this.#clock.setTimeout(again, delayMs, { unref: true });
    }
    this.events.emit("waiting", job);
  }

  /** Ends a job, unless its state does not allow that. */
  end(job: JobRecord, state: JobState, reason?: string): boolean {
    if (isTerminal(job.state) || !this.jobs.move(job, state)) return false;
    if (reason === undefined) delete job.reason;
    else job.reason = reason;
    this.events.emit("finished", job);
    return true;
  }

  /** Ends a job that never reached a worker; only its dead letter tells the client. */
  async bury(job: JobRecord, state: "DENIED" | "FAILED", reason: string, code: string): Promise<void> {
    const status = JobStatus[state];
    if (!this.end(job, state, reason)) return;
    await this.#letter({ jobId: job.jobId, status, errorCode: code, errorMessage: reason });
  }

  async #letter(letter: DeadLetter): Promise<void> {
    try {
      await sendDeadLetter(this.#options, letter);
    } catch (error) {
      this.#logger.error("could not publish a dead letter", {
        jobId: letter.jobId,
        reason: errorText(error),
      });
      this.events.emit("error", error);
    }
  }
}

/** Sending the same packet to the same subject again could never work. */
function isFinal(error: unknown): boolean {
  return error instanceof ValidationError || (error instanceof PublishFailedError && !error.retryable);
}
