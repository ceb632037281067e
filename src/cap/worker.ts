/**
 * The low-level worker: takes job requests off one subject, runs a handler, publishes results (CAP spec 04;
 * `run_worker` of cap-sdk-python 2.17.0).
 */
import type { BusPacket, JobRequest } from "../../gen/cap/index.js";
import { ErrorCode, JobStatus, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter } from "../core/emitter.js";
import { errorText, ValidationError } from "../core/errors.js";
import { Limiter } from "../core/limiter.js";
import type { Logger } from "../core/logger.js";
import { safeLogger, scoped } from "../core/logger.js";
import { compose } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import type { Subscription } from "./bus.js";
import { untilConnected } from "./bus-status.js";
import { ConnectionLostError, PublishFailedError } from "./errors.js";
import type { MetricsHook } from "./metrics.js";
import { safeMetrics, statusName } from "./metrics.js";
import { Party } from "./party.js";
import type {
  JobCall,
  JobContext,
  JobResultInit,
  WorkerCounts,
  WorkerEvents,
  WorkerOptions,
} from "./worker-options.js";

const DEFAULT_WORKER_ID = "cap-worker";
/** First of the codes that belong to applications. */
const HANDLER_FAILED = 1000 as ErrorCode;

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
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: { readonly packet: BusPacket; readonly request: JobRequest }[] = [];
  readonly #handle: (call: JobCall) => Promise<JobResultInit | null | undefined>;
  readonly #close: StagedClose;
  #subscription: Subscription | undefined;
  #offSignal: (() => void) | undefined;

  /** @internal Use {@link runWorker}. */
  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.#metrics = safeMetrics(options.metrics, options.logger);
    this.#party = new Party({ ...options, senderId: options.senderId ?? DEFAULT_WORKER_ID });
    this.counts = Object.assign(this.#party.counts, { completed: 0, failed: 0, unpublished: 0 });
    this.#limiter = new Limiter(options.maxParallel ?? 1);
    this.#handle = compose(options.middleware ?? [], async ({ request, context }) =>
      options.handler(request, context),
    );
    this.#close = new StagedClose(
      {
        stopIntake: () => this.#subscription?.drain(),
        drain: async () => {
          while (this.#running.size > 0) await Promise.all(this.#running);
        },
        abort: (reason) => {
          this.#abort.abort(reason);
          for (const { packet, request } of this.#waiting.splice(0)) {
            this.#track(this.#refuse(packet, request));
          }
        },
        force: async () => {
          this.#offSignal?.();
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
    const { subject, signal } = this.#options;
    this.#subscription = await this.#party.receive(
      subject,
      {
        onPacket: (packet) => this.#accept(packet),
        onRefused: (error) => this.#events.emit("refused", error),
      },
      { queue: subject },
    );
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
    this.#metrics.onJobReceived(packet.payload.value.jobId, packet.payload.value.topic);
    if (this.#abort.signal.aborted) return this.#track(this.#refuse(packet, packet.payload.value));
    this.#waiting.push({ packet, request: packet.payload.value });
    this.#startWaiting();
  }

  /** Starts jobs in the order they came, as far as there are places. */
  #startWaiting(): void {
    while (this.#waiting.length > 0) {
      const release = this.#limiter.tryAcquire();
      if (release === undefined) return;
      const { packet, request } = this.#waiting.shift()!;
      this.#track(this.#run(packet, request, release).finally(() => this.#startWaiting()));
    }
  }

  #track(work: Promise<void>): void {
    const job = work.finally(() => this.#running.delete(job));
    this.#running.add(job);
  }

  /** The bus will not deliver this job again: says that it was not done. */
  #refuse(packet: BusPacket, request: JobRequest): Promise<void> {
    const code = ErrorCode.JOB_WORKER_UNAVAILABLE;
    const refusal = failed("worker closed before the job ran", code, "WORKER_UNAVAILABLE");
    return this.#publish(packet, request, refusal);
  }

  async #run(packet: BusPacket, request: JobRequest, release: () => void): Promise<void> {
    const clock = this.#options.clock ?? systemClock;
    try {
      const started = clock.monotonic();
      const result = await this.#execute(packet, request);
      const executionMs = BigInt(Math.max(0, Math.round(clock.monotonic() - started)));
      await this.#publish(packet, request, result, executionMs);
    } finally {
      release();
    }
  }

  async #execute(packet: BusPacket, request: JobRequest): Promise<JobResultInit> {
    const { jobId } = request;
    const fields = { jobId, traceId: packet.traceId, topic: request.topic };
    const log = scoped(this.#logger, fields);
    const context: JobContext = { jobId, traceId: packet.traceId, packet, signal: this.#abort.signal, log };
    try {
      const result = await this.#handle({ request, context });
      if (result === null || result === undefined) return failed("handler returned null");
      return result;
    } catch (error) {
      log.warn("handler failed", { exceptionType: error instanceof Error ? error.name : typeof error });
      return failed(this.#options.exposeErrors ? errorText(error) : "handler failed");
    }
  }

  /** Publishes the result; one that cannot be sent is replaced by a FAILED one, so that no job is lost. */
  async #publish(
    packet: BusPacket,
    request: JobRequest,
    given: JobResultInit,
    executionMs = 0n,
  ): Promise<void> {
    const { jobId } = request;
    const log = scoped(this.#logger, { jobId, traceId: packet.traceId });
    let result = this.#settle(given, jobId, executionMs, log);
    const publish = () =>
      this.#party.send(SUBJECT_RESULT, { case: "jobResult", value: result }, packet.traceId);
    const send = () =>
      publish().catch(async (error: unknown) => {
        if (!(error instanceof ConnectionLostError)) throw error;
        const { bus, clock, publishAgainMs: timeoutMs = 30_000 } = this.#options;
        log.warn("no connection for the result; it waits", { reason: error.message });
        await untilConnected(bus, { timeoutMs, clock, signal: this.#abort.signal });
        return publish();
      });
    try {
      await send().catch((error: unknown) => {
        if (!isUnsendable(error)) throw error;
        log.error("the handler's result cannot be sent", { reason: errorText(error) });
        result = this.#settle(failed("result cannot be sent"), jobId, executionMs, log);
        return send();
      });
    } catch (error) {
      this.counts.unpublished++;
      log.error("result not published", { reason: errorText(error) });
      this.#events.emit("error", error);
      return;
    }
    const status = result.status ?? JobStatus.SUCCEEDED;
    const tookMs = Number(result.executionMs ?? 0n);
    if (status === JobStatus.FAILED) {
      this.counts.failed++;
      this.#metrics.onJobFailed(jobId, result.errorMessage ?? "");
    } else {
      this.counts.completed++;
      this.#metrics.onJobCompleted(jobId, tookMs, statusName(status));
    }
    this.#events.emit("result", { jobId, status, executionMs: tookMs });
  }

  /** Fills in what a handler may leave out, and mends what a scheduler would choke on. */
  #settle(given: JobResultInit, jobId: string, executionMs: bigint, log: Logger): JobResultInit {
    const result: JobResultInit = {
      executionMs,
      status: JobStatus.SUCCEEDED,
      ...given,
      jobId: given.jobId || jobId,
      workerId: this.workerId,
    };
    if (given.workerId && given.workerId !== this.workerId) {
      // Peers drop such a result without a word; the sender is the worker.
      log.warn("handler set another worker id; it is replaced by the sender's", { workerId: given.workerId });
    }
    if (result.status === JobStatus.DENIED) {
      log.warn("a worker cannot deny a job: the scheduler would wait for ever; FAILED is sent");
      return { ...result, status: JobStatus.FAILED };
    }
    return result;
  }
}

/** Sending the same result again could never work. */
function isUnsendable(error: unknown): boolean {
  return error instanceof ValidationError || (error instanceof PublishFailedError && !error.retryable);
}

/**
 * Starts a worker on a subject. Resolves once the bus knows of it; it runs until it is closed.
 *
 * @throws ValidationError `invalid_key` for a key that is none, `invalid_subject`; what {@link Bus.subscribe}
 * throws.
 */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new Worker(options);
  await worker.start();
  return worker;
}
