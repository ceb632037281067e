import type { Clock } from "../../core/clock.js";
import { inTime } from "./in-time.js";
import type { RunStage } from "./session.js";

/** What an agent has made itself and closes at its end: the bus first, then the stores. */
export class Owned {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #closers: { readonly name: string; readonly close: () => unknown }[] = [];

  /** `timeoutMs`: how long making something may take; 0 or less is no limit. */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The thing, or what the function makes. What comes too late is closed.
   *
   * @throws TimeoutError; what the function throws.
   */
  async take<T extends object>(
    what: string,
    given: T | (() => T | Promise<T>),
    close: (made: T) => unknown,
  ): Promise<T> {
    if (typeof given !== "function") return given;
    const making = (async () => given())();
    try {
      const made = await inTime(what, this.#timeoutMs, this.#clock, () => making);
      this.#closers.push({ name: `ending ${what}`, close: () => close(made) });
      return made;
    } catch (error) {
      void making.then(close).catch(() => {});
      throw error;
    }
  }

  /** Closes everything, one after the other; each within its time, the next one also after a failure. */
  async letGo(stage: RunStage = this.#quietly): Promise<void> {
    for (const { name, close } of this.#closers.splice(0)) await stage(name, close);
  }

  readonly #quietly: RunStage = (name, work) =>
    inTime(name, this.#timeoutMs, this.#clock, work).then(
      () => true,
      () => false,
    );
}
