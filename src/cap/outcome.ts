/** How a job ended, as reported to a client: a result, or a typed error that carries it. */
import type { JobResult } from "../../gen/cap/index.js";
import { errorCodes, JobStatus } from "../../gen/cap/index.js";
import type { AgentwireErrorOptions } from "../core/errors.js";
import type { CAPError } from "./errors.js";
import * as errors from "./errors.js";

type CAPErrorClass = new (message: string, info?: AgentwireErrorOptions) => CAPError;

/** Legacy texts: the three of CAP spec 13, and what the Cordum scheduler writes. */
const classOfText: Readonly<Record<string, CAPErrorClass>> = {
  TIMEOUT: errors.JobTimeoutError,
  DENIED: errors.SafetyDeniedError,
  PERMISSION_DENIED: errors.PermissionDeniedError,
  safety_denied: errors.SafetyDeniedError,
  safety_unknown: errors.SafetyDeniedError,
  no_pool_mapping: errors.NoPoolError,
  dispatch_failed: errors.WorkerUnavailableError,
  max_retries_exceeded: errors.MaxRetriesExceededError,
};

/** Why a job did not succeed, in one word. */
export type JobEndReason =
  /** The safety kernel, a policy or a permission said no. */
  | "denied"
  /** No pool serves the topic. */
  | "no_pool"
  /** No worker could be given the job. */
  | "dispatch_failed"
  /** The scheduler has dispatched it as often as it may. */
  | "max_retries"
  | "timeout"
  | "cancelled"
  /** The worker says that another try may succeed. */
  | "failed_retryable"
  /** The worker says that no other try can succeed. */
  | "failed_fatal"
  | "failed";

const reasonOfText: Readonly<Record<string, JobEndReason>> = {
  TIMEOUT: "timeout",
  DENIED: "denied",
  PERMISSION_DENIED: "denied",
  safety_denied: "denied",
  safety_unknown: "denied",
  no_pool_mapping: "no_pool",
  dispatch_failed: "dispatch_failed",
  max_retries_exceeded: "max_retries",
};

const reasonOfStatus: Partial<Record<JobStatus, JobEndReason>> = {
  [JobStatus.TIMEOUT]: "timeout",
  [JobStatus.DENIED]: "denied",
  [JobStatus.CANCELLED]: "cancelled",
  [JobStatus.FAILED_RETRYABLE]: "failed_retryable",
  [JobStatus.FAILED_FATAL]: "failed_fatal",
};

/** Why a job did not succeed: by the scheduler's word for it, else by its status, else by its code. */
export function endReason({ errorCode, status, errorCodeEnum }: JobResult): JobEndReason {
  const said = Object.hasOwn(reasonOfText, errorCode) ? reasonOfText[errorCode] : undefined;
  return said ?? reasonOfStatus[status] ?? errorCodes[errorCodeEnum]?.reason ?? "failed";
}

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
 * else a `JobFailedError`. The error's `reason` is the legacy code text; `details` holds the `result` and the
 * `reason` as a {@link JobEndReason}. FAILED_RETRYABLE makes it `retryable`.
 */
export function jobError(result: JobResult): CAPError {
  const { status, errorCodeEnum, errorCode, errorMessage, jobId } = result;
  const byCode = errorCodes[errorCodeEnum]?.type;
  const byText = Object.hasOwn(classOfText, errorCode) ? classOfText[errorCode] : undefined;
  // The enum wins over the text, unless the text says the same more exactly.
  const known =
    (byText !== undefined && isKindOf(byText, byCode) ? byText : byCode) ?? byText ?? classOfStatus[status];
  const type = known ?? errors.JobFailedError;
  const text = errorMessage || errorCode || "no reason is given";
  return new type(`job ${jobId} ended ${JobStatus[status] ?? status}: ${text}`, {
    details: { result, reason: endReason(result) },
    ...(errorCode === "" ? {} : { reason: errorCode }),
    ...(status === JobStatus.FAILED_RETRYABLE ? { retryable: true } : {}),
  });
}

function isKindOf(type: CAPErrorClass, base: CAPErrorClass | undefined): boolean {
  return base !== undefined && (type === base || Object.prototype.isPrototypeOf.call(base, type));
}
