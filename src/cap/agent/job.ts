/** One job in the hands of an agent: where it stands, and what may cut it short. */
import type { BusPacket, JobRequest } from "../../../gen/cap/index.js";
import { JobStatus } from "../../../gen/cap/index.js";
import type { Clock, TimerHandle } from "../../core/clock.js";
import { AbortError, ClosedError, TimeoutError } from "../../core/errors.js";
import type { Delivery } from "../durable.js";
import { type JobFailure, timedOut } from "./failures.js";
import type { JobLimits } from "./limits.js";
import type { ServedTopic } from "./topics.js";

/** A job from its arrival until its result is out. */
export class Job {
  readonly packet: BusPacket;
  readonly request: JobRequest;
  readonly served: ServedTopic;
  readonly limits: JobLimits;
  /** Deliveries to settle when the result is out; several when the job came again meanwhile. */
  readonly deliveries: Delivery[] = [];
  /** Pointers of the artifacts of the attempt in hand, and the bytes of all. */
  artifacts: string[] = [];
  artifactBytes = 0;
  attempt = 0;
  /** True while it waits for a place. */
  waiting = true;
  /** Its handler, while it runs; also after the job was cut short. */
  handler: Promise<unknown> | undefined;
  /** Progress on its way to the bus. */
  reporting: Promise<unknown> | undefined;
  readonly #clock: Clock;
  readonly #onStop: (job: Job) => void;
  readonly #timers: TimerHandle[] = [];
  #deadline: number | undefined;
  #abort: AbortController | undefined;
  #stopped: JobFailure | undefined;
  #settled = false;
  #cut: ((failure: JobFailure) => void) | undefined;

  /** `onStop` is called when the job was cut short. */
  constructor(
    packet: BusPacket,
    request: JobRequest,
    served: ServedTopic,
    limits: JobLimits,
    clock: Clock,
    onStop: (job: Job) => void,
  ) {
    this.packet = packet;
    this.request = request;
    this.served = served;
    this.limits = limits;
    this.#clock = clock;
    this.#onStop = onStop;
    if (limits.deadlineMs !== undefined) this.#limit(limits.deadlineMs, "deadline exceeded");
  }

  /** When its time is over, in milliseconds since the epoch. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Fires when the job is cut short. Made when it is asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#stopped !== undefined) this.#abort.abort(reasonOf(this.#stopped));
    }
    return this.#abort.signal;
  }

  /** Why it was cut short, if it was. */
  get stopped(): JobFailure | undefined {
    return this.#stopped;
  }

  /** True from the moment on at which its result is fixed. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Starts the time that its handler may take. */
  startRuntime(): void {
    const { maxRuntimeMs } = this.limits;
    if (maxRuntimeMs !== undefined) this.#limit(maxRuntimeMs, "max runtime exceeded");
  }

  /** Cuts the job short. False when its result is fixed, or it was cut short before. */
  stop(failure: JobFailure): boolean {
    if (this.#settled || this.#stopped !== undefined) return false;
    this.#stopped = failure;
    this.#clearTimers();
    this.#abort?.abort(reasonOf(failure));
    this.#cut?.(failure);
    this.#onStop(this);
    return true;
  }

  /** The result is fixed: nothing cuts the job short any more. */
  settle(): void {
    this.#settled = true;
    this.#clearTimers();
  }

  /** The result of `work`, or the failure that cuts the job short meanwhile. One call at a time. */
  race<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      work.then(resolve, reject);
      if (this.#stopped !== undefined) reject(this.#stopped);
      this.#cut = reject;
    });
  }

  #limit(ms: number, message: string): void {
    const at = this.#clock.now() + ms;
    this.#deadline = Math.min(at, this.#deadline ?? Infinity);
    this.#timers.push(this.#clock.setTimeout(() => this.stop(timedOut(message)), ms));
  }

  #clearTimers(): void {
    for (const timer of this.#timers.splice(0)) this.#clock.clearTimeout(timer);
  }
}

function reasonOf({ status, message }: JobFailure): Error {
  if (status === JobStatus.TIMEOUT) return new TimeoutError(message);
  if (status === JobStatus.CANCELLED) return new AbortError(message);
  return new ClosedError(message);
}
