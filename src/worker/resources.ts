/** What a worker opens itself, and closes when it ends. */

import { withTimeout } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import type { Logger } from "../core/logger.js";
import { warned } from "../core/warned.js";

/** A function that opens something, and what to load before: loading code takes long on a busy machine. */
export type Opener<T> = (() => T | Promise<T>) & { readonly load?: () => Promise<unknown> };

/** Closed in the order in which they were opened. */
export class Resources {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  readonly #closers: { readonly name: string; readonly close: () => unknown }[] = [];

  /** `timeoutMs`: how long it may take to open one, not counting the time for its code; 0 or less means no limit. */
  constructor(clock: Clock, logger: Logger, timeoutMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The object that was given, which stays the caller's, or what the function returns, which is closed with the worker.
   * An object that comes too late is closed at once.
   *
   * @throws TimeoutError; what the function throws.
   */
  async open<T extends object>(
    name: string,
    given: T | Opener<T>,
    close: (opened: T) => unknown,
  ): Promise<T> {
    if (typeof given !== "function") return given;
    await given.load?.();
    const opening = (async () => given())();
    try {
      const opened = await withTimeout(`opening ${name}`, this.#timeoutMs, this.#clock, () => opening);
      this.#closers.push({ name, close: () => close(opened) });
      return opened;
    } catch (error) {
      void opening.then(close).catch(() => {});
      throw error;
    }
  }

  /** Closes everything, each within `timeoutMs`, the next one also after a failure. Never rejects. */
  async close(timeoutMs = this.#timeoutMs): Promise<void> {
    for (const { name, close } of this.#closers.splice(0)) {
      const timed = () => withTimeout(`closing ${name}`, timeoutMs, this.#clock, close);
      await warned(this.#logger, "a stage of closing failed", timed, { stage: name });
    }
  }
}
