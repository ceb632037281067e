/** A capability whose work is done by CAP workers: leases in, jobs out. */
import { type JobClient, JobFailedError, type JobSubmission } from "../cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import type { JsonSchema } from "../core/json-schema.js";
import type { Schema } from "../core/validate.js";
import {
  defineHandler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerInit,
} from "../handler/index.js";
import { inherited } from "./time-left.js";

/** Options of {@link forwardToCap}. */
export interface ForwardOptions {
  /** A client with a store: inputs and outputs go through it. It stays the caller's. */
  readonly client: Pick<JobClient, "start">;
  /** The topic whose workers do the work. */
  readonly topic: string;
  /**
   * Members of every job, such as labels, tenant and pool hints. `deadlineMs` bounds each job. Default: none, and a
   * job lasts as long as the work it is submitted for: a lease as long as it is renewed, a CAP job to its deadline.
   */
  readonly request?: Omit<JobSubmission, "jobId" | "topic" | "input" | "contextPtr" | "traceId"> | undefined;
  /** Checked before a job is submitted. Default: anything. */
  readonly input?: Schema | undefined;
  /** Checked before the lease is answered. Default: anything. */
  readonly output?: Schema | undefined;
  readonly description?: string | undefined;
  readonly jsonSchema?: { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined };
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/**
 * A handler that submits its input as a CAP job and returns the job's output: served by a neuron it puts CAP workers
 * behind a capability. The job goes by the correlation id of the lease; progress of the job is progress of the
 * lease; a lease that is cut short cancels the job. A job that failed for good ends the lease for good with its
 * code; what may go better another time is thrown on.
 */
export function forwardToCap(options: ForwardOptions): HandlerDefinition {
  const { client, topic, request, input, output, description, jsonSchema, clock = systemClock } = options;
  const run = async (given: unknown, ctx: HandlerContext): Promise<unknown> => {
    const { signal, timeoutMs } = inherited(ctx, request?.deadlineMs, clock.now());
    const job = await client.start(
      {
        ...request,
        topic,
        input: given ?? null,
        traceId: ctx.correlationId,
        deadlineMs: timeoutMs,
      } as JobSubmission,
      { signal, cancelOnAbort: true, timeoutMs: timeoutMs ?? Infinity },
    );
    const reports = relay(job.progress(), ctx);
    try {
      return (await job.result).output;
    } catch (error) {
      if (error instanceof JobFailedError && !error.retryable) {
        const { errorCode, errorMessage } = (
          error.details as { result: { errorCode: string; errorMessage: string } }
        ).result;
        return ctx.fail(errorMessage || "job failed", errorCode === "" ? {} : { code: errorCode });
      }
      throw error;
    } finally {
      await reports;
    }
  };
  return defineHandler({ description, input, output, jsonSchema, run } as HandlerInit<undefined, undefined>);
}

async function relay(
  progress: AsyncIterable<{ percent: number; message: string }>,
  ctx: HandlerContext,
): Promise<void> {
  for await (const { percent, message } of progress) {
    ctx.progress({ percent: Math.min(100, Math.max(0, percent)), ...(message !== "" && { message }) });
  }
}
