/** Calls with an idempotency key: the gateway ignores the key, so it is kept here that each is carried out once. */
import { AgentwireError } from "../core/errors.js";
import { Lru } from "../core/lru.js";
import type { Cut } from "../http/cut.js";
import { Flight } from "../http/flight.js";
import {
  GatewayCircuitOpenError,
  GatewayConflictError,
  GatewayError,
  GatewayRateLimitError,
} from "./errors.js";

/** A call that has a key. */
interface Keyed {
  readonly call: string;
  readonly flight: Flight<unknown>;
  /** True once the request may have left. */
  readonly state: { hasLeft: boolean };
}

/**
 * True when the call was certainly not carried out: refused before the tool was called, or never sent. A timeout,
 * a broken connection and a failure of the tool leave it open.
 */
function notCarriedOut(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return error instanceof AgentwireError && error.sent === false;
  if (error.sent === false) return true;
  if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError) return true;
  if (error.status === undefined) return false;
  const upstream = (error as { upstreamStatus?: number }).upstreamStatus;
  return upstream === undefined && error.status >= 400 && error.status < 500;
}

/** Remembers the last keys. */
export class Dedupe {
  readonly #keyed: Lru<string, Keyed>;

  constructor(capacity: number) {
    this.#keyed = new Lru(capacity);
  }

  /**
   * Carries out `run` once for `key`: a second call gets the result of the first, also while that is on its way, and
   * its error when it is not known whether the first was carried out. Every caller leaves when its own `cut` ends; the
   * call itself ends when the last one has left. The key is taken for good when the request leaves (`left`): a failure
   * before frees it.
   *
   * @throws GatewayConflictError when the key stands for another call, or for one that was given up on its way
   */
  once<T>(
    key: string,
    call: string,
    { cut, correlationId }: { readonly cut: Cut; readonly correlationId: string },
    run: (cut: Cut, left: () => void) => Promise<T>,
  ): Promise<T> {
    let keyed = this.#keyed.get(key);
    if (keyed !== undefined && keyed.call !== call) {
      throw new GatewayConflictError("this idempotency key was used for another call", { sent: false });
    }
    if (keyed?.flight.isAbandoned && keyed.state.hasLeft) {
      const message =
        "outcome in doubt: an earlier call with this idempotency key was given up after its request was sent; find out whether it was carried out, then use another key to make the call again";
      throw new GatewayConflictError(message, { code: "OUTCOME_IN_DOUBT" });
    }
    if (keyed === undefined || keyed.flight.isAbandoned) keyed = this.#start(key, call, run);
    return keyed.flight.join(cut, { correlationId }) as Promise<T>;
  }

  #start(key: string, call: string, run: (cut: Cut, left: () => void) => Promise<unknown>): Keyed {
    // The request may leave before the constructor returns.
    const state = { hasLeft: false };
    const left = (): void => {
      state.hasLeft = true;
    };
    const keyed: Keyed = { call, state, flight: new Flight((cut) => run(cut, left)) };
    this.#keyed.set(key, keyed);
    keyed.flight.onFailure((error) => {
      const isFree = !state.hasLeft || notCarriedOut(error);
      if (isFree && this.#keyed.get(key) === keyed) this.#keyed.delete(key);
    });
    return keyed;
  }
}
