/**
 * A client that waits for its jobs: it listens to results and to the dead letter queue, where a job that is
 * denied or never ran is told of and nowhere else.
 */
import type { BusPacket, JobResult } from "../../gen/cap/index.js";
import {
  JobStatus,
  PROTOCOL_VERSION,
  SUBJECT_CANCEL,
  SUBJECT_DLQ,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import { abortError } from "../core/abort-error.js";
import { systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { errorText } from "../core/errors.js";
import { uuid } from "../core/ids.js";
import { safeLogger } from "../core/logger.js";
import { onAbort } from "../core/on-abort.js";
import type { Subscription } from "./bus.js";
import type { JobRequestInit, SubmitJobOptions, Submitted } from "./client.js";
import {
  ConnectionLostError,
  DuplicateJobError,
  InvalidInputError,
  JobTimeoutError,
  VersionMismatchError,
} from "./errors.js";
import { isUnderWay, jobError } from "./outcome.js";
import type { PartyOptions } from "./party.js";
import { Party } from "./party.js";

/** Options of {@link JobClient.submitAndWait}. */
export interface WaitOptions {
  /** Joins all packets of the work. Default: random. */
  readonly traceId?: string | undefined;
  /** How long to wait for the end of the job. Default: 60000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Publish a job cancel when the wait ends before the job does. Default: false. */
  readonly cancelOnAbort?: boolean | undefined;
}

/** Options of {@link submitAndWait}. */
export interface SubmitAndWaitOptions
  extends WaitOptions,
    Omit<SubmitJobOptions, "traceId">,
    Pick<PartyOptions, "publicKeys" | "acceptRawOrder" | "maxPacketBytes"> {}

interface Waiting {
  readonly done: (outcome: JobResult | Error) => void;
}

/** Submits jobs and waits for their ends. Make one with {@link openJobClient}. */
export class JobClient {
  readonly #options: PartyOptions;
  readonly #party: Party;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscriptions: Subscription[] = [];
  readonly #close: StagedClose;
  #offStatus: (() => void) | undefined;
  #onEmpty: () => void = () => {};

  /** @internal Use {@link openJobClient}. */
  constructor(options: PartyOptions) {
    this.#options = options;
    this.#party = new Party(options);
    this.#close = new StagedClose(
      {
        drain: () =>
          new Promise<void>((resolve) => {
            this.#onEmpty = resolve;
            if (this.#waiting.size === 0) resolve();
          }),
        abort: (reason) => this.#failAll(reason),
        force: () => {
          this.#offStatus?.();
          for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
        },
      },
      { what: "the job client", graceMs: 0, clock: options.clock, logger: options.logger },
    );
  }

  /** Jobs that are waited for now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @internal */
  async start(): Promise<void> {
    const { bus } = this.#options;
    this.#offStatus = bus.onStatus((status, error) => {
      if (status === "closed") this.#failAll(new ConnectionLostError("the bus was closed", { cause: error }));
    });
    try {
      this.#subscriptions.push(
        await this.#party.receive(SUBJECT_RESULT, { onPacket: (packet) => this.#onResult(packet) }),
      );
      // The scheduler leaves worker_id empty there, so the rules of a result do not fit.
      this.#subscriptions.push(
        await this.#party.receive(
          SUBJECT_DLQ,
          { onPacket: (packet) => this.#onDeadLetter(packet) },
          { check: assertDeadLetter },
        ),
      );
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Publishes a job request and does not wait; see `submitJob`. */
  async submit(request: JobRequestInit, options: Pick<WaitOptions, "traceId"> = {}): Promise<Submitted> {
    this.#close.throwIfClosed();
    const jobId = request.jobId || `job-${uuid()}`;
    const { traceId } = await this.#send({ ...request, jobId }, options.traceId);
    return { jobId, traceId };
  }

  /**
   * Submits a job and resolves with its result when it SUCCEEDED.
   *
   * @throws The error class of what went wrong, with the `JobResult` in `details.result`: SafetyDeniedError,
   * WorkerUnavailableError (no pool, not dispatched), JobTimeoutError, JobCancelledError, …; JobFailedError
   * where no registered code says why.
   * @throws JobTimeoutError when `timeoutMs` is over; AbortedError when the signal fires; ClosedError when the
   * client is closed; ConnectionLostError when the bus is closed; DuplicateJobError for a job id that is
   * waited for already; what `submitJob` throws.
   */
  async submitAndWait(request: JobRequestInit, options: WaitOptions = {}): Promise<JobResult> {
    this.#close.throwIfClosed();
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const jobId = request.jobId || `job-${uuid()}`;
    if (this.#waiting.has(jobId)) throw new DuplicateJobError(`job ${jobId} is waited for already`);
    const ended = this.#wait(jobId, options);
    try {
      await this.#send({ ...request, jobId }, options.traceId);
    } catch (error) {
      this.#waiting.get(jobId)?.done(error as Error);
    }
    return ended;
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

  #send(value: JobRequestInit, traceId: string | undefined): Promise<BusPacket> {
    return this.#party.send(SUBJECT_SUBMIT, { case: "jobRequest", value }, traceId);
  }

  #wait(jobId: string, options: WaitOptions): Promise<JobResult> {
    const { clock = systemClock } = this.#options;
    const { signal, timeoutMs = 60_000 } = options;
    return new Promise((resolve, reject) => {
      const done = (outcome: JobResult | Error): void => {
        this.#waiting.delete(jobId);
        clock.clearTimeout(timer);
        off?.();
        if (outcome instanceof Error) reject(outcome);
        else if (outcome.status === JobStatus.SUCCEEDED) resolve(outcome);
        else reject(jobError(outcome));
        if (this.#waiting.size === 0) this.#onEmpty();
      };
      const giveUp = (error: Error): void => {
        done(error);
        if (options.cancelOnAbort) this.#cancelQuietly(jobId, error);
      };
      const timer = clock.setTimeout(
        () => giveUp(new JobTimeoutError(`job ${jobId} did not end within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const off = signal && onAbort(signal, () => giveUp(abortError(signal)));
      this.#waiting.set(jobId, { done });
    });
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
    this.#waiting.get(payload.value.jobId)?.done(payload.value);
  }

  #onDeadLetter({ payload }: BusPacket): void {
    if (payload.case !== "jobResult") return;
    const { value } = payload;
    // What is here did not succeed, whatever it says.
    const waiting = this.#waiting.get(value.jobId);
    waiting?.done(value.status === JobStatus.SUCCEEDED ? jobError(value) : value);
  }

  #failAll(error: Error): void {
    for (const { done } of [...this.#waiting.values()]) done(error);
  }
}

function assertDeadLetter({ payload, protocolVersion }: BusPacket): void {
  if (protocolVersion !== PROTOCOL_VERSION) {
    throw new VersionMismatchError(`protocol_version must equal ${PROTOCOL_VERSION}`);
  }
  if (payload.case !== "jobResult" || payload.value.jobId === "") {
    throw new InvalidInputError("a dead letter must be the result of a job");
  }
}

/** Opens a client. Resolves once the bus knows that it listens. */
export async function openJobClient(options: PartyOptions): Promise<JobClient> {
  const client = new JobClient(options);
  await client.start();
  return client;
}

/**
 * Submits one job and waits for its end, with a client of its own: see {@link JobClient.submitAndWait}. For
 * several jobs open a client once.
 */
export async function submitAndWait(options: SubmitAndWaitOptions): Promise<JobResult> {
  if (options.signal?.aborted) throw abortError(options.signal);
  const client = await openJobClient(options);
  try {
    return await client.submitAndWait(options.request, options);
  } finally {
    await client.close();
  }
}
