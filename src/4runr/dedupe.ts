/** Calls with an idempotency key: the gateway ignores the key, so it is kept here that each is carried out once. */
import { AgentwireError } from "../core/errors.js";
import { Lru } from "../core/lru.js";
import { Cut } from "../http/cut.js";
import {
  GatewayCircuitOpenError,
  GatewayConflictError,
  GatewayError,
  GatewayRateLimitError,
} from "./errors.js";

/** A call that has a key. */
interface Flight {
  readonly call: string;
  /** Ends the call when nobody waits for it any more. */
  readonly cut: Cut;
  readonly result: Promise<unknown>;
  waiting: number;
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
  readonly #flights: Lru<string, Flight>;

  constructor(capacity: number) {
    this.#flights = new Lru(capacity);
  }

  /**
   * Carries out `run` once for `key`: a second call gets the result of the first, also while that is on its way, and
   * its error when it is not known whether the first was carried out. Every caller leaves when its own `cut` ends; the
   * call itself ends when the last one has left. The key is taken for good when the request leaves (`left`): a failure
   * before frees it.
   *
   * @throws GatewayConflictError when the key stands for another call
   */
  async once<T>(
    key: string,
    call: string,
    cut: Cut,
    run: (cut: Cut, left: () => void) => Promise<T>,
  ): Promise<T> {
    let flight = this.#flights.get(key);
    if (flight !== undefined && flight.call !== call) {
      throw new GatewayConflictError("this idempotency key was used for another call", { sent: false });
    }
    flight ??= this.#start(key, call, run);
    flight.waiting++;
    try {
      return (await cut.race(flight.result)) as T;
    } finally {
      flight.waiting--;
      if (flight.waiting === 0 && cut.reason !== undefined) this.#end(key, flight, cut.reason);
    }
  }

  #start(key: string, call: string, run: (cut: Cut, left: () => void) => Promise<unknown>): Flight {
    const cut = new Cut([]);
    const state = { hasLeft: false };
    const left = (): void => {
      state.hasLeft = true;
    };
    const flight: Flight = { call, cut, state, result: run(cut, left), waiting: 0 };
    this.#flights.set(key, flight);
    flight.result.catch((error: unknown) => {
      if (!state.hasLeft || notCarriedOut(error)) this.#free(key, flight);
    });
    return flight;
  }

  #end(key: string, flight: Flight, reason: Error): void {
    // At once: the next call with this key may come before the end has been noticed.
    if (!flight.state.hasLeft) this.#free(key, flight);
    flight.cut.cut(reason);
  }

  #free(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
