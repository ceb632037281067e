/** The jobs of a worker: taken, joined, run by the engine, answered once, and settled with their stream. */
import {
  type BusPacket,
  type JobCancel,
  type JobRequest,
  JobStatus,
  SUBJECT_DLQ,
} from "../../../gen/cap/index.js";
import { AbortError, ClosedError, errorText, TimeoutError } from "../../core/errors.js";
import { warned } from "../../core/warned.js";
import { Engine } from "../../worker/engine.js";
import type { Slots } from "../../worker/slots.js";
import type { Delivery } from "../durable.js";
import { failureResult, JobFailure, logField, wireText } from "../failures.js";
import { idempotencyKeyOf } from "../result-cache.js";
import { ageOf, Cancels, isMeant } from "./cancels.js";
import { Job, jobLimits } from "./job.js";
import type { JobResultInit } from "./options.js";
import { findResult, publishResult, sendResult } from "./results.js";
import { runJob, runPlain } from "./run-job.js";
import type { Runtime, ServedTopic } from "./runtime.js";

/** How a job ends: with a result to publish, or with its deliveries given back to their stream. */
type Outcome =
  | { readonly result: JobResultInit; readonly isRepeat?: boolean; readonly isDead?: boolean }
  | { readonly giveBack: unknown };

/** How long a job that is given back stays away the first time, and at most. */
const GIVE_BACK_MS = 1_000;
const MAX_GIVE_BACK_MS = 30_000;
/** How long the handlers of `runWorker` may take to end once they are aborted. Within the stage of closing that waits. */
const ABORT_GRACE_MS = 900;

/** Jobs in flight: first come, first served. */
export class Jobs {
  /** How often a stream may deliver a job. */
  readonly maxDeliver: number;
  readonly #runtime: Runtime;
  readonly #engine: Engine<Job, Outcome>;
  readonly #slots: Slots<Job>;
  readonly #byKey = new Map<string, Promise<void>>();
  readonly #cancels = new Cancels();
  #closing = false;
  #aborted = false;

  /** `onFree` is called when a slot is free. */
  constructor(runtime: Runtime, onFree?: () => void) {
    this.#runtime = runtime;
    const { clock, log: logger, options, concurrency, isScheduled } = runtime;
    const { maxDeliver = 10, abandonMs = 5_000 } = options;
    this.maxDeliver = maxDeliver > 0 ? maxDeliver : Infinity;
    this.#engine = new Engine<Job, Outcome>(
      {
        run: (job) => this.#run(job),
        cut: (job, reason) => ({ result: this.#failed(job, failureOf(job, reason)) }),
        answer: (job, outcome) => this.#answer(job, outcome),
      },
      { clock, logger, graceMs: isScheduled ? 0 : ABORT_GRACE_MS, abandonMs, onFree },
    );
    this.#slots = this.#engine.slots(concurrency);
  }

  /** Slots taken: by running handlers, and by those that were cut short and go on. */
  get active(): number {
    return this.#slots.active;
  }

  /** Jobs taken and not answered yet. */
  get inFlight(): number {
    return this.#engine.size;
  }

  /** Takes a job. One of a scheduler that is in flight already is joined. */
  accept(packet: BusPacket, request: JobRequest, served: ServedTopic, delivery: Delivery | undefined): void {
    const { stats, log } = this.#runtime;
    if (delivery !== undefined && this.#closing) return delivery.giveBack();
    const job = new Job(this.#runtime, packet, request, served, delivery);
    const known = this.#engine.get(job.key);
    if (known !== undefined) {
      stats.repeated++;
      const jobId = logField(request.jobId);
      log.info("a job in flight was delivered again; one result answers both deliveries", { jobId });
      known.deliveries.push(...job.deliveries);
      return;
    }
    const refusal = this.#refusal(job);
    if (refusal === undefined) return this.#engine.add(job, this.#slots);
    const isDead = refusal.isStoreDown || job.delivery > this.maxDeliver;
    this.#engine.settle(job, { result: this.#failed(job, refusal), isDead });
  }

  /** Cancels a job in any state. One that is not here may still come from a stream. */
  cancel(packet: BusPacket, cancel: JobCancel): void {
    if (this.#runtime.durable !== undefined) this.#cancels.remember(cancel, packet);
    const { jobId, reason, requestedBy } = cancel;
    for (const job of this.#engine.all()) {
      if (!isMeant(cancel, job) || !this.#engine.cut(job, new AbortError(wireText(reason)))) continue;
      this.#runtime.log.info("job cancelled", { jobId: logField(jobId), requestedBy: logField(requestedBy) });
    }
  }

  /** Tells streams that their jobs are being worked on. */
  tick(): void {
    for (const { deliveries } of this.#engine.all()) for (const delivery of deliveries) delivery.working();
  }

  /** From now on jobs of a stream are given back: those that wait at once, others as they come. */
  stopIntake(): void {
    this.#closing = true;
    for (const job of this.#slots.waiting) {
      if (
        job.deliveries.length === 0 ||
        !this.#engine.drop(job, new ClosedError(`the ${this.#runtime.kind} is closed`))
      )
        continue;
      this.#giveBack(job);
    }
  }

  /** Resolves when every job in flight is answered. */
  idle(): Promise<void> {
    return this.#engine.idle();
  }

  /** Cuts every job short: those of a stream are given back, the others answered. */
  abort(): void {
    this.#aborted = true;
    this.#engine.cutAll(new ClosedError(`the ${this.#runtime.kind} is closed`));
  }

  /** Forgets handlers that go on although they were cut short. */
  close(): void {
    this.#engine.close();
  }

  /** Why a job must not run, if it must not. */
  #refusal(job: Job): JobFailure | undefined {
    const { options, isScheduled } = this.#runtime;
    const { maxQueued = 10_000 } = options;
    if (this.#aborted) return workerClosed(false);
    const refusal = isScheduled ? this.#schedulerRefusal(job) : undefined;
    if (refusal !== undefined || this.#slots.queued < maxQueued) return refusal;
    job.log.error("the queue is full (maxQueued): answered a job as FAILED", { maxQueued });
    return new JobFailure("RESOURCE_EXHAUSTED", `worker queue full: ${maxQueued} jobs wait`);
  }

  /** Why a job must not run by what its scheduler says. Sets its limits, and its deadline. */
  #schedulerRefusal(job: Job): JobFailure | undefined {
    const { clock } = this.#runtime;
    const { request, packet, delivery } = job;
    try {
      job.limits = jobLimits(request);
    } catch (error) {
      if (error instanceof JobFailure) return error;
      throw error;
    }
    if (delivery > this.maxDeliver)
      return new JobFailure("max_retries_exceeded", `job not finished after ${delivery - 1} deliveries`);
    const cancel = this.#cancels.find(job);
    if (cancel !== undefined) return cancelled(cancel);
    const { deadlineMs } = job.limits;
    if (deadlineMs !== Infinity) {
      const leftMs = deadlineMs - ageOf(packet, clock.now());
      job.deadline = clock.now() + leftMs;
      if (leftMs <= 0) return new JobFailure("TIMEOUT", "deadline exceeded");
      this.#engine.after(job, leftMs, () => this.#engine.cut(job, new TimeoutError("deadline exceeded")));
    }
    return undefined;
  }

  async #run(job: Job): Promise<Outcome> {
    try {
      if (!this.#runtime.isScheduled) return { result: await runPlain(job) };
      const known = this.#runtime.cache === undefined ? undefined : await this.#earlier(job);
      if (known !== undefined) return { result: { ...known, jobId: "" }, isRepeat: true };
      return { result: await runJob(job, () => this.#startRuntime(job)) };
    } catch (error) {
      if (job.settled) return { giveBack: error }; // it was cut short, and is answered already
      const isDead = error instanceof JobFailure && error.isStoreDown && job.deliveries.length > 0;
      if (isDead && job.delivery < this.maxDeliver) return { giveBack: error };
      // A handler that heeds its signal throws the reason of the cut.
      const failure = job.cutBy !== undefined && error === job.cutBy ? failureOf(job, job.cutBy) : error;
      return { result: this.#failed(job, failure), isDead };
    }
  }

  /** The result of an earlier delivery, or of a job with the same idempotency key, for which it waits. */
  async #earlier(job: Job): Promise<JobResultInit | undefined> {
    const key = idempotencyKeyOf(job.identity);
    if (key !== undefined) await this.#claimKey(key, job);
    return findResult(job).catch((error: unknown) => {
      const text = `earlier result not read: ${errorText(error)}`;
      throw new JobFailure("CONTEXT_UNAVAILABLE", text, { isStoreDown: true });
    });
  }

  /** Waits for jobs with the same idempotency key, and makes others wait for this one. */
  async #claimKey(key: string, job: Job): Promise<void> {
    for (let twin = this.#byKey.get(key); twin !== undefined; twin = this.#byKey.get(key))
      await job.race(twin);
    const claim = new Promise<void>((resolve) => {
      job.releaseKey = () => {
        if (this.#byKey.get(key) === claim) this.#byKey.delete(key);
        resolve();
      };
    });
    this.#byKey.set(key, claim);
  }

  #startRuntime(job: Job): void {
    const { clock } = this.#runtime;
    job.startedMs = clock.monotonic();
    const { maxRuntimeMs } = job.limits;
    if (maxRuntimeMs === Infinity) return;
    const at = clock.now() + maxRuntimeMs;
    if (job.deadline !== undefined && job.deadline <= at) return;
    job.deadline = at;
    const end = () => this.#engine.cut(job, new TimeoutError("max runtime exceeded"));
    this.#engine.after(job, maxRuntimeMs, end);
  }

  /** The result of a job that did not succeed. */
  #failed(job: Job, error: unknown): JobResultInit {
    const isKnown = error instanceof JobFailure;
    if (!isKnown) job.log.error("a job ended unexpectedly", { error });
    const failure = isKnown ? error : new JobFailure("HANDLER_FAILED", "handler failed");
    const result = failureResult(failure, this.#runtime.options.granularStatus);
    return { ...result, executionMs: job.elapsedMs, artifactPtrs: job.artifacts };
  }

  async #answer(job: Job, outcome: Outcome): Promise<void> {
    const { stats, events, log } = this.#runtime;
    try {
      if ("giveBack" in outcome) return this.#unsettled(job, outcome.giveBack);
      const isClosed = this.#aborted && job.cutBy instanceof ClosedError;
      if (isClosed && job.deliveries.length > 0) return this.#giveBack(job);
      if (job.reporting !== undefined) await job.reporting;
      const { isRepeat = false, isDead = false } = outcome;
      const result = await publishResult(job, outcome.result, !isRepeat && !isDead);
      stats[isRepeat ? "repeated" : result.status === JobStatus.SUCCEEDED ? "succeeded" : "failed"]++;
      if (isDead) {
        const { jobId } = result;
        await sendResult(SUBJECT_DLQ, result, job).catch((error: unknown) =>
          log.error("could not publish a dead letter", { jobId, reason: errorText(error) }),
        );
      }
      this.#engine.release(job); // acknowledging takes a while
      const acknowledged = job.deliveries.length > 0 ? this.#acknowledge(job) : undefined;
      events.emit("result", result);
      if (acknowledged !== undefined) await acknowledged;
    } catch (error) {
      stats.unpublished++;
      this.#unsettled(job, error);
    } finally {
      job.releaseKey?.();
    }
  }

  /** The result is out: nobody else need do the job. Deliveries that join meanwhile are acknowledged as well. */
  async #acknowledge(job: Job): Promise<void> {
    const { bounded, log } = this.#runtime;
    const text = "could not acknowledge a job yet; the stream may deliver it again";
    while (job.deliveries.length > 0) {
      const acks = job.deliveries.splice(0).map((one) => bounded("acknowledging a job", () => one.ack()));
      await warned(log, text, () => Promise.all(acks), { jobId: logField(job.request.jobId) });
    }
  }

  #giveBack(job: Job, delayMs?: number): void {
    for (const delivery of job.deliveries.splice(0)) delivery.giveBack(delayMs);
  }

  /** No result went out. A stream delivers the job again; without one the job is lost, and reported as such. */
  #unsettled(job: Job, error: unknown): void {
    const { log, events } = this.#runtime;
    const isDurable = job.deliveries.length > 0;
    const delayMs = Math.min(MAX_GIVE_BACK_MS, GIVE_BACK_MS * 2 ** (job.delivery - 1));
    this.#giveBack(job, this.#closing ? undefined : delayMs);
    const jobId = logField(job.request.jobId);
    const reason = errorText(error);
    log.error(isDurable ? "a job is given back" : "a result is not published", { jobId, reason });
    events.emit("error", error);
  }
}

function failureOf(job: Job, reason: Error): unknown {
  if (reason instanceof TimeoutError) return new JobFailure("TIMEOUT", reason.message);
  if (reason instanceof AbortError) return cancelled(reason.message);
  return job.cutBy === undefined ? reason : workerClosed(job.state !== "queued");
}

function cancelled(reason: string): JobFailure {
  return new JobFailure("CANCELLED", wireText(reason) || "job cancelled");
}

function workerClosed(ran: boolean): JobFailure {
  return new JobFailure("WORKER_UNAVAILABLE", `worker closed before the job ${ran ? "ended" : "ran"}`);
}
