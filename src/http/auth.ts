/** Proof of who calls, added to requests. */
import { type Clock, systemClock } from "../core/clock.js";
import { AuthError, ValidationError } from "../core/errors.js";
import { reveal, Secret } from "../core/secret.js";
import type { Cut } from "./cut.js";

/** Gives requests their credential; see {@link bearer} and {@link TokenSource}. */
export interface HttpAuth {
  /**
   * The value of the `authorization` header, or undefined to send none. A promise only where it has to wait.
   * `refused` is the value that the server has just answered with 401.
   */
  authorization(cut: Cut, refused?: string): string | undefined | Promise<string | undefined>;
  /** Reports that the server answered 401 to this value. True if asking again may give another one. */
  refused(authorization: string): boolean;
}

/**
 * A bearer token: a fixed one, or a function that is called for every request and once more after a 401.
 *
 * @throws ValidationError `INVALID_TOKEN` for a fixed token that cannot stand in a header
 */
export function bearer(token: string | Secret | (() => string | Promise<string>)): HttpAuth {
  if (typeof token !== "function") {
    const secret = new Secret(header(reveal(token)));
    return { authorization: () => secret.reveal(), refused: () => false };
  }
  return {
    authorization: (cut) => cut.race(Promise.resolve().then(token)).then(header),
    refused: () => true,
  };
}

/** The token is not shown, however wrong it is. */
function header(token: string): string {
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
  throw new ValidationError("a bearer token must be one line of visible ASCII text, without blanks", {
    code: "INVALID_TOKEN",
  });
}

/** A token as it was issued. */
export interface IssuedToken {
  readonly token: string;
  /** How long it is good, in milliseconds. Absent: until the server refuses it. */
  readonly lifeMs?: number | undefined;
}

/** Options of {@link TokenSource}. */
export interface TokenSourceOptions {
  /** Asks for a new token. Absent: the given token is all there is. */
  readonly issue?: (() => Promise<IssuedToken>) | undefined;
  /** A token from elsewhere, used until the server refuses it. */
  readonly token?: string | Secret | undefined;
  /** A token is renewed this long before its end, but not in the first half of its life. Default: 60,000. */
  readonly refreshBeforeMs?: number | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

interface HeldToken {
  readonly authorization: Secret;
  readonly renewAt: number;
}

/**
 * One cached token. Requests that need a new one at the same time share one refresh, and a 401 for an older token
 * never drops a newer one.
 */
export class TokenSource implements HttpAuth {
  readonly #options: TokenSourceOptions;
  readonly #clock: Clock;
  #held: HeldToken | undefined;
  #refresh: Promise<string> | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    if (options.token !== undefined) {
      this.#held = { authorization: new Secret(header(reveal(options.token))), renewAt: Infinity };
    }
  }

  /** True while there is a token, renewed or not. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** @throws AuthError `NO_CREDENTIALS` without a way to get a token; what `issue` throws */
  authorization(cut: Cut): string | Promise<string> {
    if (this.#held !== undefined && this.#clock.monotonic() < this.#held.renewAt)
      return this.#held.authorization.reveal();
    this.#refresh ??= this.#renew();
    return cut.race(this.#refresh);
  }

  refused(authorization: string): boolean {
    if (this.#options.issue === undefined) return false;
    if (this.#held?.authorization.reveal() === authorization) this.#held = undefined;
    return true;
  }

  /** Forgets the token, and one that is on its way: only those who wait for it get it. */
  clear(): void {
    this.#held = undefined;
    this.#refresh = undefined;
  }

  #renew(): Promise<string> {
    const refresh: Promise<string> = this.#issue()
      .then((held) => {
        if (this.#refresh === refresh) this.#held = held;
        return held.authorization.reveal();
      })
      .finally(() => {
        if (this.#refresh === refresh) this.#refresh = undefined;
      });
    return refresh;
  }

  async #issue(): Promise<HeldToken> {
    const { issue, refreshBeforeMs = 60_000 } = this.#options;
    if (issue === undefined) {
      throw new AuthError("no credentials: pass credentials, or a token that the server accepts", {
        code: "NO_CREDENTIALS",
      });
    }
    const { token, lifeMs = Infinity } = await issue();
    // A life that has passed already comes from clocks that disagree: the server will say when it is over.
    const goodFor = lifeMs > 0 ? Math.max(lifeMs - refreshBeforeMs, lifeMs / 2) : Infinity;
    return { authorization: new Secret(header(token)), renewAt: this.#clock.monotonic() + goodFor };
  }
}
