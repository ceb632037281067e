/** Proof of who calls, added to requests. */
import type { Clock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import { AuthError, ValidationError } from "../core/errors.js";
import { reveal, Secret } from "../core/secret.js";
import { Renewable } from "./renewable.js";

/** Adds the credential to requests; see {@link bearer} and {@link TokenSource}. */
export interface HttpAuth {
  /** What a request waits for while it waits for its credential, for messages. Default: "its credential". */
  readonly what?: string | undefined;
  /**
   * The value of the `authorization` header, or undefined to send none. A promise only where it has to wait.
   * `refused` is the value that the server has just answered with 401.
   */
  authorization(cut: Cut, refused?: string): string | undefined | Promise<string | undefined>;
  /** Reports that the server answered 401 to this value. True if asking again may give another one. */
  refused(authorization: string): boolean;
}

/**
 * A bearer token: a fixed one, or a function that is called for every request, and again after a 401. What it throws
 * becomes the `cause` of an AuthError; an error of this package and an abort stay what they are.
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

/** True for what can stand in an `authorization` header: one line of visible ASCII text. */
export function isToken(token: unknown): token is string {
  return typeof token === "string" && /^[\x21-\x7e]+$/.test(token);
}

/** The token is not shown, however wrong it is. */
function header(token: string): string {
  if (isToken(token)) return `Bearer ${token}`;
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
  /**
   * Asks for a new token, in one attempt: the calls that wait for it bring their own limits and retries. `cut` ends
   * when nobody waits any more. Absent: the given token is all there is.
   */
  readonly issue?: ((cut: Cut) => Promise<IssuedToken>) | undefined;
  /** What `issue` does, for messages. Default: "its credential". */
  readonly what?: string | undefined;
  /** A token from elsewhere, used until the server refuses it. */
  readonly token?: string | Secret | undefined;
  /** A token is renewed this long before its end, but not in the first half of its life. Default: 60,000. */
  readonly refreshBeforeMs?: number | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/**
 * One cached token. Requests that need a new one at the same time share one refresh, and a 401 for an older token
 * never drops a newer one.
 */
export class TokenSource implements HttpAuth {
  readonly what: string | undefined;
  readonly #options: TokenSourceOptions;
  readonly #token: Renewable<Secret>;

  constructor(options: TokenSourceOptions) {
    const { token, refreshBeforeMs, clock } = options;
    this.#options = options;
    this.what = options.what;
    const value = token === undefined ? undefined : new Secret(header(reveal(token)));
    this.#token = new Renewable({ value, refreshBeforeMs, clock, issue: (cut) => this.#issue(cut) });
  }

  /** True while there is a token, renewed or not. */
  get isHeld(): boolean {
    return this.#token.value !== undefined;
  }

  /** @throws AuthError `NO_CREDENTIALS` without a way to get a token; what `issue` throws */
  authorization(cut: Cut): string | Promise<string> {
    const token = this.#token.get(cut);
    return token instanceof Secret ? token.reveal() : token.then(reveal);
  }

  refused(authorization: string): boolean {
    if (this.#options.issue === undefined) return false;
    this.#token.drop((token) => token.reveal() === authorization);
    return true;
  }

  /** Forgets the token, and one that is on its way: only those who wait for it get it. */
  clear(): void {
    this.#token.clear();
  }

  async #issue(cut: Cut): Promise<{ value: Secret; lifeMs?: number | undefined }> {
    const { issue } = this.#options;
    if (issue === undefined) {
      throw new AuthError("no credentials: pass credentials, or a token that the server accepts", {
        code: "NO_CREDENTIALS",
      });
    }
    const { token, lifeMs } = await issue(cut);
    return { value: new Secret(header(token)), lifeMs };
  }
}
