/** Calls with an idempotency key: the gateway ignores the key, so it is kept here that each is carried out once. */

import type { Cut } from "../core/cut.js";
import { Lru } from "../core/lru.js";
import { Flight } from "../http/flight.js";
import { GatewayConflictError } from "./errors.js";
import { Sends } from "./sends.js";

/** A call that has a key. */
export interface Keyed<T> {
  readonly call: string;
  readonly flight: Flight<T>;
  readonly sends: Sends;
}

/** Remembers the last keys, and all whose calls are on their way. */
export class Dedupe<T> {
  readonly #done: Lru<string, Keyed<T>>;
  readonly #flying = new Map<string, Keyed<T>>();

  constructor(capacity: number) {
    this.#done = new Lru(capacity);
  }

  /**
   * The call of `key`: `run` is begun for the first one; a second one gets the result of the first, also while that is
   * on its way, and its error when it is not known whether the first was carried out. The call ends when the last who
   * waits for it has left. A failure frees the key if nothing can have been carried out.
   *
   * @throws GatewayConflictError when the key stands for another call, or for one that was given up on its way
   */
  once(key: string, call: string, run: (cut: Cut, sends: Sends) => Promise<T>): Keyed<T> {
    const keyed = this.#flying.get(key) ?? this.#done.get(key);
    if (keyed !== undefined && keyed.call !== call) {
      throw new GatewayConflictError("this idempotency key was used for another call", { sent: false });
    }
    if (keyed === undefined || (keyed.flight.isAbandoned && !keyed.sends.mayBeCarriedOut))
      return this.#start(key, call, run);
    if (!keyed.flight.isAbandoned) return keyed;
    const message =
      "outcome in doubt: an earlier call with this idempotency key was given up after its request was sent; find out whether it was carried out, then use another key to make the call again";
    throw new GatewayConflictError(message, { code: "OUTCOME_IN_DOUBT" });
  }

  #start(key: string, call: string, run: (cut: Cut, sends: Sends) => Promise<T>): Keyed<T> {
    const sends = new Sends();
    const keyed: Keyed<T> = { call, sends, flight: new Flight((cut) => run(cut, sends)) };
    this.#done.delete(key);
    this.#flying.set(key, keyed);
    keyed.flight.onEnd(() => {
      if (this.#flying.get(key) !== keyed) return;
      this.#flying.delete(key);
      // As it always may after a success.
      if (sends.mayBeCarriedOut) this.#done.set(key, keyed);
    });
    return keyed;
  }
}
