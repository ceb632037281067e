/** What a gateway refuses, as errors. */
import { AgentwireError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import type { HttpAnswer } from "../http/answer.js";
import { answerInfo, errorForStatus } from "../http/error-table.js";

/** The gateway refused the registration. The stream stays open, but no leases arrive. */
export class RegistrationRejectedError extends AgentwireError {
  static override readonly brands: readonly string[] = ["RegistrationRejectedError"];
  static override readonly defaultCode: string = "REGISTRATION_REJECTED";
}

/** So much of a body is shown in a message. */
const shownCharacters = 2_000;

/**
 * The error for an answer that is not a success. Its `reason` is the gateway's code (`code`, `error.code`, or
 * `error` as text) if the body names one; `body` is the body, parsed where it is JSON. A redirect is refused.
 */
export function refusalError(what: string, answer: HttpAnswer): AgentwireError {
  const { status, text } = answer;
  const reason = codeOf(answer.body);
  const redirect = status === 0 || (status >= 300 && status < 400) ? " (redirects are not followed)" : "";
  const shown = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  const message = `${what} failed: ${status}${redirect}${shown && ` - ${shown}`}`;
  return errorForStatus(status, message, { ...answerInfo(answer), reason });
}

function codeOf(body: unknown): string | undefined {
  if (!isObject(body)) return undefined;
  const { code, error } = body;
  const found = code ?? (isObject(error) ? error.code : error);
  return typeof found === "string" && found !== "" ? found.slice(0, 100) : undefined;
}
