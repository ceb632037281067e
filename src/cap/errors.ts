/**
 * The CAPError family of the official SDKs (CAP spec 13): one class per registered error code. Each is also
 * an instance of the class of `agentwire` that says what a caller can do about it.
 */
import { ErrorCode } from "../../gen/cap/index.js";
import type { AgentwireErrorOptions } from "../core/errors.js";
import { AgentwireError, ValidationError } from "../core/errors.js";

/** Base of all errors that have a code in the CAP registry. `code` is the registered name without `ERROR_CODE_`, such as
 * `JOB_TIMEOUT`; `reason` is the text that came over the protocol. */
export class CAPError extends AgentwireError {
  static override readonly brands: readonly string[] = ["CAPError"];
  static override readonly defaultCode: string = "UNSPECIFIED";
  /** The registered number of the class. */
  static readonly numericCode: ErrorCode = ErrorCode.UNSPECIFIED;

  /** The registered number, as it goes into `JobResult.error_code_enum`. */
  readonly numericCode: ErrorCode;

  constructor(message: string, info: AgentwireErrorOptions = {}) {
    const { numericCode } = new.target;
    super(message, { code: numericCode === 0 ? new.target.defaultCode : ErrorCode[numericCode]!, ...info });
    this.numericCode = numericCode;
  }
}

/** 100: the packet is of a wire version other than 1. */
export class VersionMismatchError extends CAPError {
  static override readonly brands: readonly string[] = ["VersionMismatchError", "ProtocolError"];
  static override readonly numericCode = ErrorCode.PROTOCOL_VERSION_MISMATCH;
}

/** 101: the bytes are not a packet. */
export class MalformedPacketError extends CAPError {
  static override readonly brands: readonly string[] = ["MalformedPacketError", "ProtocolError"];
  static override readonly numericCode = ErrorCode.PROTOCOL_MALFORMED_PACKET;
}

/** 102: the packet carries no payload that this version knows. */
export class UnknownPayloadError extends CAPError {
  static override readonly brands: readonly string[] = ["UnknownPayloadError", "ProtocolError"];
  static override readonly numericCode = ErrorCode.PROTOCOL_UNKNOWN_PAYLOAD;
}

/** 103: no key of the sender verifies the signature. */
export class SignatureInvalidError extends CAPError {
  static override readonly brands: readonly string[] = ["SignatureInvalidError", "ProtocolError"];
  static override readonly numericCode = ErrorCode.PROTOCOL_SIGNATURE_INVALID;
}

/** 104: keys are configured and the packet is not signed. */
export class SignatureMissingError extends CAPError {
  static override readonly brands: readonly string[] = ["SignatureMissingError", "ProtocolError"];
  static override readonly numericCode = ErrorCode.PROTOCOL_SIGNATURE_MISSING;
}

/** 200: the job did not end in time. */
export class JobTimeoutError extends CAPError {
  static override readonly brands: readonly string[] = ["JobTimeoutError", "TimeoutError"];
  static override readonly numericCode = ErrorCode.JOB_TIMEOUT;
  static override readonly defaultRetryable = true;
}

/** 201: a limit on memory, tokens or size was reached. */
export class ResourceExhaustedError extends CAPError {
  static override readonly brands: readonly string[] = ["ResourceExhaustedError", "RateLimitError"];
  static override readonly numericCode = ErrorCode.JOB_RESOURCE_EXHAUSTED;
}

/** 202: the party behind the job may not do this. */
export class PermissionDeniedError extends CAPError {
  static override readonly brands: readonly string[] = ["PermissionDeniedError", "PolicyDeniedError"];
  static override readonly numericCode = ErrorCode.JOB_PERMISSION_DENIED;
}

/** 203: a packet, a pointer or an input breaks a rule. `details.issues` lists what is wrong, where known. */
export class InvalidInputError extends CAPError {
  static override readonly brands: readonly string[] = ["InvalidInputError", "ValidationError"];
  static override readonly numericCode = ErrorCode.JOB_INVALID_INPUT;
}

/** 204: there is no such job. */
export class JobNotFoundError extends CAPError {
  static override readonly brands: readonly string[] = ["JobNotFoundError", "NotFoundError"];
  static override readonly numericCode = ErrorCode.JOB_NOT_FOUND;
}

/** 205: a job with this id exists. */
export class DuplicateJobError extends CAPError {
  static override readonly brands: readonly string[] = ["DuplicateJobError", "ConflictError"];
  static override readonly numericCode = ErrorCode.JOB_DUPLICATE;
}

/** 206: no worker can take the job. */
export class WorkerUnavailableError extends CAPError {
  static override readonly brands: readonly string[] = ["WorkerUnavailableError", "UpstreamError"];
  static override readonly numericCode = ErrorCode.JOB_WORKER_UNAVAILABLE;
  static override readonly defaultRetryable: boolean = true;
}

/** 206: no pool serves the topic, so no worker ever will. The scheduler's `no_pool_mapping`. */
export class NoPoolError extends WorkerUnavailableError {
  static override readonly brands: readonly string[] = ["NoPoolError"];
  static override readonly defaultRetryable = false;
}

/** 300: the safety kernel said no. */
export class SafetyDeniedError extends CAPError {
  static override readonly brands: readonly string[] = ["SafetyDeniedError", "PolicyDeniedError"];
  static override readonly numericCode = ErrorCode.SAFETY_DENIED;
}

/** 301: the work breaks a policy. */
export class PolicyViolationError extends CAPError {
  static override readonly brands: readonly string[] = ["PolicyViolationError", "PolicyDeniedError"];
  static override readonly numericCode = ErrorCode.SAFETY_POLICY_VIOLATION;
}

/** 302: a risk tag of the job is not allowed. */
export class RiskTagBlockedError extends CAPError {
  static override readonly brands: readonly string[] = ["RiskTagBlockedError", "PolicyDeniedError"];
  static override readonly numericCode = ErrorCode.SAFETY_RISK_TAG_BLOCKED;
}

/** 400: a packet could not be handed to the bus. */
export class PublishFailedError extends CAPError {
  static override readonly brands: readonly string[] = ["PublishFailedError", "ConnectionError"];
  static override readonly numericCode = ErrorCode.TRANSPORT_PUBLISH_FAILED;
  static override readonly defaultRetryable = true;
}

/** 401: a subscription could not be made. */
export class SubscribeFailedError extends CAPError {
  static override readonly brands: readonly string[] = ["SubscribeFailedError", "ConnectionError"];
  static override readonly numericCode = ErrorCode.TRANSPORT_SUBSCRIBE_FAILED;
  static override readonly defaultRetryable = true;
}

/** 402: the connection to the bus broke. */
export class ConnectionLostError extends CAPError {
  static override readonly brands: readonly string[] = ["ConnectionLostError", "ConnectionError"];
  static override readonly numericCode = ErrorCode.TRANSPORT_CONNECTION_LOST;
  static override readonly defaultRetryable = true;
}

/** The job ended without success and no registered code says why. `reason` is the worker's text, if it gave one. */
export class JobFailedError extends CAPError {
  static override readonly defaultCode: string = "JOB_FAILED";
  static override readonly brands: readonly string[] = ["JobFailedError", "UpstreamError"];
}

/** The scheduler has dispatched the job as often as it may: its `max_retries_exceeded`. */
export class MaxRetriesExceededError extends JobFailedError {
  static override readonly defaultCode = "MAX_RETRIES_EXCEEDED";
  static override readonly brands: readonly string[] = ["MaxRetriesExceededError"];
}

/** The job was cancelled. */
export class JobCancelledError extends CAPError {
  static override readonly defaultCode = "JOB_CANCELLED";
  static override readonly brands: readonly string[] = ["JobCancelledError", "AbortError"];
}

/** True where the same packet could never be sent: it is no packet, or the bus will not have it. */
export function isUnsendable(error: unknown): boolean {
  return error instanceof ValidationError || (error instanceof PublishFailedError && !error.retryable);
}
