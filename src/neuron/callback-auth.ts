/** The credential of a neuron: the bearer token of its callback. */
import { AgentwireError, AuthError, errorText } from "../core/errors.js";
import type { HttpAuth } from "../http/index.js";

/** Why a token is requested: for a request, or because the response to the named token was 401. */
export interface AuthReason {
  readonly reason: "request" | "unauthorized";
  /** The token that was refused. */
  readonly token?: string;
  /** Fires when the request that needs the token is given up: by its time limit, or because the neuron stops. */
  readonly signal?: AbortSignal;
}

/**
 * Returns the bearer token. Called for every request, and again when the response is 401: a callback that keeps
 * its token drops it then, unless it has a newer one by now. What it throws fails the request; an AuthError that is
 * not `retryable` (such as CredentialRevokedError) also ends all reconnecting.
 */
export type AuthCallback = (why: AuthReason) => string | Promise<string>;

/** The auth callback failed. `retryable` is false if a retry would fail, too. */
export class AuthCallbackError extends AuthError {
  static override readonly brands: readonly string[] = ["AuthCallbackError"];

  constructor(cause: unknown) {
    const known = cause instanceof AgentwireError;
    super(`auth callback raised: ${errorText(cause)}`, {
      cause,
      code: known ? cause.code : "AUTH_CALLBACK",
      retryable: !(cause instanceof AuthError) || cause.retryable,
    });
  }
}

/** Asks the callback for every request, and again after a 401. */
export function callbackAuth(auth: AuthCallback): HttpAuth {
  return {
    what: "the auth callback",
    async authorization(cut, refused) {
      const why: AuthReason = {
        ...(refused === undefined
          ? { reason: "request" }
          : { reason: "unauthorized", token: refused.slice("Bearer ".length) }),
        // Made for those who ask: a signal costs more than the rest of this.
        get signal() {
          return cut.signal;
        },
      };
      return `Bearer ${await cut.race(token(auth, why))}`;
    },
    refused: () => true,
  };
}

async function token(auth: AuthCallback, why: AuthReason): Promise<string> {
  let given: unknown;
  try {
    given = await auth(why);
  } catch (error) {
    throw new AuthCallbackError(error);
  }
  if (typeof given !== "string" || !/^[\x20-\x7e]+$/.test(given))
    throw new AuthCallbackError(new TypeError("it must return a token: one line of ASCII text"));
  return given;
}
