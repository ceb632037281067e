/** The jobs a client waits for. */
import type { JobResult } from "../../../gen/cap/index.js";
import { abortError } from "../../core/abort-error.js";
import type { Clock } from "../../core/clock.js";
import { type LoggerOption, warnOnce } from "../../core/logger.js";
import { onAbort } from "../../core/on-abort.js";
import { JobTimeoutError } from "../errors.js";

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

interface Wait {
  end(outcome: JobResult | Error): void;
  /** Where a stream keeps the request of the job. */
  sequence?: number;
}

/** One promise for each job that is waited for. */
export class JobWaits {
  readonly #clock: Clock;
  readonly #logger: LoggerOption;
  readonly #waiting = new Map<string, Wait>();
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

  /** Resolves with the result of a job, whatever it says; rejects if the wait ends without one. */
  wait(jobId: string, { timeoutMs, topic, signal, onGiveUp }: JobWait): Promise<JobResult> {
    const clock = this.#clock;
    return new Promise((resolve, reject) => {
      const end = (outcome: JobResult | Error): void => {
        this.#waiting.delete(jobId);
        clock.clearTimeout(timer);
        clock.clearTimeout(hint);
        off?.();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
        if (this.#waiting.size === 0) for (const tell of this.#onEmpty.splice(0)) tell();
      };
      const giveUp = (error: Error): void => {
        end(error);
        onGiveUp?.(error);
      };
      const late = `job ${jobId} on ${topic} did not end within ${timeoutMs} ms`;
      const text = `no result for ${topic} after 10 s: a long job, or no scheduler or worker for the topic`;
      const warn = () => warnOnce(this.#logger, `cap.wait.${topic}`, text, { jobId });
      const timer = clock.setTimeout(() => giveUp(new JobTimeoutError(late)), timeoutMs);
      const hint = clock.setTimeout(warn, HINT_MS);
      const off = signal && onAbort(signal, () => giveUp(abortError(signal)));
      this.#waiting.set(jobId, { end });
    });
  }

  /** Notes where a stream keeps the request of a job. Its result comes after it. */
  stored(jobId: string, sequence: number): void {
    const wait = this.#waiting.get(jobId);
    if (wait !== undefined) wait.sequence = sequence;
  }

  /** The sequence before which no result of these jobs is kept. Undefined if no stored job is waited for. */
  get oldest(): number | undefined {
    let oldest = Infinity;
    for (const { sequence = Infinity } of this.#waiting.values()) oldest = Math.min(oldest, sequence);
    return oldest === Infinity ? undefined : oldest;
  }

  /** Tells who waits for a job, if anybody does, how it ended. */
  done(jobId: string, outcome: JobResult | Error): void {
    this.#waiting.get(jobId)?.end(outcome);
  }

  /** Every wait ends with this error. */
  failAll(error: Error): void {
    for (const { end } of [...this.#waiting.values()]) end(error);
  }

  /** Resolves when nothing is waited for. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) resolve();
      else this.#onEmpty.push(resolve);
    });
  }
}
