/** Gets results out: kept first where repeats are answered, then published, and again after a broken connection. */
import { create } from "@bufbuild/protobuf";
import type { JobResult } from "../../../gen/cap/index.js";
import { JobResultSchema, JobStatus, SUBJECT_RESULT } from "../../../gen/cap/index.js";
import { type Clock, sleep } from "../../core/clock.js";
import { AgentwireError, errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { untilConnected } from "../bus-status.js";
import type { DurableBus } from "../durable.js";
import { ConnectionLostError, isUnsendable } from "../errors.js";
import type { FinishedJobs, JobIdentity } from "../finished-jobs.js";
import type { Party } from "../party.js";
import type { JobResultInit } from "../worker-options.js";
import { AGENT_CODES, failureResult, JobFailure } from "./failures.js";
import { inTime } from "./in-time.js";
import type { Job } from "./job.js";

/** What it needs of its agent. */
export interface ResultParts {
  readonly party: Party;
  readonly durable: DurableBus | undefined;
  readonly finished: FinishedJobs | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ioTimeoutMs: number;
  readonly publishAgainMs: number;
  /** Fires when the agent can wait no longer. */
  readonly signal: AbortSignal;
}

const AGAIN_MS = 500;

/** What makes a job the same as another. */
export function identityOf({ request }: Job): JobIdentity {
  const { jobId, meta, env, tenantId } = request;
  return {
    jobId,
    idempotencyKey: meta?.idempotencyKey ?? "",
    tenantId: tenantId || env.tenant_id || "default",
  };
}

/** Finds, keeps and publishes results. */
export class ResultDesk {
  readonly #parts: ResultParts;

  constructor(parts: ResultParts) {
    this.#parts = parts;
  }

  /** The result this job had before. What the store throws counts as none where a job may be done twice. */
  async find(job: Job): Promise<JobResult | undefined> {
    const { finished, log, durable } = this.#parts;
    if (finished === undefined) return undefined;
    try {
      return await this.#inTime("looking for an earlier result", () => finished.find(identityOf(job)));
    } catch (error) {
      if (durable !== undefined) throw error;
      log.warn("no word of an earlier result; the job is done", { reason: errorText(error) });
      return undefined;
    }
  }

  /**
   * Publishes the result of a job and gives what went out. Throws when it could not be kept (with streams) or
   * published.
   */
  async publish(job: Job, given: JobResultInit, repeated: boolean): Promise<JobResult> {
    const { log } = this.#parts;
    const result = repeated ? this.#own(job, given) : await this.#keep(job, this.#own(job, given));
    try {
      await this.#send(job, result);
      return result;
    } catch (error) {
      if (!isUnsendable(error)) throw error;
      log.error("a result cannot be sent", { jobId: job.request.jobId, reason: errorText(error) });
      const code = AGENT_CODES.RESULT_WRITE_FAILED;
      const failure = new JobFailure("result cannot be sent", { code, legacy: "RESULT_WRITE_FAILED" });
      const instead = this.#own(job, failureResult(failure));
      await this.#send(job, instead);
      return instead;
    }
  }

  /** The sender is the worker, or peers drop the result; the job is the one that was asked for. */
  #own(job: Job, given: JobResultInit): JobResult {
    const { jobId } = job.request;
    return create(JobResultSchema, { ...given, jobId, workerId: this.#parts.party.senderId });
  }

  async #keep(job: Job, result: JobResult): Promise<JobResult> {
    const { finished, log, durable } = this.#parts;
    // FAILED_RETRYABLE is no end: who retries the job wants it done again.
    if (finished === undefined || result.status === JobStatus.FAILED_RETRYABLE) return result;
    try {
      const kept = await this.#inTime("keeping a result", () => finished.keep(identityOf(job), result));
      return kept === result ? result : this.#own(job, kept);
    } catch (error) {
      if (durable !== undefined) throw error;
      log.warn("a result is not kept; a repeat of the job is done again", { reason: errorText(error) });
      return result;
    }
  }

  async #send(job: Job, value: JobResult): Promise<void> {
    const { party, durable, clock, log, publishAgainMs, signal } = this.#parts;
    const messageId = `${SUBJECT_RESULT}:${job.request.jobId}`;
    const publish =
      durable &&
      ((subject: string, bytes: Uint8Array) =>
        this.#inTime("publishing a result", () => durable.publish(subject, bytes, { messageId })));
    const { traceId } = job.packet;
    const untilMs = clock.monotonic() + publishAgainMs;
    for (let tries = 1; ; tries++) {
      try {
        await party.send(SUBJECT_RESULT, { case: "jobResult", value }, traceId, publish);
        return;
      } catch (error) {
        const timeoutMs = untilMs - clock.monotonic();
        const passing =
          error instanceof ConnectionLostError ||
          (durable !== undefined && error instanceof AgentwireError && error.retryable);
        if (!passing || timeoutMs <= 0 || signal.aborted) throw error;
        log.warn("a result waits to be published", { jobId: value.jobId, reason: errorText(error) });
        await untilConnected(party.bus, { timeoutMs, clock, signal });
        // A bus that says it is connected and does not publish must not be asked without a pause.
        if (durable !== undefined || tries > 1) await sleep(Math.min(AGAIN_MS, timeoutMs), { clock, signal });
      }
    }
  }

  #inTime<T>(what: string, work: () => Promise<T>): Promise<T> {
    return inTime(what, this.#parts.ioTimeoutMs, this.#parts.clock, work);
  }
}
