/**
 * A small CAP scheduler for demos, tests and local development: it dispatches submitted jobs to the subject of
 * their topic and keeps their states. For one machine; it stores nothing.
 */
import { clone } from "@bufbuild/protobuf";
import type { BusPacket, JobRequest, JobResult } from "../../gen/cap/index.js";
import {
  JobRequestSchema,
  JobStatus,
  QUEUE_SCHEDULER,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import type { Subscription } from "../cap/bus.js";
import { assertSubject } from "../cap/bus.js";
import type { PartyOptions, ReceiveCounts } from "../cap/party.js";
import { Party } from "../cap/party.js";
import { Emitter } from "../core/emitter.js";
import { errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { safeLogger } from "../core/logger.js";

/** Options of {@link LocalScheduler}. */
export interface LocalSchedulerOptions extends Omit<PartyOptions, "senderId"> {
  /** Default: "cordum-scheduler", the name of the real one. */
  readonly senderId?: string | undefined;
}

/** What the scheduler knows of a job. */
export interface ScheduledJob {
  readonly jobId: string;
  readonly topic: string;
  readonly traceId: string;
  status: JobStatus;
  result?: JobResult;
}

/** What the scheduler tells of. */
export interface SchedulerEvents {
  dispatched: ScheduledJob;
  finished: ScheduledJob;
  /** A job that could not be dispatched. */
  error: unknown;
}

const TERMINAL = new Set([
  JobStatus.SUCCEEDED,
  JobStatus.FAILED,
  JobStatus.CANCELLED,
  JobStatus.DENIED,
  JobStatus.TIMEOUT,
]);

/** A scheduler in this process. */
export class LocalScheduler {
  readonly #party: Party;
  readonly #jobs = new Map<string, ScheduledJob>();
  readonly #events: Emitter<SchedulerEvents>;
  readonly #logger: Logger;
  readonly #sending = new Set<Promise<void>>();
  #subscriptions: Subscription[] = [];

  constructor(options: LocalSchedulerOptions) {
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.#party = new Party({ ...options, senderId: options.senderId ?? QUEUE_SCHEDULER });
  }

  /** Messages received and refused. */
  get counts(): ReceiveCounts {
    return this.#party.counts;
  }

  /** What is known of a job. */
  job(jobId: string): ScheduledJob | undefined {
    return this.#jobs.get(jobId);
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof SchedulerEvents>(
    event: Name,
    listener: (payload: SchedulerEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /** Starts to take jobs. Resolves once the bus knows of it. */
  async start(): Promise<void> {
    const queue = { queue: QUEUE_SCHEDULER };
    this.#subscriptions = await Promise.all([
      this.#party.receive(SUBJECT_SUBMIT, { onPacket: (packet) => this.#submit(packet) }, queue),
      this.#party.receive(SUBJECT_RESULT, { onPacket: (packet) => this.#finish(packet) }, queue),
    ]);
  }

  /** Takes no more jobs and sends out those it has taken. Repeated calls are fine. */
  async close(): Promise<void> {
    await Promise.all(this.#subscriptions.splice(0).map((subscription) => subscription.drain()));
    await Promise.all(this.#sending);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #submit(packet: BusPacket): void {
    if (packet.payload.case !== "jobRequest") return;
    const request = packet.payload.value;
    if (this.#jobs.has(request.jobId)) {
      this.#logger.info("a job that is known was submitted again; ignored", { jobId: request.jobId });
      return;
    }
    const { jobId, topic } = request;
    const job: ScheduledJob = { jobId, topic, traceId: packet.traceId, status: JobStatus.PENDING };
    this.#jobs.set(jobId, job);
    const sending = this.#dispatch(job, request).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** The request travels on in a packet of the scheduler's own, as the real one does it. */
  async #dispatch(job: ScheduledJob, request: JobRequest): Promise<void> {
    try {
      assertSubject(job.topic);
      job.status = JobStatus.DISPATCHED;
      const value = clone(JobRequestSchema, request);
      await this.#party.send(job.topic, { case: "jobRequest", value }, job.traceId);
      this.#events.emit("dispatched", job);
    } catch (error) {
      job.status = JobStatus.FAILED;
      this.#logger.error("job not dispatched", { jobId: job.jobId, reason: errorText(error) });
      this.#events.emit("error", error);
    }
  }

  #finish(packet: BusPacket): void {
    if (packet.payload.case !== "jobResult") return;
    const result = packet.payload.value;
    const job = this.#jobs.get(result.jobId);
    if (job === undefined || TERMINAL.has(job.status)) {
      this.#logger.info("a result nobody waits for; ignored", { jobId: result.jobId });
      return;
    }
    // What a scheduler makes of a status that is not an end: the job has failed.
    job.status = TERMINAL.has(result.status) ? result.status : JobStatus.FAILED;
    job.result = result;
    this.#events.emit("finished", job);
  }
}
