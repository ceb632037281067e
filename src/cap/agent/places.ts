/** Places for jobs that run, and the line of those that wait for one. */
import type { Clock, TimerHandle } from "../../core/clock.js";
import { Limiter, type Release } from "../../core/limiter.js";
import type { Logger } from "../../core/logger.js";
import { logField } from "./failures.js";
import type { Job } from "./job.js";

/** What it needs of its dispatcher. */
export interface PlacesParts {
  readonly maxParallel: number;
  /** How long a handler that was cut short keeps its place, if it does not end. */
  readonly abandonMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** A job has got a place, until `leave` is called. */
  readonly start: (job: Job, leave: () => void) => void;
  /** A place was given back, and nobody who waits took it. */
  readonly onFree: () => void;
}

/** First come, first served. A job that no longer waits is passed over. */
export class Places {
  readonly #parts: PlacesParts;
  readonly #limiter: Limiter;
  readonly #lingering = new Set<TimerHandle>();
  #line: Job[] = [];
  #head = 0;
  #forgetful = false;

  constructor(parts: PlacesParts) {
    this.#parts = parts;
    this.#limiter = new Limiter(parts.maxParallel);
  }

  /** Places taken: by running handlers, and by those that were cut short and go on. */
  get active(): number {
    return this.#limiter.active;
  }

  /** Jobs that wait now. */
  get waiting(): Job[] {
    return this.#line.slice(this.#head).filter((job) => job.waiting);
  }

  /** Puts a job at the end of the line. */
  add(job: Job): void {
    this.#line.push(job);
    this.#serve();
  }

  /** Forgets handlers that go on although they were cut short, now and from now on. */
  forget(): void {
    this.#forgetful = true;
    for (const timer of this.#lingering) this.#parts.clock.clearTimeout(timer);
    this.#lingering.clear();
  }

  #serve(): void {
    while (this.#head < this.#line.length) {
      const job = this.#line[this.#head]!;
      if (job.waiting) {
        const release = this.#limiter.tryAcquire();
        if (release === undefined) break;
        job.waiting = false;
        this.#head++;
        this.#parts.start(job, () => this.#leave(job, release));
      } else this.#head++;
    }
    if (this.#head < this.#line.length && this.#head < 1_024) return;
    this.#line = this.#line.slice(this.#head);
    this.#head = 0;
  }

  /** A handler that was cut short and goes on keeps its place for a while, so that not too much runs at once. */
  #leave(job: Job, release: Release): void {
    const free = (): void => {
      release();
      this.#serve();
      this.#parts.onFree();
    };
    const { handler } = job;
    if (handler === undefined || this.#forgetful) return free();
    const { clock, log, abandonMs } = this.#parts;
    const onLate = (): void => {
      this.#lingering.delete(timer);
      const jobId = logField(job.request.jobId);
      log.warn("a handler that was cut short goes on; its place is given away", { jobId });
      free();
    };
    const timer = clock.setTimeout(onLate, abandonMs, { unref: true });
    this.#lingering.add(timer);
    const onEnd = (): void => {
      if (!this.#lingering.delete(timer)) return;
      clock.clearTimeout(timer);
      free();
    };
    handler.then(onEnd, onEnd);
  }
}
