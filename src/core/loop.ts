/** Something done again and again in the background, such as a heartbeat. */
import { type Clock, systemClock, type TimerHandle } from "./clock.js";
import { Cut } from "./cut.js";
import { ClosedError } from "./errors.js";
import { type Logger, safeLogger } from "./logger.js";

/** Options of {@link startLoop}. */
export interface LoopOptions {
  /** What the loop does, for log lines. Default: "loop". */
  readonly name?: string | undefined;
  /** Wait between the end of a run and the start of the next, in milliseconds; asked again after each good run. */
  readonly intervalMs: number | (() => number);
  /** One run. The signal fires when the loop stops. */
  readonly run: (signal: AbortSignal) => void | PromiseLike<void>;
  /** True starts the first run at once, false (the default) after one interval. */
  readonly immediate?: boolean | undefined;
  /** Stops the loop when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a run threw. The loop goes on. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** How long `stop()` waits for a run that does not heed its signal, in milliseconds. Default: 1,000. */
  readonly stopMs?: number | undefined;
  /** True lets the process end while the loop waits, where the platform can do that. Default: false. */
  readonly unref?: boolean | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** Gets a warning for every run that failed. Default: the console. */
  readonly logger?: Logger | false | undefined;
}

/** A loop that was started. */
export interface Loop {
  /** True until the loop is stopped. */
  readonly active: boolean;
  /** Runs now and counts the interval again. False, and nothing happens, while a run is in flight or after the stop. */
  trigger(): boolean;
  /**
   * Stops the loop: fires the signal of the run in flight and resolves when that run has ended, or after
   * `stopMs`. Never rejects; every call returns the same promise. No timer is left.
   */
  stop(): Promise<void>;
}

/** Starts a loop. What a run throws never gets out: it goes to `onError` and the log. Runs never overlap. */
export function startLoop(options: LoopOptions): Loop {
  return new RunningLoop(options);
}

function intervalOf({ intervalMs }: LoopOptions): number {
  return typeof intervalMs === "function" ? intervalMs() : intervalMs;
}

class RunningLoop implements Loop {
  readonly #options: LoopOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #end: Cut;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #intervalMs: number;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#intervalMs = intervalOf(options);
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#end = new Cut([options.signal]);
    this.#end.on(() => this.#clearTimer());
    if (!this.active) return;
    if (options.immediate) this.trigger();
    else this.#wait();
  }

  get active(): boolean {
    return this.#end.reason === undefined;
  }

  trigger(): boolean {
    if (!this.active || this.#running) return false;
    this.#clearTimer();
    this.#running = this.#run().then(() => {
      this.#running = undefined;
      if (this.active) this.#wait();
    });
    return true;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#end.cut(new ClosedError(`${this.#options.name ?? "loop"} is stopped`));
    const { stopMs = 1_000 } = this.#options;
    const running = this.#running;
    if (running === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, stopMs);
      void running.then(() => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  #wait(): void {
    const { unref = false } = this.#options;
    this.#timer = this.#clock.setTimeout(() => this.trigger(), this.#intervalMs, { unref });
  }

  async #run(): Promise<void> {
    try {
      await this.#options.run(this.#end.signal);
      this.#intervalMs = intervalOf(this.#options);
    } catch (error) {
      // What a run throws because it was asked to stop is not a failure.
      if (this.active) this.#report(error);
    }
  }

  #report(error: unknown): void {
    const { name = "loop", onError } = this.#options;
    this.#logger.warn("a periodic task failed; it will run again", { loop: name, error });
    try {
      onError?.(error);
    } catch (second) {
      this.#logger.error("onError failed", { loop: name, error: second });
    }
  }

  #clearTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
