/**
 * The low-level worker: takes job requests off one subject, runs a handler, publishes results (CAP spec 04;
 * `run_worker` of cap-sdk-python 2.17.0).
 */
import type { BusPacket, JobRequest } from "../../gen/cap/index.js";
import { ErrorCode, JobStatus, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter } from "../core/emitter.js";
import { errorText } from "../core/errors.js";
import { Limiter } from "../core/limiter.js";
import type { Logger } from "../core/logger.js";
import { safeLogger, scoped, silentLogger } from "../core/logger.js";
import { compose } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import type { Subscription } from "./bus.js";
import { isResultLost, untilConnected } from "./bus-status.js";
import { ConnectionLostError, isUnsendable } from "./errors.js";
import type { MetricsHook } from "./metrics.js";
import { safeMetrics, statusName } from "./metrics.js";
import { Party } from "./party.js";
import type {
  JobCall,
  JobContext,
  JobHandler,
  JobResultInit,
  WorkerCounts,
  WorkerEvents,
  WorkerOptions,
} from "./worker-options.js";

const DEFAULT_WORKER_ID = "cap-worker";
/** First of the codes that belong to applications. */
const HANDLER_FAILED = 1000 as ErrorCode;

/** A job that was taken. */
interface Job {
  readonly packet: BusPacket;
  readonly request: JobRequest;
}

function failed(message: string, code = HANDLER_FAILED, name = "HANDLER_FAILED"): JobResultInit {
  return { status: JobStatus.FAILED, errorMessage: message, errorCodeEnum: code, errorCode: name };
}

/** A running worker. */
export class Worker {
  readonly counts: WorkerCounts;
  readonly #options: WorkerOptions;
  readonly #party: Party;
  readonly #logger: Logger;
  readonly #events: Emitter<WorkerEvents>;
  readonly #limiter: Limiter;
  readonly #metrics: Required<MetricsHook>;
  readonly #abort = new AbortController();
  /** Jobs that were taken and whose results are not published yet. */
  #unfinished = 0;
  #onFinished: () => void = () => {};
  readonly #waiting: Job[] = [];
  readonly #handle: (call: JobCall) => ReturnType<JobHandler>;
  readonly #close: StagedClose;
  #subscription: Subscription | undefined;
  #offSignal: (() => void) | undefined;
  #offStatus: (() => void) | undefined;

  /** @internal Use {@link runWorker}. */
  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.#metrics = safeMetrics(options.metrics, options.logger);
    this.#party = new Party({ ...options, senderId: options.senderId ?? DEFAULT_WORKER_ID });
    this.counts = Object.assign(this.#party.counts, { completed: 0, failed: 0, unpublished: 0 });
    this.#limiter = new Limiter(options.maxParallel ?? 1);
    const handle = ({ request, context }: JobCall) => options.handler(request, context);
    const { middleware = [] } = options;
    this.#handle = middleware.length === 0 ? handle : compose(middleware, async (call) => handle(call));
    this.#close = new StagedClose(
      {
        stopIntake: () => this.#subscription?.drain(),
        drain: () =>
          new Promise<void>((resolve) => {
            this.#onFinished = resolve;
            if (this.#unfinished === 0) resolve();
          }),
        abort: (reason) => {
          this.#abort.abort(reason);
          for (const job of this.#waiting.splice(0)) this.#refuse(job);
        },
        force: async () => {
          this.#offSignal?.();
          this.#offStatus?.();
          if (options.closeBus) await options.bus.drain();
        },
      },
      {
        what: "the worker",
        graceMs: options.graceMs ?? 30_000,
        clock: options.clock,
        logger: options.logger,
      },
    );
  }

  /** The worker's name on the bus. */
  get workerId(): string {
    return this.#party.senderId;
  }

  /** Handlers that run now. */
  get activeJobs(): number {
    return this.#limiter.active;
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
    const { subject, signal, bus } = this.#options;
    this.#offStatus = bus.onStatus((status, error) => {
      if (status === "closed" && this.#close.state === "open") {
        const lost = new ConnectionLostError("the bus was closed: this worker gets no more jobs", {
          cause: error,
        });
        this.#logger.error(lost.message, { workerId: this.workerId, reason: error?.message });
        this.#events.emit("error", lost);
      } else if (status === "connected" && error !== undefined) {
        if (isResultLost(error)) this.counts.unpublished++;
        this.#events.emit("error", error);
      }
    });
    this.#subscription = await this.#party.receive(
      subject,
      {
        onPacket: (packet) => this.#accept(packet),
        onRefused: (error) => this.#events.emit("refused", error),
      },
      { queue: subject },
    );
    this.#logger.info("the worker serves", { workerId: this.workerId, subject });
    if (signal?.aborted) await this.close();
    else if (signal !== undefined) this.#offSignal = onAbort(signal, () => void this.close());
  }

  /**
   * Takes no more jobs, lets running handlers end within `graceMs`, aborts the rest. Their results are
   * published. The bus stays open unless `closeBus` says that it is the worker's. Repeated calls share one promise.
   */
  close(): Promise<void> {
    return this.#close.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(packet: BusPacket): void {
    if (packet.payload.case !== "jobRequest") return; // not for a worker
    const request = packet.payload.value;
    this.#metrics.onJobReceived(request.jobId, request.topic);
    this.#unfinished++;
    if (this.#abort.signal.aborted) return this.#refuse({ packet, request });
    this.#waiting.push({ packet, request });
    this.#startWaiting();
  }

  /** Starts jobs in the order they came, as far as there are places. */
  #startWaiting(): void {
    while (this.#waiting.length > 0) {
      const release = this.#limiter.tryAcquire();
      if (release === undefined) return;
      void this.#run(this.#waiting.shift()!, release);
    }
  }

  /** The bus will not deliver this job again: says that it was not done. */
  #refuse(job: Job): void {
    const code = ErrorCode.JOB_WORKER_UNAVAILABLE;
    void this.#publish(job, failed("worker closed before the job ran", code, "WORKER_UNAVAILABLE"), 0n);
  }

  async #run(job: Job, release: () => void): Promise<void> {
    const clock = this.#options.clock ?? systemClock;
    const started = clock.monotonic();
    const { packet, request } = job;
    const log = this.#logOf(job, request.topic);
    const signal = this.#abort.signal;
    const context: JobContext = { jobId: request.jobId, traceId: packet.traceId, packet, signal, log };
    let result: JobResultInit;
    try {
      result = (await this.#handle({ request, context })) ?? failed("handler returned null");
    } catch (error) {
      log.error("handler failed", {
        exceptionType: error instanceof Error ? error.name : typeof error,
        error,
      });
      result = failed(this.#options.exposeErrors ? errorText(error) : "handler failed");
    }
    const executionMs = BigInt(Math.max(0, Math.round(clock.monotonic() - started)));
    const later = this.#publish(job, result, executionMs);
    if (later !== undefined) await later;
    release();
    this.#startWaiting();
  }

  /** Publishes the result and counts the job as finished, at once where that can be. Never fails. */
  #publish(job: Job, given: JobResultInit, executionMs: bigint): undefined | Promise<void> {
    let result = given;
    try {
      result = this.#settle(job, given, executionMs);
      const sent = this.#send(job, result);
      if (sent instanceof Promise) {
        return sent.then(
          () => this.#published(result),
          (error: unknown) => this.#publishAgain(job, result, executionMs, error),
        );
      }
    } catch (error) {
      return this.#publishAgain(job, result, executionMs, error);
    }
    this.#published(result);
    return undefined;
  }

  #send({ packet }: Job, result: JobResultInit): BusPacket | Promise<BusPacket> {
    return this.#party.sendNow(SUBJECT_RESULT, { case: "jobResult", value: result }, packet.traceId);
  }

  /**
   * After a failed try: once more when there is a connection again. A result that cannot be sent is replaced by
   * a FAILED one, so that no job is lost.
   */
  async #publishAgain(job: Job, given: JobResultInit, executionMs: bigint, problem: unknown): Promise<void> {
    const log = this.#logOf(job);
    let result = given;
    const whenConnected = async (error: unknown): Promise<void> => {
      if (!(error instanceof ConnectionLostError)) throw error;
      const { bus, clock, publishAgainMs: timeoutMs = 30_000 } = this.#options;
      log.warn("no connection for the result; it waits", { reason: error.message });
      await untilConnected(bus, { timeoutMs, clock, signal: this.#abort.signal });
      await this.#send(job, result);
    };
    try {
      await whenConnected(problem).catch(async (error: unknown) => {
        if (!isUnsendable(error)) throw error;
        log.error("the handler's result cannot be sent", { reason: errorText(error) });
        result = this.#settle(job, failed("result cannot be sent"), executionMs);
        const sendNow = async () => void (await this.#send(job, result));
        await sendNow().catch(whenConnected);
      });
    } catch (error) {
      this.counts.unpublished++;
      log.error("result not published", { reason: errorText(error) });
      this.#events.emit("error", error);
      return this.#finished();
    }
    this.#published(result);
  }

  #published({
    jobId = "",
    status = JobStatus.SUCCEEDED,
    executionMs = 0n,
    errorMessage,
  }: JobResultInit): void {
    const tookMs = Number(executionMs);
    if (status === JobStatus.FAILED) {
      this.counts.failed++;
      this.#metrics.onJobFailed(jobId, errorMessage ?? "");
    } else {
      this.counts.completed++;
      this.#metrics.onJobCompleted(jobId, tookMs, statusName(status));
    }
    this.#events.emit("result", { jobId, status, executionMs: tookMs });
    this.#finished();
  }

  #finished(): void {
    if (--this.#unfinished === 0) this.#onFinished();
  }

  /** Fills in what a handler may leave out, and mends what a scheduler would choke on. */
  #settle(job: Job, given: JobResultInit, executionMs: bigint): JobResultInit {
    const result: JobResultInit = {
      executionMs,
      status: JobStatus.SUCCEEDED,
      ...given,
      jobId: given.jobId || job.request.jobId,
      workerId: this.workerId,
    };
    if (given.workerId && given.workerId !== this.workerId) {
      // Peers drop such a result without a word; the sender is the worker.
      const { workerId } = given;
      this.#logOf(job).warn("handler set another worker id; it is replaced by the sender's", { workerId });
    }
    if (result.status === JobStatus.DENIED) {
      this.#logOf(job).warn("a worker cannot deny a job: the scheduler would wait for ever; FAILED is sent");
      return { ...result, status: JobStatus.FAILED };
    }
    return result;
  }

  #logOf({ packet: { traceId }, request: { jobId } }: Job, topic?: string): Logger {
    if (this.#logger === silentLogger) return silentLogger;
    return scoped(this.#logger, topic === undefined ? { jobId, traceId } : { jobId, traceId, topic });
  }
}

/**
 * Starts a worker on a subject. Resolves once the bus knows of it; it runs until it is closed.
 *
 * @throws ValidationError `INVALID_KEY` for a key that is none, `INVALID_SUBJECT`; what {@link Bus.subscribe}
 * throws.
 */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new Worker(options);
  await worker.start();
  return worker;
}
