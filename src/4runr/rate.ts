/** The gateway's limit, kept on this side, so that a burst waits in place of being refused. */
import { type Clock, sleep } from "../core/clock.js";
import { Cut } from "../core/cut.js";
import { ClosedError } from "../core/errors.js";
import { atLeastOne, checkOption, milliseconds } from "../core/options.js";

/** How many calls a window takes. */
export interface RateLimit {
  /** Default: 5, the gateway's own. */
  readonly calls?: number | undefined;
  /** In milliseconds. Default: 60,000, the gateway's own. */
  readonly windowMs?: number | undefined;
}

/** Lets at most `calls` through in any stretch of `windowMs`, in the order in which they came. */
export class RateWindow {
  readonly #calls: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #onWait: (waitMs: number) => void;
  readonly #closed = new Cut([]);
  /** When each of the last calls may go or went, oldest first. */
  #times: number[] = [];

  constructor(limit: RateLimit, clock: Clock, onWait: (waitMs: number) => void) {
    const { calls = 5, windowMs = 60_000 } = limit;
    checkOption("rateLimit.calls", calls, atLeastOne);
    checkOption("rateLimit.windowMs", windowMs, milliseconds);
    this.#calls = calls;
    this.#windowMs = windowMs;
    this.#clock = clock;
    this.#onWait = onWait;
  }

  /** Resolves when the call may go. A wait that is cut gives its place back. */
  async enter(cut: Cut): Promise<void> {
    const now = this.#clock.monotonic();
    const oldest = this.#times.length < this.#calls ? undefined : this.#times.at(-this.#calls);
    const at = Math.max(now, oldest === undefined ? now : oldest + this.#windowMs);
    this.#times.push(at);
    this.#times = this.#times.filter((time) => time > now - this.#windowMs);
    if (at <= now) return;
    this.#onWait(at - now);
    const end = new Cut([cut, this.#closed]);
    try {
      await sleep(at - now, { clock: this.#clock, signal: end.signal });
    } catch (error) {
      this.#times.splice(this.#times.lastIndexOf(at), 1);
      throw end.reason ?? error;
    } finally {
      end.done();
    }
  }

  /** Ends all waits: what has not left when the client is closed does not leave. */
  close(): void {
    this.#closed.cut(new ClosedError("the gateway client is closed", { sent: false }));
  }
}
