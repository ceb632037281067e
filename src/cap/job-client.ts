/**
 * A client that waits for its jobs. It subscribes to results and to the dead letter queue: denied jobs and jobs that
 * never ran are reported only there.
 */
import type { BusPacket, JobProgress, JobResult } from "../../gen/cap/index.js";
import { JobStatus, SUBJECT_CANCEL, SUBJECT_DLQ, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { abortError } from "../core/abort-error.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { uuid } from "../core/ids.js";
import { safeLogger } from "../core/logger.js";
import { checkOption, checkOptions, milliseconds } from "../core/options.js";
import { warned } from "../core/warned.js";
import { Resources } from "../worker/resources.js";
import type { BlobStore } from "./blob-store.js";
import type { Bus, Subscription } from "./bus.js";
import { ConnectionLostError, DuplicateJobError } from "./errors.js";
import type {
  JobClientOptions,
  JobHandle,
  SubmitAndWaitOptions,
  SubmitManyOptions,
  WaitOptions,
} from "./job-client-options.js";
import { type BatchItem, runBatch } from "./jobs/batch.js";
import { missedResults, type ResultSource } from "./jobs/missed.js";
import { type JobOutcome, readOutput } from "./jobs/output.js";
import { ProgressBoard } from "./jobs/progress.js";
import {
  type JobSubmission,
  type PreparedJob,
  prepareJob,
  type SubmitReceipt,
  sendRequest,
} from "./jobs/submission.js";
import { JobWaits } from "./jobs/waits.js";
import { assertDeadLetter, isUnderWay, jobError } from "./outcome.js";
import { Party } from "./party.js";
import { limitedStore } from "./stores/limited.js";

/** The options of a client whose bus and store are open. */
interface OpenedOptions extends JobClientOptions {
  readonly bus: Bus;
  readonly store: BlobStore | undefined;
}

/** Submits jobs and waits for their ends. Make one with {@link openJobClient}. */
export class JobClient {
  readonly #options: OpenedOptions;
  readonly #party: Party;
  readonly #store: BlobStore | undefined;
  readonly #progress: ProgressBoard;
  readonly #waits: JobWaits;
  readonly #readMissed: (() => void) | undefined;
  readonly #sources: readonly ResultSource[];
  readonly #subscriptions: Subscription[] = [];
  readonly #close: StagedClose;
  #offStatus: (() => void) | undefined;

  /** @internal Use {@link openJobClient}. */
  constructor(options: OpenedOptions, owned: Resources) {
    const { store, storeLimits, durable, clock = systemClock, logger } = options;
    this.#options = options;
    this.#party = new Party(options);
    this.#waits = new JobWaits(clock, logger);
    this.#store = store && limitedStore(store, { clock, ...storeLimits });
    this.#progress = new ProgressBoard(this.#party);
    this.#sources = [
      {
        subject: SUBJECT_RESULT,
        listener: { onPacket: (packet) => this.#onEnd(packet, false) },
        options: {},
      },
      // The scheduler leaves worker_id empty there, so the rules of a result do not apply.
      {
        subject: SUBJECT_DLQ,
        listener: { onPacket: (packet) => this.#onEnd(packet, true) },
        options: { check: assertDeadLetter },
      },
    ];
    const closed = new AbortController();
    const reading = {
      party: this.#party,
      sources: this.#sources,
      oldest: () => this.#waits.oldest,
      signal: closed.signal,
      clock,
      logger: safeLogger(logger),
    };
    this.#readMissed = durable && missedResults({ ...reading, durable });
    this.#close = new StagedClose(
      {
        drain: () => this.#waits.empty(),
        abort: (reason) => this.#waits.failAll(reason),
        force: async () => {
          this.#offStatus?.();
          closed.abort();
          this.#progress.close();
          for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
          await owned.close();
        },
      },
      { what: "the job client", graceMs: 0, clock, logger },
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
      if (!connected && status === "connected") this.#readMissed?.();
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
    await this.#progress.listen();
    const jobId = submission.jobId || `job-${uuid()}`;
    const progress = this.#progress.open(jobId);
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
  ): Promise<{ readonly result: Promise<JobOutcome<T>>; readonly sent: SubmitReceipt }> {
    this.#close.throwIfClosed();
    checkOptions(options, { timeoutMs: milliseconds, read: ["json", "bytes", "none"] });
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const job = prepareJob(submission, this.#store);
    const { jobId } = job.request;
    if (this.#waits.has(jobId)) throw new DuplicateJobError(`this client already waits for job ${jobId}`);
    const timeoutMs = options.timeoutMs ?? Math.max(60_000, (job.deadlineMs ?? 0) + 5_000);
    const cancel = ({ message }: Error): void => {
      const log = safeLogger(this.#options.logger);
      void warned(log, "a job could not be cancelled", () => this.cancel(jobId, message), { jobId });
    };
    const onGiveUp = options.cancelOnAbort ? cancel : undefined;
    const ended = this.#waits.wait(jobId, { timeoutMs, topic: submission.topic ?? "", signal, onGiveUp });
    const isRead = options.output !== undefined || (this.#store !== undefined && options.read !== "none");
    const succeeded = ended.then(assertSucceeded);
    const result = isRead
      ? succeeded.then((value) => readOutput(this.#store, value, options, signal))
      : (succeeded as Promise<JobOutcome<T>>);
    result.catch(() => {}); // a submission that fails is reported below
    const sending = this.#send(job, options.traceId, () => (this.#waits.has(jobId) ? undefined : ended));
    try {
      // The end of the wait cuts the submission short. The end of the job, which may come first, does not.
      const sent = await (this.#isQuick(job) ? sending : Promise.race([sending, ended.then(() => sending)]));
      if (sent.stored !== undefined) this.#waits.stored(jobId, sent.stored.sequence);
      // A request that was stored before may have its result already.
      if (sent.stored?.duplicate) this.#readMissed?.();
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
  ): Promise<SubmitReceipt> {
    if (job.keepInput !== undefined) {
      await job.keepInput();
      await givenUp?.();
    }
    return sendRequest(this.#party, this.#options.durable, job.request, traceId ?? job.traceId);
  }

  #onEnd({ payload }: BusPacket, isDead: boolean): void {
    if (payload.case !== "jobResult" || (!isDead && isUnderWay(payload.value))) return;
    const { value } = payload;
    this.#progress.end(value.jobId);
    // A dead letter did not succeed, whatever it says.
    this.#waits.done(value.jobId, isDead && value.status === JobStatus.SUCCEEDED ? jobError(value) : value);
  }
}

function assertSucceeded(result: JobResult): JobResult {
  if (result.status === JobStatus.SUCCEEDED) return result;
  throw jobError(result);
}

/**
 * Opens a client. Resolves once the bus knows that it listens.
 *
 * @throws What connecting, opening the store and subscribing throw; then what was opened is closed again.
 */
export async function openJobClient(options: JobClientOptions): Promise<JobClient> {
  checkOptions(options, { ioTimeoutMs: {} });
  if (typeof options.bus !== "function") checkOption("bus", options.bus, "object");
  const { clock = systemClock, logger, ioTimeoutMs = 5_000 } = options;
  const owned = new Resources(clock, safeLogger(logger), ioTimeoutMs);
  try {
    const bus = await owned.open("the bus", options.bus, (opened) => opened.drain());
    const store = options.store && (await owned.open("the store", options.store, (opened) => opened.close()));
    const client = new JobClient({ ...options, bus, store }, owned);
    await client.open();
    return client;
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
  if (options.signal?.aborted) throw abortError(options.signal);
  const client = await openJobClient(options);
  try {
    return await client.submitAndWait<T>(options.request, options);
  } finally {
    await client.close();
  }
}
