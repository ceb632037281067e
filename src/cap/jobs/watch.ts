/** What a client hears of jobs: how they end, live and from a stream that kept it, and how far they are. */
import {
  type BusPacket,
  type JobProgress,
  type JobResult,
  JobStatus,
  SUBJECT_DLQ,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
} from "../../../gen/cap/index.js";
import { abortError } from "../../core/abort-error.js";
import { systemClock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import { EventBuffer } from "../../core/event-buffer.js";
import { safeLogger, warnOnce } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { retry } from "../../core/retry.js";
import type { Subscription } from "../bus.js";
import type { Stored } from "../durable.js";
import { ConnectionLostError, JobTimeoutError } from "../errors.js";
import type { JobClientOptions } from "../job-client-options.js";
import { assertDeadLetter, isUnderWay, jobError } from "../outcome.js";
import type { Party, ReceiveOptions } from "../party.js";

/** Where jobs end. The scheduler leaves worker_id empty in dead letters, so the rules of a result do not apply there. */
const ENDS: readonly (readonly [subject: string, check?: ReceiveOptions["check"]])[] = [
  [SUBJECT_RESULT],
  [SUBJECT_DLQ, assertDeadLetter],
];
/** Progress reports kept for a slow reader. */
const CAPACITY = 256;
/** When a newcomer whose job nobody serves begins to wonder. */
const HINT_MS = 10_000;
/** Between attempts to read the stream. */
const REREAD = { attempts: Infinity, minDelayMs: 100, maxDelayMs: 5_000 };

/** How long to wait for a job. */
interface JobWait {
  readonly timeoutMs: number;
  readonly topic: string;
  readonly signal?: AbortSignal | undefined;
  /** Called if the wait ends before the job does. */
  readonly onGiveUp?: ((error: Error) => void) | undefined;
}

interface Wait {
  end(outcome: JobResult | Error): void;
  /** Where a stream keeps the request of the job. Its result comes after it. */
  sequence?: number;
}

/** The jobs a client waits for, and those whose progress it follows. */
export class JobWatch {
  readonly #party: Party;
  readonly #options: Pick<JobClientOptions, "clock" | "logger" | "durable">;
  readonly #waits = new Map<string, Wait>();
  readonly #readers = new Map<string, Set<EventBuffer<JobProgress>>>();
  readonly #subscriptions: Subscription[] = [];
  readonly #closed = new AbortController();
  #progress: Promise<Subscription> | undefined;
  #offStatus: (() => void) | undefined;
  #onIdle: (() => void)[] = [];
  #isReading = false;
  #readAgain = false;

  constructor(party: Party, options: Pick<JobClientOptions, "clock" | "logger" | "durable">) {
    this.#party = party;
    this.#options = options;
  }

  /** Subscribes to the ends of jobs. @throws What `Bus.subscribe` throws; then nothing is left open. */
  async open(): Promise<void> {
    const { bus } = this.#party;
    let connected = bus.status() === "connected";
    this.#offStatus = bus.onStatus((status, error) => {
      if (status === "closed") this.failAll(new ConnectionLostError("the bus was closed", { cause: error }));
      if (!connected && status === "connected") this.#readMissed();
      connected = status === "connected";
    });
    try {
      for (const [subject, check] of ENDS)
        this.#subscriptions.push(await this.#party.receive(subject, this.#listener(subject), { check }));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Jobs that are waited for. */
  get waiting(): number {
    return this.#waits.size;
  }

  isWaitingFor(jobId: string): boolean {
    return this.#waits.has(jobId);
  }

  /** Resolves with the result of a job, whatever it says; rejects if the wait ends without one. */
  wait(jobId: string, { timeoutMs, topic, signal, onGiveUp }: JobWait): Promise<JobResult> {
    const { clock = systemClock, logger } = this.#options;
    return new Promise((resolve, reject) => {
      let off: (() => void) | undefined;
      const end = (outcome: JobResult | Error): void => {
        this.#waits.delete(jobId);
        clock.clearTimeout(timer);
        clock.clearTimeout(hint);
        off?.();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
        if (this.#waits.size === 0) for (const tell of this.#onIdle.splice(0)) tell();
      };
      const giveUp = (error: Error): void => {
        end(error);
        onGiveUp?.(error);
      };
      const late = `job ${jobId} on ${topic} did not end within ${timeoutMs} ms`;
      const text = `no result for ${topic} after 10 s: a long job, or no scheduler or worker for the topic`;
      const warn = () => warnOnce(logger, `cap.wait.${topic}`, text, { jobId });
      const timer = clock.setTimeout(() => giveUp(new JobTimeoutError(late)), timeoutMs);
      const hint = clock.setTimeout(warn, HINT_MS);
      off = signal && onAbort(signal, () => giveUp(abortError(signal)));
      this.#waits.set(jobId, { end });
    });
  }

  /** Notes where a stream keeps the request of a job. One that was there before may have its result already. */
  stored(jobId: string, { sequence, duplicate }: Stored): void {
    const wait = this.#waits.get(jobId);
    if (wait !== undefined) wait.sequence = sequence;
    if (duplicate) this.#readMissed();
  }

  /** Ends the wait for a job, if there is one. */
  end(jobId: string, outcome: JobResult | Error): void {
    this.#waits.get(jobId)?.end(outcome);
  }

  /** Every wait ends with this error. */
  failAll(error: Error): void {
    for (const { end } of [...this.#waits.values()]) end(error);
  }

  /** Resolves when nothing is waited for. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waits.size === 0) resolve();
      else this.#onIdle.push(resolve);
    });
  }

  /** Resolves once the bus knows that progress is listened to. @throws What `Bus.subscribe` throws. */
  async listen(): Promise<void> {
    const onPacket = ({ payload }: BusPacket): void => {
      if (payload.case !== "jobProgress") return;
      for (const reader of this.#readers.get(payload.value.jobId) ?? []) reader.push(payload.value);
    };
    this.#progress ??= this.#party.receive(SUBJECT_PROGRESS, { onPacket });
    await this.#progress.catch((error: unknown) => {
      this.#progress = undefined;
      throw error;
    });
  }

  /** The progress of a job, for one reader. Ends with the job, with the signal, or when it is left. */
  progress(jobId: string, signal?: AbortSignal): EventBuffer<JobProgress> {
    const readers = this.#readers.get(jobId) ?? new Set();
    const onEnd = (): void => {
      readers.delete(reader);
      if (readers.size === 0) this.#readers.delete(jobId);
    };
    const reader = new EventBuffer<JobProgress>({ capacity: CAPACITY, signal, onEnd });
    if (signal?.aborted) return reader;
    this.#readers.set(jobId, readers.add(reader));
    return reader;
  }

  /** Hears no more. Who reads progress reaches the end. */
  close(): void {
    this.#offStatus?.();
    this.#closed.abort();
    for (const jobId of [...this.#readers.keys()]) this.#endProgress(jobId);
    void this.#progress?.then((subscription) => subscription.unsubscribe()).catch(() => {});
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  #listener(subject: string) {
    return {
      onPacket: ({ payload }: BusPacket): void => {
        const isDead = subject === SUBJECT_DLQ;
        if (payload.case !== "jobResult" || (!isDead && isUnderWay(payload.value))) return;
        const { value } = payload;
        this.#endProgress(value.jobId);
        // A dead letter did not succeed, whatever it says.
        this.end(value.jobId, isDead && value.status === JobStatus.SUCCEEDED ? jobError(value) : value);
      },
    };
  }

  #endProgress(jobId: string): void {
    for (const reader of [...(this.#readers.get(jobId) ?? [])]) reader.end();
  }

  /** Reads in the background what a stream kept of ends that were not heard. Tries again until it has. */
  #readMissed(): void {
    this.#readAgain = true;
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#readAll().finally(() => {
      this.#isReading = false;
    });
  }

  async #readAll(): Promise<void> {
    const { clock = systemClock, logger } = this.#options;
    const { signal } = this.#closed;
    const shouldRetry = () => !signal.aborted && this.#party.bus.status() !== "closed";
    while (this.#readAgain && !signal.aborted) {
      this.#readAgain = false;
      for (const end of ENDS) {
        const read = () => this.#readOne(...end);
        await retry(read, { policy: REREAD, shouldRetry, signal, clock }).catch((error: unknown) => {
          const reason = errorText(error);
          if (!signal.aborted)
            safeLogger(logger).warn("could not read missed results from the stream", { reason });
        });
      }
    }
  }

  /** No end of a job that is waited for is kept before the first of their requests. */
  async #readOne(subject: string, check?: ReceiveOptions["check"]): Promise<void> {
    const { durable } = this.#options;
    const sequences = [...this.#waits.values()].flatMap(({ sequence }) => sequence ?? []);
    if (durable === undefined || sequences.length === 0) return;
    const from = { afterSequence: sequences.reduce((a, b) => Math.min(a, b)) };
    await this.#party.replay(durable, subject, from, this.#listener(subject), check);
  }
}
