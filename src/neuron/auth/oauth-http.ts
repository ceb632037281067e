/** Requests to an identity server: form posts and JSON responses, as OAuth 2.0 has them. */
import { AgentwireError } from "../../core/errors.js";
import { warnIfInsecure } from "../../core/insecure.js";
import { isObject } from "../../core/json.js";
import { safeLogger } from "../../core/logger.js";
import { isSecretName } from "../../core/secret-names.js";
import type { HttpAnswer } from "../../http/answer.js";
import { type CallOptions, type ClientOptions, HttpClient } from "../../http/index.js";
import { OAuthTokenError } from "./errors.js";

/** What every call to the identity server can be given. */
export type OAuthOptions = Pick<
  ClientOptions,
  "fetch" | "tls" | "timeoutMs" | "clock" | "logger" | "allowInsecure"
> &
  Pick<CallOptions, "signal">;

/** A token as it was given. */
export interface TokenResponse {
  readonly accessToken: string;
  /** Life in seconds. */
  readonly expiresIn: number;
  /** The answer with all its members. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * Makes one request: posts `form`, or gets `url` without one. Resolves with the JSON object of the response, or
 * undefined where it is not one; rejects with an {@link OAuthTokenError} outside 200 to 299, and as every call over HTTP.
 * No redirect is followed.
 */
export async function exchange(
  url: string,
  form: Readonly<Record<string, string>> | undefined,
  { signal, ...options }: OAuthOptions,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { origin, pathname, search } = new URL(url);
  const http = new HttpClient({
    ...options,
    baseUrl: origin,
    server: "the identity server",
    retry: false,
    toError: refusal,
  });
  // The form holds the credential.
  if (form !== undefined) warnIfInsecure(url, { ...options, logger: safeLogger(options.logger) });
  try {
    const method = form === undefined ? "GET" : "POST";
    const operation = {
      id: pathname,
      method,
      path: pathname + search,
      idempotent: false,
      body: "form",
    } as const;
    const secrets = Object.entries(form ?? {}).flatMap(([name, text]) => (isSecretName(name) ? [text] : []));
    const { body } = await http.request(operation, [], { signal, secrets }, form);
    return isObject(body) ? body : undefined;
  } finally {
    void http.close({ graceMs: 0 });
  }
}

function refusal({ status, body }: HttpAnswer): OAuthTokenError {
  const { error, error_description: description } = isObject(body) ? body : {};
  const named = typeof error === "string" && error !== "" ? error : `http_${status}`;
  return new OAuthTokenError(named, status, typeof description === "string" ? description : undefined);
}

/**
 * Asks for a token. Rejects as {@link exchange} does; `invalid_response` for a response without one, or whose `expires_in`
 * is not what {@link secondsOf} reads.
 */
export async function requestToken(
  endpoint: string,
  form: Readonly<Record<string, string>>,
  options: OAuthOptions,
): Promise<TokenResponse> {
  const raw = (await exchange(endpoint, form, options)) ?? {};
  const { access_token: accessToken } = raw;
  const expiresIn = secondsOf(raw.expires_in);
  if (typeof accessToken !== "string" || expiresIn === undefined) {
    const expected = "expected access_token, and expires_in as a number of seconds above 0";
    throw new OAuthTokenError("invalid_response", 200, expected);
  }
  return { accessToken, expiresIn, raw };
}

/** A number of seconds above 0; some servers write it as text (`"3600"`). Undefined for everything else. */
export function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof seconds === "number" && seconds > 0 && seconds < Infinity ? seconds : undefined;
}

/** True for what may be over at the next try: no answer, a time limit, a server that is busy or failed. */
export function isPassing(error: unknown): boolean {
  return error instanceof AgentwireError && (error.retryable || error.status === 409);
}
