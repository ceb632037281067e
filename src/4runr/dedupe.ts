/** Calls with an idempotency key: the gateway ignores the key, so it is kept here that each is carried out once. */
import { AgentwireError } from "../core/errors.js";
import { Lru } from "../core/lru.js";
import {
  GatewayCircuitOpenError,
  GatewayConflictError,
  GatewayError,
  GatewayRateLimitError,
} from "./errors.js";

interface Entry {
  readonly call: string;
  readonly result: Promise<unknown>;
}

/**
 * True when the call was certainly not carried out: refused before the tool was called, or never sent. A timeout,
 * a broken connection and a failure of the tool leave it open.
 */
export function notCarriedOut(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return error instanceof AgentwireError && error.sent === false;
  if (error.sent === false) return true;
  if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError) return true;
  if (error.status === undefined) return false;
  const upstream = (error as { upstreamStatus?: number }).upstreamStatus;
  return upstream === undefined && error.status >= 400 && error.status < 500;
}

/** Remembers the last thousand keys. */
export class Dedupe {
  readonly #entries = new Lru<string, Entry>(1_000);

  /**
   * Carries out `run` once for `key`: a second call gets the result of the first, also while that is on its way,
   * and its error when it is not known whether the first was carried out.
   *
   * @throws GatewayConflictError when the key stands for another call
   */
  async once<T>(key: string, call: string, run: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.call !== call) {
        throw new GatewayConflictError("this idempotency key was used for another call", {
          sent: false,
        });
      }
      return known.result as Promise<T>;
    }
    const result = run();
    const entry = { call, result };
    this.#entries.set(key, entry);
    result.catch((error: unknown) => {
      if (notCarriedOut(error) && this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return result;
  }
}
