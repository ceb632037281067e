/**
 * The low-level worker: takes job requests off one subject, runs a handler, publishes results (CAP spec 04;
 * `run_worker` of cap-sdk-python 2.17.0).
 */

import type { BusPacket, JobRequest, JobResult } from "../../gen/cap/index.js";
import { JobResultSchema, JobStatus } from "../../gen/cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter } from "../core/emitter.js";
import { ClosedError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { safeLogger, scoped, silentLogger } from "../core/logger.js";
import { compose } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import { Engine } from "../worker/engine.js";
import type { HandlerCall } from "../worker/middleware.js";
import { Resources } from "../worker/resources.js";
import type { Slots } from "../worker/slots.js";
import { Work } from "../worker/work.js";
import type { Subscription } from "./bus.js";
import type { PrivateKey } from "./crypto/key-ring.js";
import { ConnectionLostError, isLostResult } from "./errors.js";
import { exhausted, failureResult, unavailable, workerClosed } from "./failures.js";
import type { MetricsHook } from "./metrics.js";
import { safeMetrics, statusName } from "./metrics.js";
import { Party } from "./party.js";
import { ResultSender } from "./result-sender.js";
import { createMessage } from "./wire/create.js";
import type {
  JobContext,
  JobHandler,
  JobResultInit,
  WorkerCounts,
  WorkerEvents,
  WorkerOptions,
} from "./worker-options.js";

const DEFAULT_WORKER_ID = "cap-worker";
/** How long aborted handlers, and then the last results, may take when the worker closes. */
const ABORT_MS = 1_000;

type JobCall = HandlerCall<JobContext, JobRequest>;

/** A job that was taken. Equal job ids are different jobs here, so its key is its number. */
class Job extends Work {
  readonly packet: BusPacket;
  readonly request: JobRequest;
  readonly #logger: Logger;

  constructor(number: number, packet: BusPacket, request: JobRequest, logger: Logger) {
    super(number);
    this.packet = packet;
    this.request = request;
    this.#logger = logger;
  }

  get log(): Logger {
    if (this.#logger === silentLogger) return silentLogger;
    const { jobId, topic } = this.request;
    return scoped(this.#logger, { jobId, traceId: this.packet.traceId, topic });
  }
}

/**
 * What a handler gets. Signal and logger are created when it asks for them. A class: an object literal with accessors
 * costs a hidden class each time, which only a full garbage collection frees.
 */
class Context implements JobContext {
  readonly jobId: string;
  readonly traceId: string;
  readonly correlationId: string;
  readonly packet: BusPacket;
  readonly #job: Job;

  constructor(job: Job) {
    this.jobId = job.request.jobId;
    this.traceId = job.packet.traceId;
    this.correlationId = job.packet.traceId;
    this.packet = job.packet;
    this.#job = job;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  get log(): Logger {
    return this.#job.log;
  }
}

/** A running worker. */
export class Worker {
  /** The worker's name on the bus. */
  readonly workerId: string;
  readonly counts: WorkerCounts = { received: 0, refused: 0, completed: 0, failed: 0, unpublished: 0 };
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: Emitter<WorkerEvents>;
  readonly #metrics: Required<MetricsHook>;
  readonly #abort = new AbortController();
  readonly #engine: Engine<Job, JobResult>;
  readonly #slots: Slots<Job>;
  readonly #handle: (call: JobCall) => ReturnType<JobHandler>;
  readonly #resources: Resources;
  readonly #close: StagedClose;
  readonly #ends: (() => void)[] = [];
  #taken = 0;
  #party: Party | undefined;
  #sender: ResultSender | undefined;
  #subscription: Subscription | undefined;

  /** @internal Use {@link runWorker}. */
  constructor(options: WorkerOptions) {
    const { clock = systemClock, middleware = [], graceMs = 30_000, concurrency = 1 } = options;
    this.workerId = options.senderId ?? DEFAULT_WORKER_ID;
    this.#options = options;
    this.#clock = clock;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.#metrics = safeMetrics(options.metrics, options.logger);
    this.#resources = new Resources(clock, this.#logger, 5_000);
    const handle = ({ input, ctx }: JobCall) => options.handler(input, ctx);
    this.#handle =
      middleware.length === 0
        ? handle
        : // The last word has the handler's type, which `handle` narrows for whoever answers in its place.
          (compose(middleware, async (call) => handle(call)) as typeof handle);
    this.#engine = new Engine<Job, JobResult>(
      {
        run: (job) => this.#run(job),
        cut: (job) => this.#result(job, failureResult(workerClosed(job.state !== "queued")), 0),
        answer: (job, result) => this.#answer(job, result),
      },
      { clock, logger: this.#logger, graceMs: Infinity, abandonMs: Infinity },
    );
    this.#slots = this.#engine.slots(concurrency);
    this.#close = new StagedClose(
      {
        stopIntake: () => this.#subscription?.drain(),
        drain: () => this.#engine.idle(),
        abort: (reason) => {
          this.#abort.abort(reason);
          this.#engine.cutAll(reason);
        },
        force: async () => {
          await this.#engine.end(new ClosedError("the worker is closed"), ABORT_MS * 0.9);
          for (const end of this.#ends.splice(0)) end();
          await this.#resources.close();
        },
      },
      { what: "the worker", graceMs, abortMs: ABORT_MS, clock, logger: options.logger },
    );
  }

  /** Handlers that run now. */
  get activeJobs(): number {
    return this.#slots.active;
  }

  /**
   * Signs with this key from the next packet on.
   *
   * @throws ValidationError `INVALID_KEY`; then the key before it stays in use.
   */
  useKey(privateKey: PrivateKey): void {
    this.#party?.useKey(privateKey);
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof WorkerEvents>(
    event: Name,
    listener: (payload: WorkerEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /** @internal */
  async start(): Promise<void> {
    const { subject, signal, resendForMs = 30_000 } = this.#options;
    const bus = await this.#resources.open("the bus", this.#options.bus, (opened) => opened.drain());
    try {
      const party = new Party({ ...this.#options, bus, senderId: this.workerId });
      this.#party = party;
      this.#sender = new ResultSender({
        party,
        clock: this.#clock,
        log: this.#logger,
        ioTimeoutMs: 5_000,
        resendForMs,
        signal: this.#abort.signal,
      });
      this.#subscription = await party.receive(
        subject,
        {
          onPacket: (packet) => this.#accept(packet),
          onRefused: (error) => {
            this.counts.received++;
            this.counts.refused++;
            this.#events.emit("refused", error);
          },
        },
        { queue: subject },
      );
    } catch (error) {
      await this.#resources.close();
      throw error;
    }
    this.#ends.push(
      bus.onStatus((status, cause) => {
        if (status === "closed") this.#onBusClosed(cause);
        else if (status === "connected" && cause !== undefined) {
          // The bus lost a result, or a subscription that it tries to make again.
          if (isLostResult(cause)) this.counts.unpublished++;
          this.#events.emit("error", cause);
        }
      }),
    );
    this.#logger.info("the worker serves", { workerId: this.workerId, subject });
    if (signal?.aborted) await this.close();
    else if (signal !== undefined) this.#ends.push(onAbort(signal, () => void this.close()));
  }

  /**
   * Takes no more jobs, lets running handlers end within `graceMs`, and aborts the rest. Every job that was taken gets
   * a result, also one whose handler ignores its signal for a second. The bus stays open unless a function made it.
   * Every call returns the same promise.
   */
  close(): Promise<void> {
    return this.#close.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onBusClosed(cause: unknown): void {
    if (this.#close.state !== "open") return;
    const error = new ConnectionLostError("the bus was closed: this worker gets no more jobs", { cause });
    this.#logger.error(error.message, { workerId: this.workerId, cause });
    this.#events.emit("error", error);
    void this.close();
  }

  #accept(packet: BusPacket): void {
    this.counts.received++;
    if (packet.payload.case !== "jobRequest") return; // not for a worker
    const request = packet.payload.value;
    this.#metrics.onJobReceived(request.jobId, request.topic);
    const job = new Job(this.#taken++, packet, request, this.#logger);
    const { maxQueued = 10_000 } = this.#options;
    if (this.#abort.signal.aborted) {
      this.#engine.settle(job, this.#result(job, failureResult(workerClosed(false)), 0));
    } else if (this.#slots.waiting.size >= maxQueued) {
      job.log.error("too many jobs wait; this one is answered as failed", { maxQueued });
      const failure = exhausted(`worker queue full: ${maxQueued} jobs wait`);
      this.#engine.settle(job, this.#result(job, failureResult(failure), 0));
    } else {
      this.#engine.add(job, this.#slots);
    }
  }

  async #run(job: Job): Promise<JobResult> {
    const started = this.#clock.monotonic();
    const { request } = job;
    let given: JobResultInit;
    try {
      const call: JobCall = {
        protocol: "cap",
        id: request.jobId,
        name: request.topic,
        input: request,
        ctx: new Context(job),
      };
      given =
        (await this.#handle(call)) ?? failureResult(unavailable("handler returned null", "HANDLER_FAILED"));
    } catch (error) {
      const { jobId, topic } = request;
      job.log.error("handler failed", { error });
      this.#events.emit("handlerError", { jobId, topic, error });
      const text = this.#options.exposeErrors ? errorText(error) : "handler failed";
      given = failureResult(unavailable(text, "HANDLER_FAILED"));
    }
    return this.#result(job, given, Math.max(0, Math.round(this.#clock.monotonic() - started)));
  }

  /** Fills in what a handler may leave out, and mends what a scheduler would choke on. */
  #result(job: Job, given: JobResultInit, tookMs: number): JobResult {
    const { workerId } = this;
    const { jobId } = job.request;
    const executionMs = BigInt(tookMs);
    try {
      const init = { executionMs, status: JobStatus.SUCCEEDED, ...given, workerId };
      init.jobId ||= jobId;
      if (given.workerId && given.workerId !== workerId) {
        // Peers silently drop such a result: the sender is the worker.
        const { workerId: replaced } = given;
        job.log.warn("handler set another worker id; it is replaced by the sender's", {
          workerId: replaced,
        });
      }
      if (init.status === JobStatus.DENIED) {
        job.log.warn("a worker cannot deny a job: the scheduler would wait for ever; FAILED is sent");
        init.status = JobStatus.FAILED;
      }
      return createMessage(JobResultSchema, init);
    } catch (error) {
      job.log.error("the handler's result cannot be read", { reason: errorText(error) });
      const failure = unavailable("result cannot be sent", "RESULT_WRITE_FAILED");
      return createMessage(JobResultSchema, { ...failureResult(failure), jobId, workerId, executionMs });
    }
  }

  async #answer(job: Job, result: JobResult): Promise<void> {
    try {
      this.#published(await this.#sender!.send(result, job.packet.traceId));
    } catch (error) {
      this.counts.unpublished++;
      job.log.error("result not published", { reason: errorText(error) });
      this.#events.emit("error", error);
    }
  }

  #published({ jobId, status, executionMs, errorMessage }: JobResult): void {
    const tookMs = Number(executionMs);
    if (status === JobStatus.FAILED) {
      this.counts.failed++;
      this.#metrics.onJobFailed(jobId, errorMessage);
    } else {
      this.counts.completed++;
      this.#metrics.onJobCompleted(jobId, tookMs, statusName(status));
    }
    this.#events.emit("result", { jobId, status, executionMs: tookMs });
  }
}

/**
 * Starts a worker on a subject. Resolves once the bus knows of it; it runs until it is closed.
 *
 * @throws ValidationError `INVALID_KEY` or `INVALID_SUBJECT`; what {@link Bus.subscribe} and a function given as `bus`
 * throw.
 */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new Worker(options);
  await worker.start();
  return worker;
}
