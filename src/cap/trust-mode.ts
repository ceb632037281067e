import { ValidationError } from "../core/errors.js";

/** What a worker does about the worker trust exchange: nothing, try it, or refuse to run without it. */
export type WorkerTrustMode = "off" | "warn" | "enforce";

/**
 * Reads a trust mode as `CORDUM_SDK_HANDSHAKE` gives it: any case, white space around it ignored.
 *
 * @throws ValidationError `INVALID_TRUST_MODE` for anything else, an empty text included.
 */
export function parseWorkerTrustMode(text: string): WorkerTrustMode {
  const mode = text.trim().toLowerCase();
  if (mode === "off" || mode === "warn" || mode === "enforce") return mode;
  throw new ValidationError(`worker trust mode must be off, warn or enforce`, { code: "INVALID_TRUST_MODE" });
}
