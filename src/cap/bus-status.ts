/** What the status of a bus means for those who work with it. */

import { SUBJECT_RESULT } from "../../gen/cap/index.js";
import type { DeadlineOptions } from "../core/abort.js";
import { withDeadline } from "../core/abort.js";
import { type AgentwireError, ClosedError } from "../core/errors.js";
import type { Bus, BusStatus } from "./bus.js";
import { PublishFailedError } from "./errors.js";

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

/** Whether an error of `onStatus` says that the bus took a result and then lost it: nobody will hear of that job. */
export function isResultLost(error: AgentwireError): boolean {
  const { subject } = (error.details ?? {}) as { readonly subject?: unknown };
  return error instanceof PublishFailedError && subject === SUBJECT_RESULT;
}
