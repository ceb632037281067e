/** Results of jobs that did not succeed: the texts of cap-sdk-python 2.17.0, and codes, which it leaves empty. */
import { ErrorCode, JobStatus } from "../../gen/cap/index.js";
import type { HandlerFailure } from "../handler/index.js";
import type { JobResultInit } from "./agent/options.js";

/** How a job ends without success. `mayRetry`: another attempt may succeed. */
interface Kind {
  readonly code: number;
  readonly status?: JobStatus;
  readonly mayRetry?: boolean;
}

/** By the legacy text of the result. Codes from 1000 on are this runtime's, from the range of applications. */
const KINDS = {
  INVALID_INPUT: { code: ErrorCode.JOB_INVALID_INPUT },
  CONTEXT_NOT_FOUND: { code: ErrorCode.JOB_INVALID_INPUT },
  RESOURCE_EXHAUSTED: { code: ErrorCode.JOB_RESOURCE_EXHAUSTED },
  TIMEOUT: { code: ErrorCode.JOB_TIMEOUT, status: JobStatus.TIMEOUT, mayRetry: true },
  WORKER_UNAVAILABLE: { code: ErrorCode.JOB_WORKER_UNAVAILABLE, mayRetry: true },
  HANDLER_FAILED: { code: 1000 },
  CANCELLED: { code: 1001, status: JobStatus.CANCELLED },
  CONTEXT_UNAVAILABLE: { code: 1002, mayRetry: true },
  RESULT_WRITE_FAILED: { code: 1003 },
  max_retries_exceeded: { code: 1004 },
} satisfies Readonly<Record<string, Kind>>;

/** Legacy texts of registered codes (CAP spec 13). The others go by their names. */
const LEGACY: Readonly<Record<number, string>> = {
  [ErrorCode.JOB_TIMEOUT]: "TIMEOUT",
  [ErrorCode.JOB_PERMISSION_DENIED]: "PERMISSION_DENIED",
  [ErrorCode.SAFETY_DENIED]: "DENIED",
};

/** Longest text that goes into a result. */
const MAX_TEXT = 1024;

/** Why a job ends without success. Thrown inside the runtime, never at its users. */
export class JobFailure extends Error {
  readonly legacy: string;
  readonly kind: Kind;
  /** A store did not answer: a job of a stream is delivered again instead. */
  readonly isStoreDown: boolean;

  constructor(
    legacy: keyof typeof KINDS,
    message: string,
    { isStoreDown = false, ...kind }: Partial<Kind> & { readonly isStoreDown?: boolean } = {},
  ) {
    super(message);
    this.kind = { ...KINDS[legacy], ...kind };
    this.legacy = legacy;
    this.isStoreDown = isStoreDown;
  }
}

/** A failure under a registered code, or a code of the application. `legacy` is the text for a code without a name. */
export function coded(message: string, code: number, legacy: string, mayRetry = false): JobFailure {
  const failure = new JobFailure("HANDLER_FAILED", message, { code, mayRetry });
  return Object.assign(failure, { legacy: LEGACY[code] ?? ErrorCode[code] ?? legacy });
}

/** The author of a handler ended the job: with a registered code where the code is a CAP name or number. */
export function givenUp({ reason, failureCode = "" }: HandlerFailure): JobFailure {
  const name = String(failureCode).replace(/^ERROR_CODE_/, "");
  const byName = (ErrorCode as unknown as Readonly<Record<string, unknown>>)[name];
  const number = typeof byName === "number" ? byName : /^\d{1,4}$/.test(name) ? Number(name) : 0;
  const isKnown = number !== 0 && (ErrorCode[number] !== undefined || number >= 1000);
  const { code } = isKnown ? { code: number } : KINDS.HANDLER_FAILED;
  return coded(reason || "handler failed", code, String(failureCode) || "HANDLER_FAILED");
}

/** The result that says it. With `granular` it also says whether another try may succeed. */
export function failureResult({ kind, legacy, message }: JobFailure, granular = false): JobResultInit {
  const { status = JobStatus.FAILED, code, mayRetry } = kind;
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
