/** Results of jobs that did not succeed: the texts of cap-sdk-python 2.17.0, and codes, which it leaves empty. */
import { ErrorCode, JobStatus } from "../../gen/cap/index.js";
import type { HandlerFailure } from "../handler/index.js";
import type { JobResultInit } from "./agent/options.js";

/** Codes of this runtime, from the range that belongs to applications. */
export const AGENT_CODES = {
  HANDLER_FAILED: 1000,
  CANCELLED: 1001,
  CONTEXT_UNAVAILABLE: 1002,
  RESULT_WRITE_FAILED: 1003,
  TOO_MANY_DELIVERIES: 1004,
} as const;

/** Legacy texts of registered codes (CAP spec 13). The others go by their names. */
const LEGACY: Readonly<Record<number, string>> = {
  [ErrorCode.JOB_TIMEOUT]: "TIMEOUT",
  [ErrorCode.JOB_PERMISSION_DENIED]: "PERMISSION_DENIED",
  [ErrorCode.SAFETY_DENIED]: "DENIED",
};

/** The legacy text of a registered code; "" for another. */
export function legacyOf(code: number): string {
  return LEGACY[code] ?? ErrorCode[code] ?? "";
}

/** Longest text that goes into a result. */
const MAX_TEXT = 1024;

/** Why a job ends without success. Thrown inside the runtime, never at its users. */
export class JobFailure extends Error {
  readonly status: JobStatus;
  readonly code: number;
  readonly legacy: string;
  /** Another attempt may succeed. */
  readonly mayRetry: boolean;
  /** A store did not answer: a job of a stream is delivered again instead. */
  readonly isStoreDown: boolean;

  constructor(
    message: string,
    info: { status?: JobStatus; code: number; legacy: string; mayRetry?: boolean; isStoreDown?: boolean },
  ) {
    super(message);
    this.status = info.status ?? JobStatus.FAILED;
    this.code = info.code;
    this.legacy = info.legacy;
    this.mayRetry = info.mayRetry ?? false;
    this.isStoreDown = info.isStoreDown ?? false;
  }
}

/** The input, or what says where it is, is wrong. */
export function badInput(message: string, legacy = "INVALID_INPUT"): JobFailure {
  return new JobFailure(message, { code: ErrorCode.JOB_INVALID_INPUT, legacy });
}

/** A limit was reached. */
export function exhausted(message: string): JobFailure {
  return new JobFailure(message, { code: ErrorCode.JOB_RESOURCE_EXHAUSTED, legacy: "RESOURCE_EXHAUSTED" });
}

/** Something of the runtime's own failed; another attempt may succeed. */
export function unavailable(
  message: string,
  name: keyof typeof AGENT_CODES,
  isStoreDown = false,
): JobFailure {
  return new JobFailure(message, { code: AGENT_CODES[name], legacy: name, mayRetry: true, isStoreDown });
}

/** What no other failure says. */
export function handlerBroken(): JobFailure {
  return new JobFailure("handler failed", { code: AGENT_CODES.HANDLER_FAILED, legacy: "HANDLER_FAILED" });
}

/** A stream has delivered the job as often as it may, and it was never answered. */
export function tooManyDeliveries(deliveries: number): JobFailure {
  const message = `job not finished after ${deliveries} deliveries`;
  return new JobFailure(message, { code: AGENT_CODES.TOO_MANY_DELIVERIES, legacy: "max_retries_exceeded" });
}

/** The time of the job is over. */
export function timedOut(message: string): JobFailure {
  const { TIMEOUT: status } = JobStatus;
  return new JobFailure(message, { status, code: ErrorCode.JOB_TIMEOUT, legacy: "TIMEOUT", mayRetry: true });
}

/** The job was cancelled. */
export function cancelled(reason: string): JobFailure {
  const { CANCELLED: status } = JobStatus;
  return new JobFailure(reason || "job cancelled", {
    status,
    code: AGENT_CODES.CANCELLED,
    legacy: "CANCELLED",
  });
}

/** The worker is closed before the job has ended. */
export function workerClosed(ran: boolean): JobFailure {
  const code = ErrorCode.JOB_WORKER_UNAVAILABLE;
  const message = `worker closed before the job ${ran ? "ended" : "ran"}`;
  return new JobFailure(message, { code, legacy: "WORKER_UNAVAILABLE", mayRetry: true });
}

/** The author of a handler ended the job: with a registered code where the code is a CAP name or number. */
export function givenUp({ reason, failureCode }: HandlerFailure): JobFailure {
  const code = registered(failureCode);
  const legacy = legacyOf(code) || failureCode || "HANDLER_FAILED";
  return new JobFailure(reason || "handler failed", { code, legacy });
}

function registered(given: string | undefined): number {
  if (given === undefined) return AGENT_CODES.HANDLER_FAILED;
  const name = given.replace(/^ERROR_CODE_/, "");
  const byName = (ErrorCode as unknown as Readonly<Record<string, unknown>>)[name];
  const code = typeof byName === "number" ? byName : /^\d{1,4}$/.test(name) ? Number(name) : 0;
  const known = ErrorCode[code] !== undefined || code >= 1000;
  return code !== 0 && known ? code : AGENT_CODES.HANDLER_FAILED;
}

/** The result that says it. With `granular` it also says whether another try may succeed. */
export function failureResult(failure: JobFailure, granular = false): JobResultInit {
  const { status, code, legacy, mayRetry, message } = failure;
  const finer = mayRetry ? JobStatus.FAILED_RETRYABLE : JobStatus.FAILED_FATAL;
  return {
    status: granular && status === JobStatus.FAILED ? finer : status,
    errorMessage: wireText(message),
    errorCodeEnum: code as ErrorCode,
    errorCode: wireText(legacy),
  };
}

/** A text that every packet can carry: not too long, and without halves of characters. */
export function wireText(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/\p{Surrogate}/gu, "\ufffd");
}

/** A text as a field of a log line: 256 characters, on one line. */
export function logField(text: string): string {
  return text.slice(0, 256).replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}
