/** Results: found and kept where repeats are answered, and published, again if the connection breaks. */
import { create } from "@bufbuild/protobuf";
import {
  type JobResult,
  JobResultSchema,
  JobStatus,
  SUBJECT_DLQ,
  SUBJECT_RESULT,
} from "../../../gen/cap/index.js";
import { sleep } from "../../core/clock.js";
import { AgentwireError, errorText } from "../../core/errors.js";
import { hex } from "../../core/ids.js";
import { withTimeout } from "../../core/with-timeout.js";
import { untilConnected } from "../bus-status.js";
import { sha256 } from "../crypto/sha256.js";
import { ConnectionLostError, isUnsendable } from "../errors.js";
import { failureResult, JobFailure, logField } from "../failures.js";
import type { PublishBytes } from "../party.js";
import { WorkerTrustError } from "../trust/error.js";
import type { Job } from "./job.js";
import type { Connections, JobResultInit, WorkerCore } from "./options.js";

/** Between two attempts on a bus that says it is connected and does not publish. */
const PAUSE_MS = 500;

/** The results of one worker. */
export class Results {
  readonly #core: WorkerCore;
  readonly #connections: Connections;
  readonly #signal: AbortSignal;

  /** `signal` fires when the worker can wait no longer. */
  constructor(core: WorkerCore, connections: Connections, signal: AbortSignal) {
    this.#core = core;
    this.#connections = connections;
    this.#signal = signal;
  }

  /**
   * The result this job had before.
   *
   * @throws What the store throws, unless a job may be done twice.
   */
  async find(job: Job): Promise<JobResult | undefined> {
    const { finished, durable } = this.#connections;
    try {
      return await this.#bounded("finding an earlier result", async () => finished?.find(job.identity));
    } catch (error) {
      if (durable !== undefined) throw error;
      this.#core.log.warn("the store of finished jobs failed; running the job, possibly again", {
        reason: errorText(error),
      });
      return undefined;
    }
  }

  /**
   * Publishes the result of a job and returns what went out. `keep`: repeats of the job are answered with it. A result
   * that no packet can carry is replaced by a FAILED one, so that no job is lost.
   *
   * @throws What the store throws, with streams; what {@link Party.send} throws, once there is no hope left.
   */
  async publish(job: Job, given: JobResultInit, keep: boolean): Promise<JobResult> {
    const own = this.#own(job, given);
    const isKept = keep && this.#connections.finished !== undefined;
    const result = isKept ? await this.#keep(job, own) : own;
    try {
      await this.#send(SUBJECT_RESULT, result, job);
      return result;
    } catch (error) {
      return this.#sendAgain(result, job, error);
    }
  }

  /** Puts a result on the dead letter queue. Never rejects. */
  async deadLetter(job: Job, result: JobResult): Promise<void> {
    try {
      await this.#send(SUBJECT_DLQ, result, job);
    } catch (error) {
      const fields = { jobId: result.jobId, reason: errorText(error) };
      this.#core.log.error("could not publish a dead letter", fields);
    }
  }

  /** The sender is the worker, or peers drop the result. `given` is nobody else's. */
  #own(job: Job, given: JobResultInit): JobResult {
    const result = create(JobResultSchema, given);
    result.jobId ||= job.request.jobId;
    result.workerId = this.#core.workerId;
    if (job.authority !== undefined) Object.assign(result, job.authority);
    return result;
  }

  async #keep(job: Job, result: JobResult): Promise<JobResult> {
    const { finished, durable } = this.#connections;
    // FAILED_RETRYABLE is not an end: the peer that retries the job expects it to run again.
    if (finished === undefined || result.status === JobStatus.FAILED_RETRYABLE) return result;
    try {
      const kept = await this.#bounded("keeping a result", () => finished.keep(job.identity, result));
      return kept === result ? result : this.#own(job, { ...kept, jobId: "" });
    } catch (error) {
      if (durable !== undefined) throw error;
      const fields = { reason: errorText(error) };
      this.#core.log.warn("a result was not stored; if the job is delivered again, it runs again", fields);
      return result;
    }
  }

  #send(subject: string, value: JobResult, { packet: { traceId }, authority, key }: Job): Promise<unknown> {
    const { party, durable } = this.#connections;
    let publish: PublishBytes | undefined;
    if (durable !== undefined) {
      // Under CAP-PRODUCTION each dispatch has a result of its own, which a stream must not take for a repeat.
      const own = authority === undefined ? "" : `:${hex(sha256(new TextEncoder().encode(String(key))))}`;
      const messageId = `${subject}:${value.jobId}${own}`;
      publish = (to, bytes) =>
        this.#bounded("publishing a result", () => durable.publish(to, bytes, { messageId }));
    }
    return party.send(subject, { case: "jobResult", value }, traceId, publish);
  }

  async #sendAgain(given: JobResult, job: Job, problem: unknown): Promise<JobResult> {
    const { clock, log, options } = this.#core;
    const { party, durable } = this.#connections;
    const signal = this.#signal;
    const untilMs = clock.monotonic() + (options.resendForMs ?? 30_000);
    let result = given;
    let error = problem;
    for (let attempt = 1; ; attempt++) {
      const jobId = logField(result.jobId);
      const reason = errorText(error);
      // A TypeError comes from a value that cannot be read, such as a revoked proxy.
      if ((isUnsendable(error) || error instanceof TypeError) && result === given) {
        log.error("a result cannot be sent; reporting the job as FAILED", { jobId, reason });
        result = this.#substitute(given, job);
      } else {
        const timeoutMs = untilMs - clock.monotonic();
        const mayPass =
          error instanceof ConnectionLostError ||
          (error instanceof WorkerTrustError && error.code === "TRUST_NO_SESSION") ||
          (durable !== undefined && error instanceof AgentwireError && error.retryable);
        if (!mayPass || timeoutMs <= 0 || signal.aborted) throw error;
        log.warn("a result could not be published yet; retrying", { jobId, reason });
        await untilConnected(party.bus, { timeoutMs, clock, signal });
        if (durable !== undefined || attempt > 1)
          await sleep(Math.min(PAUSE_MS, timeoutMs), { clock, signal });
      }
      try {
        await this.#send(SUBJECT_RESULT, result, job);
        return result;
      } catch (next) {
        error = next;
      }
    }
  }

  #substitute({ executionMs }: JobResult, job: Job): JobResult {
    const possibleMs = executionMs >= 0n && executionMs < 2n ** 63n ? executionMs : 0n;
    const result = failureResult(new JobFailure("RESULT_WRITE_FAILED", "result cannot be sent"));
    return this.#own(job, { ...result, executionMs: possibleMs });
  }

  #bounded<T>(what: string, work: () => Promise<T>): Promise<T> {
    return withTimeout(what, this.#core.ioTimeoutMs, this.#core.clock, work);
  }
}
