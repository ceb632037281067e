/** How many may work at the same time, in the order in which they asked. */
import { abortError } from "./abort-error.js";
import { ClosedError, ValidationError } from "./errors.js";
import { onAbort } from "./on-abort.js";

/** Returns a place. A second call does nothing. */
export type Release = () => void;

interface Waiter {
  grant(release: Release): void;
  refuse(error: Error): void;
}

function check(concurrency: number): number {
  if (concurrency === Infinity || (Number.isInteger(concurrency) && concurrency >= 0)) return concurrency;
  throw new ValidationError(`concurrency must be a whole number of at least 0, not ${concurrency}`);
}

/**
 * A semaphore. Places are given strictly in the order of asking; who asks later never overtakes.
 * The number of slots can change at any time; 0 holds everybody back until it is raised.
 */
export class Limiter {
  #concurrency: number;
  #active = 0;
  #closed: ClosedError | undefined;
  /** In the order of asking; a Set so that an aborted waiter leaves the middle at no cost. */
  readonly #waiters = new Set<Waiter>();
  #idle: (() => void)[] = [];

  /** `concurrency`: places, a whole number of at least 0 or `Infinity`; else a `ValidationError`. */
  constructor(concurrency: number) {
    this.#concurrency = check(concurrency);
  }

  /** How many places there are. Fewer than are taken means: none is given until enough came back. */
  get concurrency(): number {
    return this.#concurrency;
  }

  set concurrency(places: number) {
    this.#concurrency = check(places);
    this.#serve();
  }

  /** Places taken now. */
  get active(): number {
    return this.#active;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** A place if one is free and nobody waits, else undefined. */
  tryAcquire(): Release | undefined {
    if (this.#closed || this.#waiters.size > 0 || this.#active >= this.#concurrency) return undefined;
    return this.#take();
  }

  /**
   * Resolves with a place when it is this caller's turn. Rejects with `abortError(signal)` when the signal
   * fires first, and with a `ClosedError` after {@link Limiter.close}.
   */
  acquire(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Release> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      if (signal?.aborted) return reject(abortError(signal));
      const free = this.tryAcquire();
      if (free) return resolve(free);
      const waiter: Waiter = {
        grant(release) {
          off?.();
          resolve(release);
        },
        refuse(error) {
          off?.();
          reject(error);
        },
      };
      const off =
        signal &&
        onAbort(signal, () => {
          this.#waiters.delete(waiter);
          reject(abortError(signal));
          this.#tellIdle();
        });
      this.#waiters.add(waiter);
    });
  }

  /** Runs `work` in a place of its own and returns the place whatever happens. Rejects as `acquire` does. */
  async run<T>(
    work: () => PromiseLike<T> | T,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const release = await this.acquire(options);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Resolves when no place is taken and nobody waits. */
  onIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  /** Refuses everybody who waits or comes later with a `ClosedError`. Places that are taken stay taken. */
  close(message = "the limiter is closed"): void {
    if (this.#closed) return;
    this.#closed = new ClosedError(message);
    for (const waiter of this.#waiters) waiter.refuse(this.#closed);
    this.#waiters.clear();
    this.#tellIdle();
  }

  #take(): Release {
    this.#active++;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#active--;
      this.#serve();
      this.#tellIdle();
    };
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      if (this.#active >= this.#concurrency) return;
      this.#waiters.delete(waiter);
      waiter.grant(this.#take());
    }
  }

  #tellIdle(): void {
    if (this.#active > 0 || this.#waiters.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
