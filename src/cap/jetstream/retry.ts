/** Retries while a server restarts. */
import { retry } from "../../core/retry.js";
import { untilConnected } from "../bus-status.js";
import type { NatsBus } from "../nats/bus.js";

/**
 * Calls until it succeeds. Throws an error that a retry cannot fix at once, and any other after `againMs`.
 *
 * @param againMs All attempts and waits together.
 * @param timeoutMs How long one attempt waits for the connection.
 */
export async function retryWhileDown<T>(
  bus: NatsBus,
  { againMs, timeoutMs }: { readonly againMs: number; readonly timeoutMs: number },
  call: () => Promise<T>,
): Promise<T> {
  if (bus.connected) {
    try {
      return await call();
    } catch (error) {
      if ((error as { readonly retryable?: boolean }).retryable !== true) throw error;
    }
  }
  return retry(
    async ({ signal }) => {
      await untilConnected(bus, { timeoutMs, clock: bus.clock, signal });
      return call();
    },
    {
      policy: { attempts: Infinity, minDelayMs: 50, factor: 2, maxDelayMs: 1_000 },
      totalTimeoutMs: againMs,
      clock: bus.clock,
    },
  );
}
