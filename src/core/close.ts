/** Closing in stages: stop intake, let work finish, cut it short, let go. */
import { type Clock, systemClock, type TimerHandle } from "./clock.js";
import { ClosedError } from "./errors.js";
import { type Logger, safeLogger } from "./logger.js";

/** Where a {@link StagedClose} stands. */
export type CloseState = "open" | "draining" | "aborting" | "closed";

/** What each stage does. A stage that fails is logged; the next one follows all the same. */
export interface CloseStages {
  /** Takes no new work from now on. */
  stopIntake?(): void | Promise<void>;
  /** Resolves when all work in flight is done. Starts when `stopIntake` has ended. */
  drain?(): void | Promise<void>;
  /** Cuts short what is still in flight; called only when `drain` did not end within the grace time. */
  abort?(reason: ClosedError): void | Promise<void>;
  /** Lets go of connections and timers. Always called, last. */
  force?(): void | Promise<void>;
}

/** Options of {@link StagedClose}. */
export interface CloseOptions {
  /** How long `stopIntake` and `drain` may take together. Default: 10,000. */
  readonly graceMs?: number | undefined;
  /** How long aborted work, and after it `force`, may take to end. Default: 1,000. */
  readonly abortMs?: number | undefined;
  /** What is closed, for messages. Default: "the object". */
  readonly what?: string | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** Runs {@link CloseStages} once, however often it is asked to. */
export class StagedClose {
  readonly #stages: CloseStages;
  readonly #options: CloseOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: CloseState = "open";
  #closing: Promise<void> | undefined;
  #endGrace: (() => void) | undefined;
  #graceEndsAt = Infinity;
  #timer: TimerHandle | undefined;

  constructor(stages: CloseStages, options: CloseOptions = {}) {
    this.#stages = stages;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
  }

  /** `open` until the first call of {@link StagedClose.close}. */
  get state(): CloseState {
    return this.#state;
  }

  /** Throws a `ClosedError` from the first call of {@link StagedClose.close} on. */
  throwIfClosed(): void {
    if (this.#state !== "open") throw this.#error();
  }

  /**
   * Goes through the stages. Every call returns the same promise, which never rejects and settles at the
   * latest after the grace time and twice `abortMs`. A later call with a shorter `graceMs` shortens the
   * grace time.
   */
  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    const graceMs = options.graceMs ?? (this.#closing ? undefined : (this.#options.graceMs ?? 10_000));
    if (this.#closing === undefined) {
      let done!: () => void;
      // Set before anything runs: a stage may call close() itself.
      this.#closing = new Promise((resolve) => {
        done = resolve;
      });
      void this.#run().then(done);
    }
    if (graceMs !== undefined) this.#limitGrace(graceMs);
    return this.#closing;
  }

  #error(): ClosedError {
    return new ClosedError(`${this.#options.what ?? "the object"} is closed`);
  }

  #limitGrace(graceMs: number): void {
    const endsAt = this.#clock.monotonic() + graceMs;
    if (this.#endGrace === undefined || endsAt >= this.#graceEndsAt) return;
    this.#graceEndsAt = endsAt;
    this.#clock.clearTimeout(this.#timer);
    if (graceMs <= 0) this.#endGrace();
    else this.#timer = this.#clock.setTimeout(this.#endGrace, graceMs);
  }

  async #run(): Promise<void> {
    this.#state = "draining";
    const graceOver = new Promise<"late">((resolve) => {
      this.#endGrace = () => resolve("late");
    });
    const drained = this.#stage("stopIntake").then(() => this.#stage("drain"));
    const inTime = (await Promise.race([drained, graceOver])) !== "late";
    this.#endGrace = undefined;
    this.#clock.clearTimeout(this.#timer);
    if (!inTime) {
      this.#state = "aborting";
      this.#logger.info("work that did not end in the grace time is aborted", { what: this.#options.what });
      const aborted = this.#stage("abort").then(() => drained);
      await this.#atMost(aborted);
    }
    await this.#atMost(this.#stage("force"));
    this.#state = "closed";
  }

  async #stage(name: keyof CloseStages): Promise<void> {
    try {
      await this.#stages[name]?.(this.#error());
    } catch (error) {
      this.#logger.warn("a stage of closing failed", { stage: name, what: this.#options.what, error });
    }
  }

  /** Waits for `work`, but no longer than `abortMs`. */
  #atMost(work: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, this.#options.abortMs ?? 1_000);
      void work.then(() => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}
