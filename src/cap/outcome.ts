/** How a job ended, as reported to a client: a result, or a typed error that carries it. */
import {
  type BusPacket,
  errorCodes,
  type JobResult,
  JobStatus,
  PROTOCOL_VERSION,
} from "../../gen/cap/index.js";
import type { AgentwireErrorOptions } from "../core/errors.js";
import type { CAPError } from "./errors.js";
import * as errors from "./errors.js";

type CAPErrorClass = new (message: string, info?: AgentwireErrorOptions) => CAPError;

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

type Ending = readonly [type: CAPErrorClass | undefined, reason: JobEndReason];

/** Legacy texts: the three of CAP spec 13, and what the Cordum scheduler writes. */
const TEXTS: Readonly<Record<string, Ending>> = {
  TIMEOUT: [errors.JobTimeoutError, "timeout"],
  DENIED: [errors.SafetyDeniedError, "denied"],
  PERMISSION_DENIED: [errors.PermissionDeniedError, "denied"],
  safety_denied: [errors.SafetyDeniedError, "denied"],
  safety_unknown: [errors.SafetyDeniedError, "denied"],
  no_pool_mapping: [errors.NoPoolError, "no_pool"],
  dispatch_failed: [errors.WorkerUnavailableError, "dispatch_failed"],
  max_retries_exceeded: [errors.MaxRetriesExceededError, "max_retries"],
};

const STATUSES: Partial<Record<JobStatus, Ending>> = {
  [JobStatus.TIMEOUT]: [errors.JobTimeoutError, "timeout"],
  [JobStatus.DENIED]: [errors.SafetyDeniedError, "denied"],
  [JobStatus.CANCELLED]: [errors.JobCancelledError, "cancelled"],
  [JobStatus.FAILED_RETRYABLE]: [undefined, "failed_retryable"],
  [JobStatus.FAILED_FATAL]: [undefined, "failed_fatal"],
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
 * `reason` as a {@link JobEndReason}: by the scheduler's word for it, else by the status, else by the code.
 * FAILED_RETRYABLE makes it `retryable`.
 */
export function jobError(result: JobResult): CAPError {
  const { status, errorCodeEnum, errorCode, errorMessage, jobId } = result;
  const code = errorCodes[errorCodeEnum];
  const [byText, textReason] = (Object.hasOwn(TEXTS, errorCode) && TEXTS[errorCode]) || [];
  const [byStatus, statusReason] = STATUSES[status] ?? [];
  // The enum wins over the text, unless the text says the same more exactly.
  const known = byText !== undefined && isKindOf(byText, code?.type) ? byText : code?.type;
  const type = known ?? byText ?? byStatus ?? errors.JobFailedError;
  const text = errorMessage || errorCode || "no reason is given";
  return new type(`job ${jobId} ended ${JobStatus[status] ?? status}: ${text}`, {
    details: { result, reason: textReason ?? statusReason ?? code?.reason ?? "failed" },
    ...(errorCode === "" ? {} : { reason: errorCode }),
    ...(status === JobStatus.FAILED_RETRYABLE ? { retryable: true } : {}),
  });
}

function isKindOf(type: CAPErrorClass, base: CAPErrorClass | undefined): boolean {
  return base !== undefined && (type === base || Object.prototype.isPrototypeOf.call(base, type));
}

/**
 * Throws a VersionMismatchError or InvalidInputError unless a packet is the result of a job. Dead letters are read
 * leniently: the scheduler leaves `worker_id` empty there.
 */
export function assertDeadLetter({ payload, protocolVersion }: BusPacket): void {
  if (protocolVersion !== PROTOCOL_VERSION)
    throw new errors.VersionMismatchError(`protocol_version must equal ${PROTOCOL_VERSION}`);
  if (payload.case !== "jobResult" || payload.value.jobId === "")
    throw new errors.InvalidInputError("a dead letter must be the result of a job");
}
