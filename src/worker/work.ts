/** One piece of work, from its arrival until its answer is out. Knows no protocol. */
import type { TimerHandle } from "../core/clock.js";
import type { Place } from "./slots.js";

/** `answering`: the outcome is final and is being sent. */
export type WorkState = "queued" | "running" | "answering" | "answered";

/** What grants slots. */
interface Granting {
  remove(work: Work): void;
  free(): void;
}

/** Base class of a job or a lease. The {@link Engine} moves it from state to state. */
export class Work {
  /** What the engine finds it by; unique among the work in flight. Undefined if nobody asks for it. */
  readonly key: unknown;
  /** Why it was cut short, if it was. */
  cutBy: Error | undefined;
  /** @internal */
  slots: Granting | undefined;
  /** @internal Its place in the line for a slot. */
  waiting: Place<Work> | undefined;
  /** @internal Its place among the work in flight. */
  enlisted: Place<Work> | undefined;
  /** @internal The next thing that happens to it unless it is answered first. */
  timer: TimerHandle | undefined;
  /** @internal True from the grant of its slot until the `run` hook settles. */
  running = false;
  /** @internal True once its slot may go to other work as soon as it stops running. */
  released = false;
  #state: WorkState = "queued";
  #abort: AbortController | undefined;
  #interrupt: ((reason: Error) => void) | undefined;

  constructor(key: unknown) {
    this.key = key;
  }

  get state(): WorkState {
    return this.#state;
  }

  /** True once its outcome is final: nothing cuts it short any more. */
  get settled(): boolean {
    return this.#state === "answering" || this.#state === "answered";
  }

  /** Fires when the work is cut short. Created on first use: most handlers never ask. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.cutBy !== undefined && !this.#abort.signal.aborted) this.#abort.abort(this.cutBy);
    return this.#abort.signal;
  }

  /** The right to answer. Granted once: false for every later caller. */
  claim(): boolean {
    if (this.settled) return false;
    this.#state = "answering";
    return true;
  }

  /** The result of `promise`, or a rejection with the reason as soon as the work is cut short. One call at a time. */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      promise.then(resolve, reject);
      if (this.cutBy !== undefined) reject(this.cutBy);
      this.#interrupt = reject;
    });
  }

  /** @internal */
  enter(state: "running" | "answered"): void {
    this.#state = state;
  }

  /** @internal Marks it as cut short and tells its handler. */
  stop(reason: Error): void {
    this.cutBy = reason;
    this.#abort?.abort(reason);
    this.#interrupt?.(reason);
  }
}
