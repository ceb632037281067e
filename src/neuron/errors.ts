/** What a gateway refuses, as errors. */
import { AgentwireError } from "../core/errors.js";
import { errorForStatus } from "../core/http-answer.js";
import { isObject } from "../core/json.js";
import { retryAfterFromBody, retryAfterFromHeaders } from "../core/retry-after.js";

/** The gateway did not take the registration. The stream stays open, but no leases come. */
export class RegistrationRejectedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["RegistrationRejectedError"];
  static override readonly defaultCode: string = "REGISTRATION_REJECTED";
}

/** What is looked at of an error answer. */
export interface Refusal {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body as text, cut to a sensible length. */
  readonly text: string;
}

/**
 * The error for an answer that is no success. `reason` is the gateway's code (`code`, `error.code`, or
 * `error` as text) if the body names one; `body` is the body, parsed where it is JSON. A redirect is refused.
 */
export function refusalError(what: string, { status, statusText, headers, text }: Refusal): AgentwireError {
  const body = parsed(text);
  const reason = codeOf(body);
  const header = (name: string): string | null => [headers[name] ?? []].flat()[0] ?? null;
  const retryAfterMs = retryAfterFromHeaders({ get: header }) ?? retryAfterFromBody(body);
  const redirect = status >= 300 && status < 400 ? " (redirects are not followed)" : "";
  const message = `${what} failed: ${status} ${statusText}${redirect}${text && ` - ${text}`}`;
  return errorForStatus(status, message, {
    status,
    headers: headersOf(headers),
    reason,
    ...(text === "" ? {} : { body }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function headersOf(given: Refusal["headers"]): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(given))
    for (const value of [values ?? []].flat()) headers.append(name, value);
  return headers;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function codeOf(body: unknown): string | undefined {
  if (!isObject(body)) return undefined;
  const { code, error } = body;
  const found = code ?? (isObject(error) ? error.code : error);
  return typeof found === "string" && found !== "" ? found.slice(0, 100) : undefined;
}
