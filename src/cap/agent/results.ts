/** Results: found and kept where repeats are answered, and published, again if the connection breaks. */
import { create } from "@bufbuild/protobuf";
import { type JobResult, JobResultSchema, JobStatus, SUBJECT_RESULT } from "../../../gen/cap/index.js";
import { AgentwireError, errorText } from "../../core/errors.js";
import { hex } from "../../core/ids.js";
import { retryWhileDown } from "../bus.js";
import { sha256 } from "../crypto/backend.js";
import { ConnectionLostError, isUnsendable } from "../errors.js";
import { failureResult, JobFailure } from "../failures.js";
import type { PublishBytes } from "../party.js";
import { WorkerTrustError } from "../trust/messages.js";
import type { Job } from "./job.js";
import type { JobResultInit } from "./options.js";
import type { Runtime } from "./runtime.js";

/**
 * The result this job had before.
 *
 * @throws What the store throws, unless a job may be done twice.
 */
export function findResult({ runtime, identity }: Job): Promise<JobResult | undefined> {
  const text = "the result cache failed; running the job, possibly again";
  return asked(runtime, "finding an earlier result", text, async () => runtime.cache?.find(identity));
}

/**
 * Publishes the result of a job and returns what went out. `keep`: repeats of the job are answered with it. A result
 * that no packet can carry is replaced by a FAILED one, so that no job is lost.
 *
 * @throws What the store throws, with streams; what {@link Party.send} throws, once there is no hope left.
 */
export async function publishResult(job: Job, given: JobResultInit, keep: boolean): Promise<JobResult> {
  const own = ownResult(job, given);
  const isKept = keep && job.runtime.cache !== undefined;
  const result = isKept ? await keepResult(job, own) : own;
  let sent = result;
  const send = async (): Promise<unknown> => {
    try {
      return await sendResult(SUBJECT_RESULT, sent, job);
    } catch (error) {
      // A TypeError comes from a value that cannot be read, such as a revoked proxy.
      if (!(isUnsendable(error) || error instanceof TypeError) || sent !== result) throw error;
      job.log.error("a result cannot be sent; reporting the job as FAILED", { reason: errorText(error) });
      sent = substitute(result, job);
      return sendResult(SUBJECT_RESULT, sent, job);
    }
  };
  const { clock, options, party, signal } = job.runtime;
  const { resendForMs: againMs = 30_000 } = options;
  const mayPass = (error: unknown): boolean => !signal.aborted && isPassing(error, job);
  await retryWhileDown(party.bus, { againMs, clock, signal, mayPass }, send);
  return sent;
}

/** Publishes a result on a subject, once. @throws What {@link Party.send} throws. */
export function sendResult(subject: string, value: JobResult, job: Job): Promise<unknown> {
  const { packet, authority, key } = job;
  const { party, durable, bounded } = job.runtime;
  let publish: PublishBytes | undefined;
  if (durable !== undefined) {
    // Under CAP-PRODUCTION each dispatch has a result of its own, which a stream must not take for a repeat.
    const own = authority === undefined ? "" : `:${hex(sha256(new TextEncoder().encode(String(key))))}`;
    const messageId = `${subject}:${value.jobId}${own}`;
    publish = (to, bytes) => bounded("publishing a result", () => durable.publish(to, bytes, { messageId }));
  }
  return party.send(subject, { case: "jobResult", value }, packet.traceId, publish);
}

/** The sender is the worker, or peers drop the result. `given` is nobody else's. */
function ownResult({ request, runtime, authority }: Job, given: JobResultInit): JobResult {
  const result = create(JobResultSchema, given);
  result.jobId ||= request.jobId;
  result.workerId = runtime.workerId;
  if (authority !== undefined) Object.assign(result, authority);
  return result;
}

async function keepResult(job: Job, result: JobResult): Promise<JobResult> {
  // FAILED_RETRYABLE is not an end: the peer that retries the job expects it to run again.
  if (result.status === JobStatus.FAILED_RETRYABLE) return result;
  const text = "a result was not stored; if the job is delivered again, it runs again";
  const keep = async () => job.runtime.cache?.keep(job.identity, result);
  const kept = await asked(job.runtime, "keeping a result", text, keep);
  return kept === undefined || kept === result ? result : ownResult(job, { ...kept, jobId: "" });
}

/** What the result cache says. Without streams a failure is only logged. */
async function asked<T>(
  { bounded, durable, log }: Runtime,
  what: string,
  failed: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await bounded(what, work);
  } catch (error) {
    if (durable !== undefined) throw error;
    log.warn(failed, { reason: errorText(error) });
    return undefined;
  }
}

/** Whether a result may go out later: once there is a connection, a session, or a stream that confirms it. */
function isPassing(error: unknown, { log, runtime: { durable } }: Job): boolean {
  const mayPass =
    error instanceof ConnectionLostError ||
    (error instanceof WorkerTrustError && error.code === "TRUST_NO_SESSION") ||
    (durable !== undefined && error instanceof AgentwireError && error.retryable);
  if (mayPass) log.warn("a result could not be published yet; retrying", { reason: errorText(error) });
  return mayPass;
}

function substitute({ executionMs }: JobResult, job: Job): JobResult {
  const possibleMs = executionMs >= 0n && executionMs < 2n ** 63n ? executionMs : 0n;
  const result = failureResult(new JobFailure("RESULT_WRITE_FAILED", "result cannot be sent"));
  return ownResult(job, { ...result, executionMs: possibleMs });
}
