/** Submitting jobs (CAP spec 04). */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type JobRequestSchema, SUBJECT_SUBMIT } from "../../gen/cap/index.js";
import { uuid } from "../core/ids.js";
import { Party, type PartyOptions } from "./party.js";

/** A job request; `jobId` may be left out. */
export type JobRequestInit = MessageInitShape<typeof JobRequestSchema>;

/** Options of {@link submitJob}. */
export interface SubmitJobOptions
  extends Omit<PartyOptions, "publicKeys" | "maxAgeMs" | "acceptRawOrder" | "maxPacketBytes"> {
  /** What is to be done. Without a `jobId` it gets a random one. */
  readonly request: JobRequestInit;
  /** Joins all packets of the work. Default: random. */
  readonly traceId?: string | undefined;
}

/** What {@link submitJob} answers. */
export interface Submitted {
  readonly jobId: string;
  readonly traceId: string;
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
export async function submitJob(options: SubmitJobOptions): Promise<Submitted> {
  const { request, traceId } = options;
  const jobId = request.jobId || `job-${uuid()}`;
  const sent = await new Party(options).send(
    SUBJECT_SUBMIT,
    { case: "jobRequest", value: { ...request, jobId } },
    traceId,
  );
  return { jobId, traceId: sent.traceId };
}
