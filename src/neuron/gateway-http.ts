/** Single requests to a gateway: the bearer token, one refresh on a 401, and answers turned into errors. */
import { AgentwireError, AuthError, errorText } from "../core/errors.js";
import type { KeepAliveAnswer, KeepAliveClient, KeepAliveRequest } from "../core/keep-alive.js";
import { refusalError } from "./errors.js";

/** Why a token is asked for: for a request, or because the last one was answered with 401. */
export interface AuthReason {
  readonly reason: "request" | "unauthorized";
}

/**
 * Gives the bearer token. Called for every request, and once more when the answer is 401: a callback that keeps
 * its token drops it then. What it throws fails the request; an AuthError that is not `retryable` (such as
 * CredentialRevokedError) also ends all reconnecting.
 */
export type AuthCallback = (why: AuthReason) => string | Promise<string>;

/** Options of {@link GatewayHttp}. */
export interface GatewayHttpOptions {
  readonly client: KeepAliveClient;
  readonly auth: AuthCallback;
}

/** The auth callback failed; `retryable` is false when it will go on failing. */
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

/** A request as it is sent, but for the token. */
export interface GatewayRequest extends KeepAliveRequest {
  /** What the request is, for messages. */
  readonly what: string;
}

/** So much of an error's body is read. */
const readBytes = 65_536;
/** So much of it is shown. */
const shownCharacters = 2_000;

/** Sends requests with a token. */
export class GatewayHttp {
  readonly #options: GatewayHttpOptions;

  constructor(options: GatewayHttpOptions) {
    this.#options = options;
  }

  /**
   * Resolves with a 2xx answer whose body waits. The signal covers the body as well, the timeout does not.
   *
   * @throws AuthCallbackError; the errors of {@link refusalError}; ConnectionError, TimeoutError, AbortError.
   */
  async send(url: string, request: GatewayRequest): Promise<KeepAliveAnswer> {
    const first = await this.#once(url, request, "request");
    if (first.status !== 401) return this.#accept(first, request);
    first.discard();
    return this.#accept(await this.#once(url, request, "unauthorized"), request);
  }

  async #once(url: string, request: GatewayRequest, reason: AuthReason["reason"]): Promise<KeepAliveAnswer> {
    const { client, auth } = this.#options;
    const authorization = `Bearer ${await token(auth, reason)}`;
    return client.request(url, { ...request, headers: { ...request.headers, authorization } });
  }

  async #accept(answer: KeepAliveAnswer, { what }: GatewayRequest): Promise<KeepAliveAnswer> {
    const { status, statusText, headers } = answer;
    if (status >= 200 && status < 300) return answer;
    throw refusalError(what, { status, statusText, headers, text: await bodyText(answer) });
  }
}

async function token(auth: AuthCallback, reason: AuthReason["reason"]): Promise<string> {
  let given: unknown;
  try {
    given = await auth({ reason });
  } catch (error) {
    throw new AuthCallbackError(error);
  }
  if (typeof given !== "string" || !/^[\x20-\x7e]+$/.test(given))
    throw new AuthCallbackError(new TypeError("it must give a token: one line of ASCII text"));
  return given;
}

class Enough extends Error {}

async function bodyText(answer: KeepAliveAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  await answer
    .read((chunk) => {
      text += decoder.decode(chunk, { stream: true });
      bytes += chunk.length;
      if (bytes > readBytes) throw new Enough();
    })
    .catch(() => {});
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
}
