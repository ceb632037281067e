/** Takes jobs, gives them places, and sees to it that each one is answered. */
import type { BusPacket, JobCancel, JobRequest, JobResult } from "../../../gen/cap/index.js";
import { JobStatus } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import type { Delivery } from "../durable.js";
import type { JobResultInit } from "../worker-options.js";
import { cancelled, failureResult, JobFailure, logField, wireText, workerClosed } from "./failures.js";
import { inTime } from "./in-time.js";
import { Job } from "./job.js";
import { jobLimits, NO_LIMITS } from "./limits.js";
import type { AgentCounts } from "./options.js";
import { Places, type PlacesParts } from "./places.js";
import { identityOf, type ResultDesk } from "./results.js";
import type { ServedTopic } from "./topics.js";

/** What it needs of its agent. */
export interface DispatcherParts extends Omit<PlacesParts, "start"> {
  readonly results: ResultDesk;
  readonly counts: AgentCounts;
  readonly ioTimeoutMs: number;
  readonly granularStatus: boolean;
  /** Equal idempotency keys wait for each other. */
  readonly joinKeys: boolean;
  /** Does a job. Never rejects. */
  readonly run: (job: Job) => Promise<JobResultInit>;
  readonly onResult: (result: JobResult) => void;
  readonly onError: (error: unknown) => void;
}

/** How long a job that could not be settled stays away, so that a store that is down is not asked at once. */
const GIVE_BACK_MS = 1_000;

/** Jobs in hand: first come first served, within `maxParallel` places. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #places: Places;
  readonly #inHand = new Map<string, Job>();
  readonly #byKey = new Map<string, Promise<void>>();
  readonly #work = new Set<Promise<void>>();
  readonly #idle: (() => void)[] = [];
  #closing = false;
  #aborted = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#places = new Places({
      ...parts,
      start: (job, leave) => this.#track(this.#process(job).finally(leave)),
    });
  }

  /** Places taken: running handlers, and those that were cut short and go on. */
  get active(): number {
    return this.#places.active;
  }

  /** Jobs taken and not answered yet. */
  get inHand(): ReadonlyMap<string, Job> {
    return this.#inHand;
  }

  /** Takes a job. One that is in hand already is joined. */
  accept(packet: BusPacket, request: JobRequest, served: ServedTopic, delivery: Delivery | undefined): void {
    const { clock, log, counts, granularStatus } = this.#parts;
    if (delivery !== undefined && this.#closing) return delivery.giveBack();
    const known = this.#inHand.get(request.jobId);
    if (known !== undefined) {
      counts.repeated++;
      log.info("a job came again while it is in hand; one result answers both", {
        jobId: logField(request.jobId),
      });
      if (delivery !== undefined) known.deliveries.push(delivery);
      return;
    }
    let limits = NO_LIMITS;
    let refusal: JobFailure | undefined;
    try {
      limits = jobLimits(request);
    } catch (error) {
      if (!(error instanceof JobFailure)) throw error;
      refusal = error;
    }
    const job = new Job(packet, request, served, limits, clock, (stopped) => this.#onStop(stopped));
    if (delivery !== undefined) job.deliveries.push(delivery);
    this.#inHand.set(request.jobId, job);
    if (this.#aborted) refusal ??= workerClosed(false);
    if (refusal === undefined) {
      this.#places.add(job);
    } else {
      job.waiting = false;
      this.#track(this.#answer(job, failureResult(refusal, granularStatus), false));
    }
  }

  /** Cuts a job short, wherever it stands. One that is not in hand is somebody else's. */
  cancel({ jobId, reason, requestedBy }: JobCancel): void {
    const job = this.#inHand.get(jobId);
    if (job?.stop(cancelled(wireText(reason))) !== true) return;
    this.#parts.log.info("job cancelled", { jobId: logField(jobId), requestedBy: logField(requestedBy) });
  }

  /** Tells streams that their jobs are worked on. */
  tick(): void {
    for (const { deliveries } of this.#inHand.values()) for (const delivery of deliveries) delivery.working();
  }

  /** From now on jobs of a stream are given back: those that wait at once, others as they come. */
  stopIntake(): void {
    this.#closing = true;
    for (const job of this.#places.waiting) {
      if (job.deliveries.length === 0) continue;
      job.waiting = false;
      job.settle();
      this.#giveBack(job);
    }
  }

  /** Resolves when every job in hand is answered. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  /** Cuts every job short: those of a stream are given back, the others answered. */
  abort(): void {
    this.#aborted = true;
    for (const job of [...this.#inHand.values()]) job.stop(workerClosed(!job.waiting));
  }

  /** Forgets handlers that go on although they were cut short. */
  forget(): void {
    this.#places.forget();
  }

  #onStop(job: Job): void {
    if (!job.waiting) return; // who runs it sees to it
    job.waiting = false;
    this.#track(this.#answer(job, failureResult(job.stopped!, this.#parts.granularStatus), false));
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#parts.onError(error))
      .finally(() => {
        this.#work.delete(tracked);
        this.#tellIdle();
      });
    this.#work.add(tracked);
  }

  #drop(job: Job): void {
    this.#inHand.delete(job.request.jobId);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#work.size > 0 || this.#inHand.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #process(job: Job): Promise<void> {
    let done: (() => void) | undefined;
    try {
      for (let twin = this.#twin(job); twin !== undefined && !job.stopped; twin = this.#twin(job)) {
        await job.race(twin).catch(() => {}); // cut short: the run below says so
      }
      done = this.#claim(job);
      const known = await this.#parts.results.find(job);
      const result = known ?? (await this.#parts.run(job));
      await this.#answer(job, result, known !== undefined);
    } catch (error) {
      this.#unsettled(job, error);
    } finally {
      done?.();
    }
  }

  #twin(job: Job): Promise<void> | undefined {
    return this.#parts.joinKeys ? this.#byKey.get(keyOf(job)) : undefined;
  }

  /** Makes equal idempotency keys wait for this job. */
  #claim(job: Job): (() => void) | undefined {
    const key = keyOf(job);
    if (!this.#parts.joinKeys || key === "") return undefined;
    let done!: () => void;
    const claim = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#byKey.set(key, claim);
    return () => {
      if (this.#byKey.get(key) === claim) this.#byKey.delete(key);
      done();
    };
  }

  async #answer(job: Job, given: JobResultInit, repeated: boolean): Promise<void> {
    const { results, counts, onResult } = this.#parts;
    job.settle();
    if (job.deliveries.length > 0 && this.#aborted && job.stopped !== undefined) return this.#giveBack(job);
    await job.reporting;
    let result: JobResult;
    try {
      result = await results.publish(job, given, repeated);
    } catch (error) {
      counts.unpublished++;
      return this.#unsettled(job, error);
    }
    if (repeated) counts.repeated++;
    else if (result.status === JobStatus.SUCCEEDED) counts.succeeded++;
    else counts.failed++;
    // The place is free from here on; acknowledging takes a while.
    if (job.deliveries.length > 0) this.#track(this.#acknowledge(job));
    else this.#drop(job);
    onResult(result);
  }

  /** The result is out: nobody else need do the job. Deliveries that join meanwhile are told as well. */
  async #acknowledge(job: Job): Promise<void> {
    const { clock, ioTimeoutMs } = this.#parts;
    while (job.deliveries.length > 0) {
      const acks = job.deliveries
        .splice(0)
        .map((delivery) => inTime("acknowledging a job", ioTimeoutMs, clock, () => delivery.ack()));
      try {
        await Promise.all(acks);
      } catch (error) {
        const jobId = logField(job.request.jobId);
        this.#parts.log.warn("a job is not acknowledged; it will come again", {
          jobId,
          reason: errorText(error),
        });
      }
    }
    this.#drop(job);
  }

  #giveBack(job: Job, delayMs?: number): void {
    this.#drop(job);
    for (const delivery of job.deliveries.splice(0)) delivery.giveBack(delayMs);
  }

  /** No result went out. A stream delivers the job again; without one the job is lost, and said to be. */
  #unsettled(job: Job, error: unknown): void {
    const again = job.deliveries.length > 0;
    job.settle();
    this.#giveBack(job, this.#closing ? undefined : GIVE_BACK_MS);
    const jobId = logField(job.request.jobId);
    const reason = errorText(error);
    this.#parts.log.error(again ? "a job is given back" : "a result is not published", { jobId, reason });
    this.#parts.onError(error);
  }
}

/** "" for a job without a key. */
function keyOf(job: Job): string {
  const { idempotencyKey, tenantId } = identityOf(job);
  return idempotencyKey === "" ? "" : `${tenantId}\0${idempotencyKey}`;
}
