/**
 * The errors of the vendor's SDKs. Each is also an instance of the class of `agentwire` that says what a caller
 * can do about it, so `catch` by either family works.
 */
import type { AgentwireErrorOptions } from "../core/errors.js";
import { AgentwireError } from "../core/errors.js";
import type { PolicyDenialKind } from "./policy.js";

/** Members that a {@link GatewayError} has in addition to those of every error. */
export interface GatewayErrorInfo extends AgentwireErrorOptions {
  /** Status of the service behind the tool. */
  readonly upstreamStatus?: number | undefined;
  /** Which rule of a policy denied. */
  readonly kind?: PolicyDenialKind | undefined;
  /** When a used-up quota resets. */
  readonly resetAt?: Date | undefined;
}

const extras = ["upstreamStatus", "kind", "resetAt"] as const;

/** Base of all errors of the gateway client. `requestId` is the id under which the gateway logged the call. */
export class GatewayError extends AgentwireError {
  static override readonly brands: readonly string[] = ["GatewayError"];
  static override readonly defaultCode: string = "GATEWAY_ERROR";

  constructor(message: string, info: GatewayErrorInfo = {}) {
    super(message, info);
    for (const key of extras) {
      if (info[key] !== undefined) Object.defineProperty(this, key, { value: info[key], enumerable: true });
    }
  }

  /** HTTP status of the answer; the vendor's name for `status`. */
  get statusCode(): number | undefined {
    return this.status;
  }

  /** Seconds to wait before the next try; the vendor's form of `retryAfterMs`. */
  get retryAfter(): number | undefined {
    return this.retryAfterMs === undefined ? undefined : this.retryAfterMs / 1_000;
  }
}

/** The agent is unknown to the gateway, or not active. */
export class GatewayAuthError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayAuthError", "AuthError"];
  static override readonly defaultCode: string = "AUTH_ERROR";
}

/** The token is expired, revoked, damaged, unknown or older than 24 hours. */
export class GatewayTokenError extends GatewayAuthError {
  static override readonly brands: readonly string[] = ["GatewayTokenError"];
  static override readonly defaultCode: string = "TOKEN_ERROR";
}

/** A policy denied the call. `reason` is the gateway's text. */
export class GatewayPolicyError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayPolicyError", "PolicyDeniedError"];
  static override readonly defaultCode: string = "POLICY_ERROR";
  /** Which rule denied, where the reason says so. */
  declare readonly kind?: PolicyDenialKind;
  /** When the quota that denied the call resets. */
  declare readonly resetAt?: Date;
}

/** Too many calls. The tool was not called; `retryAfter` is how many seconds to wait. */
export class GatewayRateLimitError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayRateLimitError", "RateLimitError"];
  static override readonly defaultCode: string = "RATE_LIMIT_ERROR";
  static override readonly defaultRetryable: boolean = true;
}

/** The tool, or the service behind it, failed. `details` is what it said. */
export class GatewayUpstreamError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayUpstreamError", "UpstreamError"];
  static override readonly defaultCode: string = "UPSTREAM_ERROR";
  static override readonly defaultRetryable: boolean = true;
  /** Status of the service behind the tool; absent when the gateway itself answered so. */
  declare readonly upstreamStatus?: number;
}

/** The gateway stopped calling this tool for a while, because it failed too often. The tool was not called. */
export class GatewayCircuitOpenError extends GatewayUpstreamError {
  static override readonly brands: readonly string[] = ["GatewayCircuitOpenError"];
}

/** The parameters of a tool, or the members of a body, are not valid. `details` lists what is wrong. */
export class GatewayValidationError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayValidationError", "ValidationError"];
  static override readonly defaultCode: string = "VALIDATION_ERROR";
}

/** The requested object does not exist. */
export class GatewayNotFoundError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayNotFoundError", "NotFoundError"];
}

/** The object is in a state that does not allow this call. */
export class GatewayConflictError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayConflictError", "ConflictError"];
}

/** The gateway could not be reached, or the connection broke. */
export class GatewayNetworkError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayNetworkError", "ConnectionError"];
  static override readonly defaultCode: string = "NETWORK_ERROR";
  static override readonly defaultRetryable: boolean = true;
}

/** The gateway did not respond in time. It is unknown whether the call was carried out. */
export class GatewayTimeoutError extends GatewayNetworkError {
  static override readonly brands: readonly string[] = ["GatewayTimeoutError", "TimeoutError"];
}

/** The gateway sent a response that violates its spec. */
export class GatewayProtocolError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayProtocolError", "ProtocolError"];
}

/** This gateway does not support the call. */
export class GatewayUnsupportedError extends GatewayError {
  static override readonly brands: readonly string[] = ["GatewayUnsupportedError", "UnsupportedError"];
}
