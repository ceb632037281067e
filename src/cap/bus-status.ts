/** Trying again while a connection comes back. */
import { type DeadlineOptions, withDeadline } from "../core/abort.js";
import { ClosedError } from "../core/errors.js";
import { type RetryRun, retry } from "../core/retry.js";
import type { Bus, BusStatus } from "./bus.js";

const POLICY = { attempts: Infinity, minDelayMs: 50, factor: 2, maxDelayMs: 1_000 };

/** Options of {@link retryWhileDown}. */
export interface DownOptions extends Pick<RetryRun, "clock" | "signal"> {
  /** All attempts and waits together, once the first attempt has failed. */
  readonly againMs: number;
  /** How long one attempt waits for the connection. Default: as long as is left. */
  readonly timeoutMs?: number | undefined;
  /** Whether an error may pass. Default: what is `retryable` may. */
  readonly mayPass?: ((error: unknown) => boolean) | undefined;
}

/** Calls until it succeeds. Throws an error that a retry cannot fix at once, and any other after `againMs`. */
export async function retryWhileDown<T>(
  bus: Bus,
  { againMs, timeoutMs, clock, signal, mayPass = isRetryable }: DownOptions,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!mayPass(error) || againMs <= 0) throw error;
  }
  const attempt: Parameters<typeof retry<T>>[0] = async (given) => {
    await untilConnected(bus, { timeoutMs, clock, signal: given.signal });
    return call();
  };
  return retry(attempt, { policy: POLICY, totalTimeoutMs: againMs, clock, signal, shouldRetry: mayPass });
}

function isRetryable(error: unknown): boolean {
  return (error as { readonly retryable?: boolean }).retryable === true;
}

/** Resolves when a bus is connected. @throws ClosedError when it is closed instead; TimeoutError; AbortError. */
async function untilConnected(bus: Bus, options: DeadlineOptions): Promise<void> {
  let off: (() => void) | undefined;
  try {
    await withDeadline({ what: "waiting for the bus", ...options }, () => {
      return new Promise<void>((resolve, reject) => {
        const look = (status: BusStatus): void => {
          if (status === "connected") resolve();
          else if (status === "closed") reject(new ClosedError("the bus was closed"));
        };
        off = bus.onStatus(look);
        look(bus.status());
      });
    });
  } finally {
    off?.();
  }
}
