/** Publishes results; one that meets a broken connection is published again. */

import { type JobResult, JobResultSchema, SUBJECT_RESULT } from "../../gen/cap/index.js";
import { type Clock, sleep } from "../core/clock.js";
import { AgentwireError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { withTimeout } from "../core/with-timeout.js";
import { untilConnected } from "./bus-status.js";
import type { DurableBus } from "./durable.js";
import { ConnectionLostError, isUnsendable } from "./errors.js";
import { AGENT_CODES, failureResult, JobFailure, logField } from "./failures.js";
import type { Party, PublishBytes } from "./party.js";
import { WorkerTrustError } from "./trust/error.js";
import { createMessage } from "./wire/create.js";

/** Options of a {@link ResultSender}. */
export interface ResultSenderOptions {
  readonly party: Party;
  /** Takes the results. Default: the party's bus. */
  readonly durable?: DurableBus | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ioTimeoutMs: number;
  /** How long a result waits for a connection that broke. */
  readonly resendForMs: number;
  /** Ends all waits. */
  readonly signal: AbortSignal;
}

/** Between two attempts on a bus that says it is connected and does not publish. */
const PAUSE_MS = 500;

/** Sends the results of one worker. */
export class ResultSender {
  readonly #options: ResultSenderOptions;

  constructor(options: ResultSenderOptions) {
    this.#options = options;
  }

  /**
   * Publishes a result and returns what went out. A result that no packet can carry is replaced by a FAILED one, so that
   * no job is lost.
   *
   * @throws What {@link Party.send} throws, once there is no hope left.
   */
  async send(result: JobResult, traceId: string): Promise<JobResult> {
    try {
      await this.#publish(result, traceId);
      return result;
    } catch (error) {
      return this.#again(result, traceId, error);
    }
  }

  #publish(value: JobResult, traceId: string): Promise<unknown> {
    const { party, durable, clock, ioTimeoutMs } = this.#options;
    let publish: PublishBytes | undefined;
    if (durable !== undefined) {
      const messageId = `${SUBJECT_RESULT}:${value.jobId}`;
      publish = (subject, bytes) =>
        withTimeout("publishing a result", ioTimeoutMs, clock, () =>
          durable.publish(subject, bytes, { messageId }),
        );
    }
    return party.send(SUBJECT_RESULT, { case: "jobResult", value }, traceId, publish);
  }

  async #again(given: JobResult, traceId: string, problem: unknown): Promise<JobResult> {
    const { party, durable, clock, log, resendForMs, signal } = this.#options;
    const untilMs = clock.monotonic() + resendForMs;
    let result = given;
    let error = problem;
    for (let attempt = 1; ; attempt++) {
      const jobId = logField(result.jobId);
      const reason = errorText(error);
      // A TypeError comes from a value that cannot be read, such as a revoked proxy.
      if ((isUnsendable(error) || error instanceof TypeError) && result === given) {
        log.error("a result cannot be sent; the job is reported as failed", { jobId, reason });
        result = this.#substitute(given);
      } else {
        const timeoutMs = untilMs - clock.monotonic();
        const mayPass =
          error instanceof ConnectionLostError ||
          (error instanceof WorkerTrustError && error.code === "TRUST_NO_SESSION") ||
          (durable !== undefined && error instanceof AgentwireError && error.retryable);
        if (!mayPass || timeoutMs <= 0 || signal.aborted) throw error;
        log.warn("a result waits to be published", { jobId, reason });
        await untilConnected(party.bus, { timeoutMs, clock, signal });
        if (durable !== undefined || attempt > 1)
          await sleep(Math.min(PAUSE_MS, timeoutMs), { clock, signal });
      }
      try {
        await this.#publish(result, traceId);
        return result;
      } catch (next) {
        error = next;
      }
    }
  }

  #substitute({ jobId, workerId, executionMs }: JobResult): JobResult {
    const code = AGENT_CODES.RESULT_WRITE_FAILED;
    const failure = new JobFailure("result cannot be sent", { code, legacy: "RESULT_WRITE_FAILED" });
    const possibleMs = executionMs >= 0n && executionMs < 2n ** 63n ? executionMs : 0n;
    return createMessage(JobResultSchema, {
      ...failureResult(failure),
      jobId,
      workerId,
      executionMs: possibleMs,
    });
  }
}
