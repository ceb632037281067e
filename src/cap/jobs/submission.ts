/** What a client hands in, and the job request that is made of it. */
import { ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import type { BlobStore } from "../blob-store.js";
import type { JobRequestInit } from "../client.js";
import { contextKey } from "../stores/keys.js";
import { putValue } from "../stores/values.js";
import { assertCompensation } from "./compensation.js";

/** A job request with what a client fills in for it. */
export type JobSubmission = JobRequestInit & {
  /**
   * Input of the job: a Uint8Array as it is, everything else as JSON. It is kept under `ctx:<job_id>` before the
   * request goes out, and `context_ptr` points to it. Requires a client with a store.
   */
  readonly input?: unknown;
  /** Budget of time, as `budget.deadline_ms`. The scheduler counts it from the dispatch. */
  readonly deadlineMs?: number | undefined;
  /** Joins all packets of the work, such as those of one workflow. Default: random. */
  readonly traceId?: string | undefined;
};

/** A request that can be sent. */
export interface PreparedJob {
  readonly jobId: string;
  readonly request: JobRequestInit & { readonly jobId: string };
  readonly traceId: string | undefined;
  readonly deadlineMs: number | undefined;
  /** Keeps the input, where there is one. */
  readonly keepInput: (() => Promise<void>) | undefined;
}

/**
 * Makes a request of a submission.
 *
 * @throws ValidationError `NO_STORE` for an input without a store; for an input beside a pointer, and a deadline
 * that is not a positive number; InvalidInputError for a compensation that breaks a rule.
 */
export function prepareJob(submission: JobSubmission, store: BlobStore | undefined): PreparedJob {
  const { input, deadlineMs, traceId, ...given } = submission;
  const jobId = given.jobId || `job-${uuid()}`;
  const request = { ...given, jobId } as PreparedJob["request"];
  if (given.compensation !== undefined) assertCompensation(given.compensation);
  if (deadlineMs !== undefined) {
    if (!(deadlineMs > 0 && Number.isFinite(deadlineMs))) {
      throw new ValidationError(`deadlineMs must be a number above 0, not ${deadlineMs}`);
    }
    request.budget = { ...given.budget, deadlineMs: BigInt(Math.ceil(deadlineMs)) };
  }
  if (input === undefined) return { jobId, request, traceId, deadlineMs, keepInput: undefined };
  if (store === undefined) {
    throw new ValidationError(
      "`input` requires a store: pass `store`, or store the data yourself and pass `contextPtr`",
      { code: "NO_STORE" },
    );
  }
  if (given.contextPtr) throw new ValidationError("a job has either an input or a contextPtr");
  const keepInput = async () => {
    request.contextPtr = await putValue(store, contextKey(jobId), input);
  };
  return { jobId, request, traceId, deadlineMs, keepInput };
}
