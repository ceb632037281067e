/** What became of the requests of one call. */
import { AgentwireError } from "../core/errors.js";
import { GatewayCircuitOpenError, GatewayError, GatewayRateLimitError } from "./errors.js";

/**
 * True when the request was certainly not carried out: refused before the tool was called, or never sent. A timeout,
 * a broken connection and a failure of the tool leave it open.
 */
function notCarriedOut(error: unknown): boolean {
  if (!(error instanceof AgentwireError)) return false;
  if (error.sent === false || error instanceof GatewayRateLimitError) return true;
  if (error instanceof GatewayCircuitOpenError) return true;
  if (!(error instanceof GatewayError) || error.status === undefined) return false;
  const upstream = (error as { readonly upstreamStatus?: number }).upstreamStatus;
  return upstream === undefined && error.status >= 400 && error.status < 500;
}

/** Counts the requests of a call, those of its second attempt with another token included. */
export class Sends {
  /** Requests for its token. */
  tokenRequests = 0;
  /** Requests that left. */
  attempts = 0;
  #open = 0;
  #isOut = false;

  /** True if a request left of which it is not known that it was not carried out. */
  get mayBeCarriedOut(): boolean {
    return this.#open > 0;
  }

  /** A request leaves. */
  readonly left = (): void => {
    this.attempts++;
    this.#open++;
    this.#isOut = true;
  };

  /** An attempt, whose request may have left, has failed. */
  readonly failed = (error: unknown): void => {
    if (this.#isOut && notCarriedOut(error)) this.#open--;
    this.#isOut = false;
  };
}
