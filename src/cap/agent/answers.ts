/** Earlier results, and results on their way out: kept first where repeats are answered, then published. */

import type { JobResult } from "../../../gen/cap/index.js";
import { JobResultSchema, JobStatus, SUBJECT_DLQ } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import { withTimeout } from "../../core/with-timeout.js";
import { ResultSender } from "../result-sender.js";
import { createMessage } from "../wire/create.js";
import type { JobResultInit } from "../worker-options.js";
import type { AgentCore, Connections } from "./core.js";
import type { Job } from "./job.js";

/** Finds, keeps and publishes the results of one agent. */
export class Answers {
  readonly #core: AgentCore;
  readonly #connections: Connections;
  readonly #sender: ResultSender;

  /** `signal` fires when the agent can wait no longer. */
  constructor(core: AgentCore, connections: Connections, signal: AbortSignal) {
    this.#core = core;
    this.#connections = connections;
    const { clock, log, ioTimeoutMs, options } = core;
    const { party, durable } = connections;
    const { resendForMs = 30_000 } = options;
    this.#sender = new ResultSender({ party, durable, clock, log, ioTimeoutMs, resendForMs, signal });
  }

  /**
   * The result this job had before.
   *
   * @throws What the store throws, unless a job may be done twice.
   */
  async find(job: Job): Promise<JobResult | undefined> {
    const { finished, durable } = this.#connections;
    if (finished === undefined) return undefined;
    try {
      return await this.#bounded("finding an earlier result", () => finished.find(job.identity));
    } catch (error) {
      if (durable !== undefined) throw error;
      this.#core.log.warn("no word of an earlier result; the job is done", { reason: errorText(error) });
      return undefined;
    }
  }

  /**
   * Publishes the result of a job and returns what went out. `keep`: repeats of the job are answered with it.
   *
   * @throws What the store throws, with streams; what publishing throws.
   */
  async publish(job: Job, given: JobResultInit, keep: boolean): Promise<JobResult> {
    const own = this.#own(job, given);
    return this.#sender.send(keep ? await this.#keep(job, own) : own, job.packet.traceId);
  }

  /** Puts a result on the dead letter queue. Never rejects. */
  async deadLetter(job: Job, value: JobResult): Promise<void> {
    const { party, durable } = this.#connections;
    const messageId = `${SUBJECT_DLQ}:${value.jobId}`;
    const publish =
      durable && ((subject: string, bytes: Uint8Array) => durable.publish(subject, bytes, { messageId }));
    try {
      await this.#bounded("publishing a dead letter", () =>
        party.send(SUBJECT_DLQ, { case: "jobResult", value }, job.packet.traceId, publish),
      );
    } catch (error) {
      this.#core.log.error("a dead letter is not published", {
        jobId: value.jobId,
        reason: errorText(error),
      });
    }
  }

  /** The sender is the worker, or peers drop the result; the job is the one that was asked for. */
  #own(job: Job, given: JobResultInit): JobResult {
    const { jobId } = job.request;
    return createMessage(JobResultSchema, {
      ...given,
      ...job.authority,
      jobId,
      workerId: this.#core.workerId,
    });
  }

  async #keep(job: Job, result: JobResult): Promise<JobResult> {
    const { finished, durable } = this.#connections;
    // FAILED_RETRYABLE is not an end: the peer that retries the job expects it to run again.
    if (finished === undefined || result.status === JobStatus.FAILED_RETRYABLE) return result;
    try {
      const kept = await this.#bounded("keeping a result", () => finished.keep(job.identity, result));
      return kept === result ? result : this.#own(job, kept);
    } catch (error) {
      if (durable !== undefined) throw error;
      this.#core.log.warn("a result is not kept; a repeat of the job is done again", {
        reason: errorText(error),
      });
      return result;
    }
  }

  #bounded<T>(what: string, work: () => Promise<T>): Promise<T> {
    return withTimeout(what, this.#core.ioTimeoutMs, this.#core.clock, work);
  }
}
