/** Notices that the event loop was blocked, which servers punish silently. */
import { ConnectionLostError } from "../errors.js";

const CHECK_MS = 500;
/** Shorter blocks are not worth a guess. */
const NOTABLE_MS = 1_000;
/** A connection lost so long after a block was not lost because of it. */
const RECENT_MS = 5_000;

/** Remembers the last block. */
export class LoopLag {
  #timer: ReturnType<typeof setInterval> | undefined;
  #checkedAt = 0;
  #blockedMs = 0;
  #endedAt = 0;

  start(): void {
    this.#checkedAt = performance.now();
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
    if (typeof this.#timer === "object") this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Why a server may have closed the connection silently, if the loop was blocked. */
  reason(): ConnectionLostError | undefined {
    this.#check();
    if (this.#blockedMs === 0 || performance.now() - this.#endedAt > RECENT_MS) return undefined;
    const seconds = (this.#blockedMs / 1000).toFixed(1);
    return new ConnectionLostError(
      `the event loop of this process was blocked for ${seconds} s: NATS closes connections that read too slowly (slow consumer) or do not answer its pings`,
    );
  }

  #check(): void {
    const now = performance.now();
    const late = now - this.#checkedAt - CHECK_MS;
    this.#checkedAt = now;
    if (late < NOTABLE_MS) return;
    this.#blockedMs = late;
    this.#endedAt = now;
  }
}
