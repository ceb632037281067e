/** Errors of enrollment and token requests. */
import { AgentwireError, type AgentwireErrorOptions, AuthError } from "../../core/errors.js";

/** Why an enrollment failed. */
export type EnrollmentErrorCode =
  | "EXPIRED_TOKEN"
  | "ACCESS_DENIED"
  | "INVALID_RESPONSE"
  | "DEVICE_REQUEST_FAILED";

/** The enrollment failed; `code` says why. */
export class EnrollmentError extends AuthError {
  static override readonly brands: readonly string[] = ["EnrollmentError"];
  declare readonly code: EnrollmentErrorCode;

  constructor(message: string, info: AgentwireErrorOptions & { readonly code: EnrollmentErrorCode }) {
    super(message, info);
  }
}

/** The token endpoint refused the request (RFC 6749, 5.2), or its response is invalid. */
export class OAuthTokenError extends AgentwireError {
  static override readonly brands: readonly string[] = ["OAuthTokenError"];
  static override readonly defaultCode: string = "OAUTH_TOKEN";
  /** The endpoint's `error`; `http_<status>` where it named none, `invalid_response` for an odd success. */
  readonly error: string;
  /** The endpoint's `error_description`, if it gave one. */
  readonly description: string | undefined;
  declare readonly status: number;

  constructor(error: string, status: number, description?: string) {
    const more = description === undefined ? "" : `: ${description}`;
    const retryable = status === 429 || status >= 500;
    super(`the token endpoint answered ${error}${more}`, { reason: error, status, retryable });
    this.error = error;
    this.description = description;
  }
}

/** There is no credential, or the identity server no longer accepts it. Retrying does not help: enroll this neuron again. */
export class CredentialRevokedError extends AuthError {
  static override readonly brands: readonly string[] = ["CredentialRevokedError"];
  static override readonly defaultCode: string = "CREDENTIAL_REVOKED";
}
