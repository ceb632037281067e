/** Waiting for a connection to come back. */
import { type DeadlineOptions, withDeadline } from "../core/abort.js";
import { ClosedError } from "../core/errors.js";
import type { Bus, BusStatus } from "./bus.js";

/**
 * Resolves when a bus is connected.
 *
 * @throws ClosedError when it is closed instead; TimeoutError; AbortError.
 */
export async function untilConnected(bus: Bus, options: DeadlineOptions): Promise<void> {
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
