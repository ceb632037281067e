/**
 * A client that waits for its jobs. It subscribes to results and to the dead letter queue: denied jobs and jobs that
 * never ran are reported only there.
 */
import { type JobProgress, SUBJECT_CANCEL } from "../../gen/cap/index.js";
import { abortError } from "../core/abort-error.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { uuid } from "../core/ids.js";
import { safeLogger } from "../core/logger.js";
import { checkOption, checkOptions, milliseconds } from "../core/options.js";
import { warned } from "../core/warned.js";
import { Resources } from "../worker/resources.js";
import { type BlobStore, contextKey, limitedStore, putValue } from "./blob-store.js";
import { BUS } from "./bus.js";
import { DuplicateJobError } from "./errors.js";
import type {
  JobClientOptions,
  JobHandle,
  SubmitAndWaitOptions,
  SubmitManyOptions,
  WaitOptions,
} from "./job-client-options.js";
import { type BatchItem, runBatch } from "./jobs/batch.js";
import {
  type JobSubmission,
  type PreparedJob,
  prepareJob,
  type SubmitReceipt,
  sendRequest,
} from "./jobs/submission.js";
import { JobWatch } from "./jobs/watch.js";
import { type JobOutcome, outcomeOf } from "./outcome.js";
import { Party } from "./party.js";

/** Submits jobs and waits for their ends. Make one with {@link openJobClient}. */
export class JobClient {
  readonly #options: JobClientOptions;
  readonly #party: Party;
  readonly #store: BlobStore | undefined;
  readonly #watch: JobWatch;
  readonly #close: StagedClose;

  /** @internal Use {@link openJobClient}. */
  constructor(
    options: JobClientOptions,
    party: Party,
    store: BlobStore | undefined,
    watch: JobWatch,
    owned: Resources,
  ) {
    const { storeLimits, clock, logger } = options;
    this.#options = options;
    this.#party = party;
    this.#store = store && limitedStore(store, { clock, ...storeLimits });
    this.#watch = watch;
    this.#close = new StagedClose(
      {
        drain: () => watch.idle(),
        abort: (reason) => watch.failAll(reason),
        force: async () => {
          watch.close();
          await owned.close();
        },
      },
      { what: "the job client", graceMs: 0, clock, logger },
    );
  }

  /** Jobs that are waited for now. */
  get waiting(): number {
    return this.#watch.waiting;
  }

  /**
   * Keeps the input of a job, publishes its request and does not wait.
   *
   * "ok" means published: nothing says that a scheduler took the job. For a client with a durable bus "ok" means
   * that the stream has the request, or had it before (`stored.duplicate`), so that the job will end.
   *
   * @throws ValidationError, InvalidInputError for a submission that is incomplete or contradicts itself, ClosedError; what the store and
   * {@link Bus.publish} or {@link DurableBus.publish} throw.
   */
  async submit(
    submission: JobSubmission,
    options: Pick<WaitOptions, "traceId"> = {},
  ): Promise<SubmitReceipt> {
    this.#close.throwIfClosed();
    return this.#send(prepareJob(submission, this.#store), options.traceId);
  }

  /**
   * Submits a job and resolves with its result, and its output where the client has a store, when it SUCCEEDED.
   *
   * "ok" means done: a worker has published the result.
   *
   * @throws The error class of what went wrong, with the `JobResult` in `details.result` and a
   * word for the reason, such as "denied" or "no_pool", in `details.reason`: SafetyDeniedError, NoPoolError, WorkerUnavailableError (not
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
  async start<T = unknown>(submission: JobSubmission, options: WaitOptions<T> = {}): Promise<JobHandle<T>> {
    this.#close.throwIfClosed();
    checkOption("the submission", submission, "object");
    await this.#watch.listen();
    const jobId = submission.jobId || `job-${uuid()}`;
    const progress = this.#watch.progress(jobId);
    try {
      const { result, sent } = await this.#begin({ ...submission, jobId }, options);
      const end = () => progress.end();
      result.then(end, end); // also when the wait ends before the job; callers that need the reason await `result`
      const cancel = (reason?: string) => this.cancel(jobId, reason);
      return { ...sent, result, progress: () => progress, cancel };
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
    await this.#watch.listen();
    checkOption("jobId", jobId, "text");
    yield* this.#watch.progress(jobId, options.signal);
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
    checkOption("jobId", jobId, "text");
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
  ): Promise<{ readonly result: Promise<JobOutcome<T>>; readonly sent: SubmitReceipt }> {
    this.#close.throwIfClosed();
    checkOptions(options, {
      timeoutMs: milliseconds,
      read: ["json", "bytes", "none"],
      signal: "signal",
    });
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const job = prepareJob(submission, this.#store);
    const { jobId } = job.request;
    if (this.#watch.isWaitingFor(jobId))
      throw new DuplicateJobError(`this client already waits for job ${jobId}`);
    const timeoutMs = options.timeoutMs ?? Math.max(60_000, (job.deadlineMs ?? 0) + 5_000);
    const cancel = ({ message }: Error): void => {
      const log = safeLogger(this.#options.logger);
      void warned(log, "a job could not be cancelled", () => this.cancel(jobId, message), { jobId });
    };
    const onGiveUp = options.cancelOnAbort ? cancel : undefined;
    const ended = this.#watch.wait(jobId, { timeoutMs, topic: submission.topic ?? "", signal, onGiveUp });
    const result = ended.then((end) => outcomeOf(this.#store, end, options));
    result.catch(() => {}); // a submission that fails is reported below
    const sending = this.#send(job, options.traceId, () =>
      this.#watch.isWaitingFor(jobId) ? undefined : ended,
    );
    try {
      // The end of the wait cuts the submission short. The end of the job, which may come first, does not.
      const sent = await Promise.race([sending, ended.then(() => sending)]);
      if (sent.stored !== undefined) this.#watch.stored(jobId, sent.stored);
      return { result, sent };
    } catch (error) {
      this.#watch.end(jobId, error as Error);
      throw error;
    }
  }

  async #send(
    { request, input, traceId }: PreparedJob,
    given = traceId,
    givenUp?: () => Promise<unknown> | undefined,
  ): Promise<SubmitReceipt> {
    if (input !== undefined) {
      request.contextPtr = await putValue(this.#store!, contextKey(request.jobId), input);
      await givenUp?.();
    }
    return sendRequest(this.#party, this.#options.durable, request, given);
  }
}

/**
 * Opens a client. Resolves once the bus knows that it listens.
 *
 * @throws What connecting, opening the store and subscribing throw; then what was opened is closed again.
 */
export async function openJobClient(options: JobClientOptions): Promise<JobClient> {
  checkOptions(options, {
    ioTimeoutMs: {},
    store: { has: ["get", "set"], orFunction: true },
    durable: { has: ["publish", "subscribe"] },
  });
  checkOption("bus", options.bus, { ...BUS, orFunction: true });
  const { clock = systemClock, logger, ioTimeoutMs = 5_000 } = options;
  const owned = new Resources(clock, safeLogger(logger), ioTimeoutMs);
  try {
    const bus = await owned.open("the bus", options.bus, (opened) => opened.drain());
    const store = options.store && (await owned.open("the store", options.store, (opened) => opened.close()));
    const party = new Party({ ...options, bus });
    const watch = new JobWatch(party, options);
    await watch.open();
    return new JobClient(options, party, store, watch, owned);
  } catch (error) {
    await owned.close();
    throw error;
  }
}

/**
 * Submits one job and waits for its end, with a client of its own: see {@link JobClient.submitAndWait}. For
 * several jobs open a client once.
 */
export async function submitAndWait<T = unknown>(options: SubmitAndWaitOptions<T>): Promise<JobOutcome<T>> {
  checkOptions(options, { signal: "signal" });
  checkOption("request", options.request, "object");
  if (options.signal?.aborted) throw abortError(options.signal);
  const client = await openJobClient(options);
  try {
    return await client.submitAndWait<T>(options.request, options);
  } finally {
    await client.close();
  }
}
