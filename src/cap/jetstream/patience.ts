/** Trying again while a server restarts, up to a bound. */
import type { Clock } from "../../core/clock.js";
import { retry } from "../../core/retry.js";
import { untilConnected } from "../bus-status.js";
import type { Link } from "./link.js";

/** How long to go on. */
export interface Patience {
  /** All tries and waits together. */
  readonly againMs: number;
  /** One try. */
  readonly timeoutMs: number;
  readonly clock: Clock | undefined;
}

/** Calls until it works; an error that trying again cannot mend, and the last one after the bound, is thrown. */
export async function patiently<T>(
  link: Link,
  { againMs, timeoutMs, clock }: Patience,
  call: () => Promise<T>,
): Promise<T> {
  if (link.connected) {
    try {
      return await call();
    } catch (error) {
      if ((error as { readonly retryable?: boolean }).retryable !== true) throw error;
    }
  }
  return retry(
    async ({ signal }) => {
      await untilConnected(link.bus, { timeoutMs, clock, signal });
      return call();
    },
    {
      policy: { attempts: Infinity, minDelayMs: 50, factor: 2, maxDelayMs: 1_000 },
      totalTimeoutMs: againMs,
      clock,
    },
  );
}
