/** The jobs a client waits for. */
import { type JobResult, JobStatus } from "../../../gen/cap/index.js";
import { abortError } from "../../core/abort-error.js";
import type { Clock } from "../../core/clock.js";
import { type LoggerOption, warnOnce } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { JobTimeoutError } from "../errors.js";
import { jobError } from "../outcome.js";

/** How long to wait for a job. */
export interface JobWait {
  readonly timeoutMs: number;
  readonly topic: string;
  readonly signal?: AbortSignal | undefined;
  /** Told when the wait ends before the job. */
  readonly onGiveUp?: ((error: Error) => void) | undefined;
}

/** When a newcomer whose job nobody serves begins to wonder. */
const HINT_MS = 10_000;

/** One promise for each job that is waited for. */
export class JobWaits {
  readonly #clock: Clock;
  readonly #logger: LoggerOption;
  readonly #waiting = new Map<string, (outcome: JobResult | Error) => void>();
  /** Where a stream keeps the requests of jobs that are waited for. */
  readonly #sequences = new Map<string, number>();
  #onEmpty: (() => void)[] = [];

  constructor(clock: Clock, logger: LoggerOption) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(jobId: string): boolean {
    return this.#waiting.has(jobId);
  }

  /** Resolves with the result of a job that SUCCEEDED, rejects with what `jobError` makes of any other. */
  wait(jobId: string, { timeoutMs, topic, signal, onGiveUp }: JobWait): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      const done = (outcome: JobResult | Error): void => {
        this.#waiting.delete(jobId);
        this.#sequences.delete(jobId);
        this.#clock.clearTimeout(timer);
        this.#clock.clearTimeout(hint);
        off?.();
        if (outcome instanceof Error) reject(outcome);
        else if (outcome.status === JobStatus.SUCCEEDED) resolve(outcome);
        else reject(jobError(outcome));
        if (this.#waiting.size === 0) for (const tell of this.#onEmpty.splice(0)) tell();
      };
      const giveUp = (error: Error): void => {
        done(error);
        onGiveUp?.(error);
      };
      const timer = this.#clock.setTimeout(
        () => giveUp(new JobTimeoutError(`job ${jobId} on ${topic} did not end within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const text = `no result for ${topic} after 10 s: a long job, or no scheduler or worker for the topic`;
      const hint = this.#clock.setTimeout(
        () => warnOnce(this.#logger, `cap.wait.${topic}`, text, { jobId }),
        HINT_MS,
      );
      const off = signal && onAbort(signal, () => giveUp(abortError(signal)));
      this.#waiting.set(jobId, done);
    });
  }

  /** Notes where a stream keeps the request of a job. Its result comes after it. */
  stored(jobId: string, sequence: number): void {
    if (this.#waiting.has(jobId)) this.#sequences.set(jobId, sequence);
  }

  /** The sequence before which no result of these jobs is kept. Undefined if no stored job is waited for. */
  get oldest(): number | undefined {
    return this.#sequences.size === 0 ? undefined : Math.min(...this.#sequences.values());
  }

  /** Tells who waits for a job, if anybody does, how it ended. */
  done(jobId: string, outcome: JobResult | Error): void {
    this.#waiting.get(jobId)?.(outcome);
  }

  /** Every wait ends with this error. */
  failAll(error: Error): void {
    for (const done of [...this.#waiting.values()]) done(error);
  }

  /** Resolves when nothing is waited for. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) resolve();
      else this.#onEmpty.push(resolve);
    });
  }
}
