/**
 * A client that waits for its jobs. It subscribes to results and to the dead letter queue: denied jobs and jobs that
 * never ran are reported only there.
 */
import type { BusPacket, JobProgress } from "../../gen/cap/index.js";
import { JobStatus, SUBJECT_CANCEL, SUBJECT_DLQ, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { abortError } from "../core/abort-error.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { AgentwireError, errorText } from "../core/errors.js";
import { uuid } from "../core/ids.js";
import { safeLogger } from "../core/logger.js";
import type { BlobStore } from "./blob-store.js";
import type { Subscription } from "./bus.js";
import { ConnectionLostError, DuplicateJobError } from "./errors.js";
import type {
  JobClientOptions,
  JobSubmitted,
  StartOptions,
  SubmitAndWaitOptions,
  SubmitManyOptions,
  WaitOptions,
} from "./job-client-options.js";
import { type BatchItem, runBatch } from "./jobs/batch.js";
import { assertDeadLetter } from "./jobs/dead-letter.js";
import type { JobHandle } from "./jobs/handle.js";
import { MissedResults, type ResultSource } from "./jobs/missed.js";
import { type JobOutcome, OutputReader } from "./jobs/output.js";
import { ProgressBoard } from "./jobs/progress.js";
import { type SentRequest, sendRequest } from "./jobs/sender.js";
import { type JobSubmission, type PreparedJob, prepareJob } from "./jobs/submission.js";
import { JobWaits } from "./jobs/waits.js";
import { isUnderWay, jobError } from "./outcome.js";
import { Party } from "./party.js";
import { limitedStore } from "./stores/limited.js";

export type { WaitOptions } from "./job-client-options.js";

/** Submits jobs and waits for their ends. Make one with {@link openJobClient}. */
export class JobClient {
  readonly #options: JobClientOptions;
  readonly #party: Party;
  readonly #store: BlobStore | undefined;
  readonly #outputs: OutputReader;
  readonly #progress: ProgressBoard;
  readonly #waits: JobWaits;
  readonly #missed: MissedResults | undefined;
  readonly #sources: readonly ResultSource[];
  readonly #subscriptions: Subscription[] = [];
  readonly #close: StagedClose;
  #offStatus: (() => void) | undefined;

  /** @internal Use {@link openJobClient}. */
  constructor(options: JobClientOptions) {
    const { store, storeLimits } = options;
    this.#options = options;
    this.#party = new Party(options);
    this.#waits = new JobWaits(options.clock ?? systemClock, options.logger);
    this.#store = store && limitedStore(store, { clock: options.clock, ...storeLimits });
    this.#outputs = new OutputReader(this.#store);
    this.#progress = new ProgressBoard(this.#party);
    this.#sources = [
      { subject: SUBJECT_RESULT, listener: { onPacket: (packet) => this.#onResult(packet) }, options: {} },
      // The scheduler leaves worker_id empty there, so the rules of a result do not apply.
      {
        subject: SUBJECT_DLQ,
        listener: { onPacket: (packet) => this.#onDeadLetter(packet) },
        options: { check: assertDeadLetter },
      },
    ];
    const { durable, clock = systemClock } = options;
    this.#missed =
      durable &&
      new MissedResults(this.#party, durable, this.#waits, this.#sources, {
        clock,
        logger: safeLogger(options.logger),
      });
    this.#close = new StagedClose(
      {
        drain: () => this.#waits.empty(),
        abort: (reason) => this.#waits.failAll(reason),
        force: () => {
          this.#offStatus?.();
          this.#missed?.close();
          this.#progress.close();
          for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
        },
      },
      { what: "the job client", graceMs: 0, clock: options.clock, logger: options.logger },
    );
  }

  /** Jobs that are waited for now. */
  get waiting(): number {
    return this.#waits.size;
  }

  /** @internal */
  async open(): Promise<void> {
    const { bus } = this.#options;
    let connected = bus.status() === "connected";
    this.#offStatus = bus.onStatus((status, error) => {
      if (status === "closed")
        this.#waits.failAll(new ConnectionLostError("the bus was closed", { cause: error }));
      if (!connected && status === "connected") this.#missed?.read();
      connected = status === "connected";
    });
    try {
      for (const { subject, listener, options } of this.#sources) {
        this.#subscriptions.push(await this.#party.receive(subject, listener, options));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Keeps the input of a job, publishes its request and does not wait.
   *
   * "ok" means published: nothing says that a scheduler took the job. For a client with a durable bus "ok" means
   * that the stream has the request, or had it before (`stored.duplicate`), so that the job will end.
   *
   * @throws ValidationError, InvalidInputError for a submission that makes no sense, ClosedError; what the store and
   * {@link Bus.publish} or {@link DurableBus.publish} throw.
   */
  async submit(submission: JobSubmission, options: Pick<WaitOptions, "traceId"> = {}): Promise<JobSubmitted> {
    this.#close.throwIfClosed();
    const job = prepareJob(submission, this.#store);
    return { jobId: job.jobId, ...(await this.#send(job, options.traceId)) };
  }

  /**
   * Submits a job and resolves with its result, and its output where the client has a store, when it SUCCEEDED.
   *
   * "ok" means done: a worker has published the result.
   *
   * @throws The error class of what went wrong, with the `JobResult` in `details.result` and a
   * {@link JobEndReason} in `details.reason`: SafetyDeniedError, NoPoolError, WorkerUnavailableError (not
   * dispatched), MaxRetriesExceededError, JobTimeoutError, JobCancelledError, …; JobFailedError where no
   * registered code says why.
   * @throws JobTimeoutError when `timeoutMs` is over; AbortError when the signal fires; ClosedError when the
   * client is closed; ConnectionLostError when the bus is closed; DuplicateJobError for a job id that is
   * waited for already; ValidationError for an output that does not fit; what {@link JobClient.submit} throws.
   */
  async submitAndWait<T = unknown>(
    submission: JobSubmission,
    options: WaitOptions<T> = {},
  ): Promise<JobOutcome<T>> {
    const { result } = await this.#begin(submission, options);
    return result;
  }

  /**
   * Submits a job and gives a handle to follow it. "ok" means what it means for {@link JobClient.submit}.
   *
   * @throws What {@link JobClient.submit} throws; DuplicateJobError. How the job ends is reported by `result`.
   */
  async start<T = unknown>(submission: JobSubmission, options: StartOptions<T> = {}): Promise<JobHandle<T>> {
    this.#close.throwIfClosed();
    await this.#progress.listen();
    const jobId = submission.jobId || `job-${uuid()}`;
    const progress = this.#progress.open(jobId);
    try {
      const { result, sent } = await this.#begin({ ...submission, jobId }, options);
      const end = () => progress.end();
      result.then(end, end); // also when the wait ends before the job; callers that need the reason await `result`
      const cancel = (reason?: string) => this.cancel(jobId, reason);
      return { jobId, ...sent, result, progress: () => progress, cancel };
    } catch (error) {
      progress.end();
      throw error;
    }
  }

  /**
   * How far a job is, whoever submitted it, from the first call of `next` on. Ends with the job, the signal, or the
   * client. Progress is best effort: packets may be missing.
   *
   * @throws What {@link Bus.subscribe} throws.
   */
  async *progress(
    jobId: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<JobProgress, void, undefined> {
    this.#close.throwIfClosed();
    await this.#progress.listen();
    yield* this.#progress.open(jobId, options.signal);
  }

  /**
   * Submits jobs, `concurrency` at a time, and gives one item for each, in the order of the requests. "ok" means that
   * every job has an item; each tells by itself how its job ended. Requests are taken as there is room for them.
   *
   * When the signal fires, jobs under way and those of an array that were not submitted are rejected; other
   * requests are not taken any more.
   *
   * @throws ValidationError for a `concurrency` below 1; what `requests` and `onItem` throw.
   */
  submitMany<T = unknown>(
    requests: Iterable<JobSubmission> | AsyncIterable<JobSubmission>,
    options: SubmitManyOptions<T> = {},
  ): Promise<BatchItem<T>[]> {
    return runBatch(requests, options, (submission) => this.submitAndWait<T>(submission, options));
  }

  /** Asks for a job to be stopped. "ok" means published. */
  async cancel(jobId: string, reason = "cancelled by the client"): Promise<void> {
    const requestedBy = this.#party.senderId;
    await this.#party.send(
      SUBJECT_CANCEL,
      { case: "jobCancel", value: { jobId, reason, requestedBy } },
      jobId,
    );
  }

  /**
   * Takes no new jobs and waits up to `graceMs` (default 0) for those under way; what still waits then fails
   * with a ClosedError. The bus stays open: it is the caller's.
   */
  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    return this.#close.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Submits a job and waits for its end in the background. */
  async #begin<T>(
    submission: JobSubmission,
    options: WaitOptions<T>,
  ): Promise<{ readonly result: Promise<JobOutcome<T>>; readonly sent: SentRequest }> {
    this.#close.throwIfClosed();
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const job = prepareJob(submission, this.#store);
    const { jobId } = job;
    if (this.#waits.has(jobId)) throw new DuplicateJobError(`job ${jobId} is waited for already`);
    const timeoutMs = options.timeoutMs ?? Math.max(60_000, (job.deadlineMs ?? 0) + 5_000);
    const onGiveUp = options.cancelOnAbort ? (error: Error) => this.#cancelQuietly(jobId, error) : undefined;
    const ended = this.#waits.wait(jobId, { timeoutMs, topic: submission.topic ?? "", signal, onGiveUp });
    const result = this.#outputs.isWanted(options as WaitOptions<never>)
      ? ended.then((value) => this.#outputs.read(value, options, signal))
      : (ended as Promise<JobOutcome<T>>);
    result.catch(() => {}); // a submission that fails is reported below
    const sending = this.#send(job, options.traceId, () => (this.#waits.has(jobId) ? undefined : ended));
    try {
      const sent = await (this.#isQuick(job) ? sending : cutShort(sending, ended));
      if (sent.stored !== undefined) this.#waits.stored(jobId, sent.stored.sequence);
      // A request that was stored before may have its result already.
      if (sent.stored?.duplicate) this.#missed?.read();
      return { result, sent };
    } catch (error) {
      this.#waits.done(jobId, error as Error);
      throw error;
    }
  }

  /** Publishing on a plain bus does not take time that is worth cutting short. */
  #isQuick(job: PreparedJob): boolean {
    return job.keepInput === undefined && this.#options.durable === undefined;
  }

  async #send(
    job: PreparedJob,
    traceId: string | undefined,
    givenUp?: () => Promise<unknown> | undefined,
  ): Promise<SentRequest> {
    if (job.keepInput !== undefined) {
      await job.keepInput();
      await givenUp?.();
    }
    return sendRequest(this.#party, this.#options.durable, job.request, traceId ?? job.traceId);
  }

  #cancelQuietly(jobId: string, why: Error): void {
    this.cancel(jobId, why.message).catch((error: unknown) => {
      safeLogger(this.#options.logger).warn("a job could not be cancelled", {
        jobId,
        reason: errorText(error),
      });
    });
  }

  #onResult({ payload }: BusPacket): void {
    if (payload.case !== "jobResult" || isUnderWay(payload.value)) return;
    const { jobId } = payload.value;
    this.#progress.end(jobId);
    this.#waits.done(jobId, payload.value);
  }

  #onDeadLetter({ payload }: BusPacket): void {
    if (payload.case !== "jobResult") return;
    const { value } = payload;
    // What is here did not succeed, whatever it says.
    this.#progress.end(value.jobId);
    this.#waits.done(value.jobId, value.status === JobStatus.SUCCEEDED ? jobError(value) : value);
  }
}

/** A submission that the end of the wait cuts short. The end of the job, which may come first, does not. */
function cutShort<T>(sending: Promise<T>, ended: Promise<unknown>): Promise<T> {
  const givenUp = ended.catch((error: unknown) => {
    if (!(error instanceof AgentwireError && carriesResult(error.details))) throw error;
  });
  return Promise.race([sending, givenUp.then(() => sending)]);
}

function carriesResult(details: unknown): boolean {
  return typeof details === "object" && details !== null && "result" in details;
}

/** Opens a client. Resolves once the bus knows that it listens. */
export async function openJobClient(options: JobClientOptions): Promise<JobClient> {
  const client = new JobClient(options);
  await client.open();
  return client;
}

/**
 * Submits one job and waits for its end, with a client of its own: see {@link JobClient.submitAndWait}. For
 * several jobs open a client once.
 */
export async function submitAndWait<T = unknown>(options: SubmitAndWaitOptions<T>): Promise<JobOutcome<T>> {
  if (options.signal?.aborted) throw abortError(options.signal);
  const client = await openJobClient(options);
  try {
    return await client.submitAndWait<T>(options.request, options);
  } finally {
    await client.close();
  }
}
