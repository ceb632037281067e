/** Submitting jobs (CAP spec 04): what is handed in, the request that is made of it, and how it gets out. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type JobRequestSchema,
  labelledMessageId,
  MESSAGE_ID_LABEL,
  requestMessageId,
  SUBJECT_SUBMIT,
} from "../../../gen/cap/index.js";
import { ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { checkOption, checkOptions } from "../../core/options.js";
import type { BlobStore } from "../blob-store.js";
import { assertSubject } from "../bus.js";
import type { DurableBus, Stored } from "../durable.js";
import { Party, type PartyOptions } from "../party.js";
import { compensation } from "./compensation.js";

/** A job request; `jobId` may be left out. */
export type JobRequestInit = MessageInitShape<typeof JobRequestSchema>;

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

/** What became of a request. */
export interface SubmitReceipt {
  readonly jobId: string;
  readonly traceId: string;
  /** What the stream said, for a client with a durable bus. */
  readonly stored: Stored | undefined;
}

/** A request that can be sent once its input, if there is one, is stored. */
export type PreparedJob = ReturnType<typeof prepareJob>;

/**
 * Makes a request of a submission.
 *
 * @throws ValidationError `NO_STORE` for an input without a store; for an input beside a pointer, and a deadline
 * that is not a positive number; InvalidInputError for a compensation that breaks a rule.
 */
export function prepareJob(submission: JobSubmission, store: BlobStore | undefined) {
  checkOption("the submission", submission, "object");
  const { input, deadlineMs, traceId, ...given } = submission;
  const request = identified(given);
  if (given.compensation !== undefined) compensation(given.compensation);
  if (deadlineMs !== undefined) {
    checkOption("deadlineMs", deadlineMs, { above: 0, max: Number.MAX_VALUE });
    request.budget = { ...given.budget, deadlineMs: BigInt(Math.ceil(deadlineMs)) };
  }
  if (input !== undefined && store === undefined) {
    throw new ValidationError(
      "`input` requires a store: pass `store`, or store the data yourself and pass `contextPtr`",
      { code: "NO_STORE" },
    );
  }
  if (input !== undefined && given.contextPtr)
    throw new ValidationError("a job has either an input or a contextPtr");
  return { request, input, traceId, deadlineMs };
}

/** The request with an id. Its topic becomes a subject, so it has to be one. */
function identified(request: JobRequestInit): JobRequestInit & { jobId: string } {
  if (request.topic) assertSubject(request.topic);
  return { ...request, jobId: request.jobId || `job-${uuid()}` };
}

/** Sends a job request. @throws What `Party.send` and `DurableBus.publish` throw. */
export async function sendRequest(
  party: Party,
  durable: DurableBus | undefined,
  value: PreparedJob["request"],
  traceId: string | undefined,
): Promise<SubmitReceipt> {
  const { jobId, labels } = value;
  const label = labels?.[MESSAGE_ID_LABEL];
  const messageId = label ? labelledMessageId(SUBJECT_SUBMIT, label) : requestMessageId(jobId);
  let stored: Stored | undefined;
  const store =
    durable &&
    (async (subject: string, bytes: Uint8Array) => {
      stored = await durable.publish(subject, bytes, { messageId });
    });
  const sent = await party.send(SUBJECT_SUBMIT, { case: "jobRequest", value }, traceId, store);
  return { jobId, traceId: sent.traceId, stored };
}

/** Options of {@link submitJob}. */
export interface SubmitJobOptions
  extends Omit<PartyOptions, "publicKeys" | "maxAgeMs" | "acceptRawOrder" | "maxPacketBytes"> {
  /** What is to be done. Without a `jobId` it gets a random one. */
  readonly request: JobRequestInit;
  /** Joins all packets of the work. Default: random. */
  readonly traceId?: string | undefined;
}

/**
 * Publishes a job request on `sys.job.submit`, signed when a private key is given.
 *
 * "ok" means published. Nothing says that a scheduler took the job: its result comes on `sys.job.result`, or
 * on `sys.job.dlq` when it was refused.
 *
 * @throws InvalidInputError for a request that breaks a rule, ValidationError `INVALID_KEY` for a key that is
 * none; what {@link Bus.publish} throws.
 */
export async function submitJob(options: SubmitJobOptions): Promise<SubmitReceipt> {
  checkOptions(options, {});
  checkOption("request", options.request, "object");
  return sendRequest(new Party(options), undefined, identified(options.request), options.traceId);
}
