/** Notices that the event loop was blocked, which servers punish silently. */
import { ConnectionLostError } from "../errors.js";

const CHECK_MS = 500;
/** Shorter blocks are not worth a guess. */
const NOTABLE_MS = 1_000;
/** A connection lost so long after a block was not lost because of it. */
const RECENT_MS = 5_000;

/** Watches until `stop`. `reason` says why a server may have closed a connection just now, if the loop was blocked. */
export function watchLoop(): { reason(): ConnectionLostError | undefined; stop(): void } {
  let checkedAt = performance.now();
  let blockedMs = 0;
  let endedAt = -Infinity;
  const check = (): void => {
    const now = performance.now();
    const lateMs = now - checkedAt - CHECK_MS;
    checkedAt = now;
    if (lateMs >= NOTABLE_MS) [blockedMs, endedAt] = [lateMs, now];
  };
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  return {
    reason() {
      check();
      if (checkedAt - endedAt > RECENT_MS) return undefined;
      const seconds = (blockedMs / 1000).toFixed(1);
      return new ConnectionLostError(
        `the event loop of this process was blocked for ${seconds} s: NATS closes connections that read too slowly (slow consumer) or do not answer its pings`,
      );
    },
    stop: () => clearInterval(timer),
  };
}
