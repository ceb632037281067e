/** How a job ended, as a client is told: a result, or a typed error that carries it. */
import type { JobResult } from "../../gen/cap/index.js";
import { JobStatus } from "../../gen/cap/index.js";
import type { ErrorInfo } from "../core/errors.js";
import type { CAPError } from "./errors.js";
import * as errors from "./errors.js";

type CAPErrorClass = new (message: string, info?: ErrorInfo) => CAPError;

const classes: readonly (CAPErrorClass & { readonly numericCode: number })[] = [
  errors.VersionMismatchError,
  errors.MalformedPacketError,
  errors.UnknownPayloadError,
  errors.SignatureInvalidError,
  errors.SignatureMissingError,
  errors.JobTimeoutError,
  errors.ResourceExhaustedError,
  errors.PermissionDeniedError,
  errors.InvalidInputError,
  errors.JobNotFoundError,
  errors.DuplicateJobError,
  errors.WorkerUnavailableError,
  errors.SafetyDeniedError,
  errors.PolicyViolationError,
  errors.RiskTagBlockedError,
  errors.PublishFailedError,
  errors.SubscribeFailedError,
  errors.ConnectionLostError,
];
const classOfCode = new Map<number, CAPErrorClass>(classes.map((type) => [type.numericCode, type]));

/** Legacy texts: the three of CAP spec 13, and what the Cordum scheduler writes. */
const classOfText: Readonly<Record<string, CAPErrorClass>> = {
  TIMEOUT: errors.JobTimeoutError,
  DENIED: errors.SafetyDeniedError,
  PERMISSION_DENIED: errors.PermissionDeniedError,
  safety_denied: errors.SafetyDeniedError,
  safety_unknown: errors.SafetyDeniedError,
  no_pool_mapping: errors.WorkerUnavailableError,
  dispatch_failed: errors.WorkerUnavailableError,
};

const classOfStatus: Partial<Record<JobStatus, CAPErrorClass>> = {
  [JobStatus.TIMEOUT]: errors.JobTimeoutError,
  [JobStatus.DENIED]: errors.SafetyDeniedError,
  [JobStatus.CANCELLED]: errors.JobCancelledError,
};

const UNDER_WAY = new Set([
  JobStatus.UNSPECIFIED,
  JobStatus.PENDING,
  JobStatus.SCHEDULED,
  JobStatus.DISPATCHED,
  JobStatus.RUNNING,
]);

/** Whether a result says that the job goes on. */
export function isUnderWay(result: JobResult): boolean {
  return UNDER_WAY.has(result.status);
}

/**
 * The error for a job that did not succeed: by its code, else by its legacy code text, else by its status,
 * else a `JobFailedError`. `details` holds the result; FAILED_RETRYABLE makes it `retryable`.
 */
export function jobError(result: JobResult): CAPError {
  const { status, errorCodeEnum, errorCode, errorMessage, jobId } = result;
  const known =
    classOfCode.get(errorCodeEnum) ??
    (Object.hasOwn(classOfText, errorCode) ? classOfText[errorCode] : undefined) ??
    classOfStatus[status];
  const type = known ?? errors.JobFailedError;
  const text = errorMessage || errorCode || "no reason is given";
  const code = errorCode || (known === undefined ? "job_failed" : undefined);
  return new type(`job ${jobId} ended ${JobStatus[status] ?? status}: ${text}`, {
    details: { result },
    ...(code === undefined ? {} : { code }),
    ...(status === JobStatus.FAILED_RETRYABLE ? { retryable: true } : {}),
  });
}
