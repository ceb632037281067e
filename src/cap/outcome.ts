/** How a job ended, as reported to a client: a result with its output, or a typed error that carries it. */
import {
  type BusPacket,
  errorCodes,
  type JobResult,
  JobStatus,
  PROTOCOL_VERSION,
} from "../../gen/cap/index.js";
import { raceSignal } from "../core/abort.js";
import type { AgentwireErrorOptions } from "../core/errors.js";
import { checkerFor, refusal, type Schema } from "../core/validate.js";
import { type BlobStore, getBytes, getJson } from "./blob-store.js";
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

/** The result of a job that succeeded, with its output. */
export type JobOutcome<T = unknown> = JobResult & {
  /** What is behind `result_ptr`; undefined without a pointer or a store, or if nothing is stored there. */
  readonly output: T;
};

/** How an output is read. */
export interface OutputOptions<T = unknown> {
  /** What the output must be: a Standard Schema, or a JSON Schema. Default: anything. */
  readonly output?: Schema<T> | undefined;
  /** `bytes` returns the output as it is kept, `none` leaves it unread. Default: `json`. */
  readonly read?: "json" | "bytes" | "none" | undefined;
}

/**
 * The result of a job that succeeded, with its output.
 *
 * @throws What `jobError` makes of the result of another job; ValidationError for an output that does not match its schema
 * or is not JSON; JobNotFoundError with the result in `details.result` if there is a schema and nothing is stored under the
 * pointer; InvalidInputError for an invalid pointer; AbortError; what the store throws.
 */
export async function outcomeOf<T>(
  store: BlobStore | undefined,
  result: JobResult,
  options: OutputOptions<T> & { readonly signal?: AbortSignal | undefined },
): Promise<JobOutcome<T>> {
  if (result.status !== JobStatus.SUCCEEDED) throw jobError(result);
  const output = (await raceSignal(readOutput(store, result, options), options.signal)) as T;
  return Object.assign(result, { output });
}

async function readOutput(
  store: BlobStore | undefined,
  result: JobResult,
  { output: schema, read }: OutputOptions<unknown>,
): Promise<unknown> {
  const { resultPtr } = result;
  let value: unknown;
  if (store !== undefined && read !== "none" && resultPtr !== "") {
    try {
      value = await (read === "bytes" ? getBytes(store, resultPtr) : getJson(store, resultPtr));
    } catch (error) {
      if (!(error instanceof errors.JobNotFoundError)) throw error;
      // The job succeeded all the same: its worker may have no output, or keep it elsewhere.
      if (schema !== undefined) throw new errors.JobNotFoundError(error.message, { details: { result } });
    }
  }
  if (schema === undefined) return value;
  const checked = await (await checkerFor(schema)).check(value);
  if (!checked.ok) throw refusal("the output", checked.issues);
  return checked.value;
}
