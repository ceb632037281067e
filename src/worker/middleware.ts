/** What every worker's middleware sees of a job or a lease. */
import { type Clock, systemClock } from "../core/clock.js";
import { errorText } from "../core/errors.js";
import { type Logger, safeLogger } from "../core/logger.js";
import type { Middleware, Next } from "../core/middleware.js";

/** What a middleware can rely on in the context of any handler. */
export interface CallContext {
  /** Fires when the work is cut short. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Joins all that belongs to this piece of work: the trace id of a CAP job, the task id of a neuron lease. */
  readonly correlationId: string;
}

/** One run of a handler, as middleware sees it. */
export interface HandlerCall<Context extends CallContext = CallContext, Input = unknown> {
  readonly protocol: "cap" | "neuron";
  /** The id of the job or of the lease. */
  readonly id: string;
  /** The topic of the job, or the capability of the lease. */
  readonly name: string;
  readonly input: Input;
  /** The context the handler gets. */
  readonly ctx: Context;
}

/** Wraps handlers; the first one given is the outermost. */
export type HandlerMiddleware<Context extends CallContext = CallContext, Input = unknown> = Middleware<
  HandlerCall<Context, Input>,
  unknown
>;

/**
 * Logs every run with its id, topic or capability, and duration, at level info. Results and errors pass through.
 * Works on `runWorker`, `Agent` and `Neuron`.
 */
export function loggingMiddleware(
  logger: Logger,
  clock: Clock = systemClock,
): <Call extends HandlerCall, Result>(next: Next<Call, Result>) => Next<Call, Result> {
  const log = safeLogger(logger);
  return (next) => async (call) => {
    const started = clock.monotonic();
    const [id, name] = call.protocol === "cap" ? ["jobId", "topic"] : ["leaseId", "capability"];
    const fields = () => ({
      [id]: call.id,
      [name]: call.name,
      durationMs: Math.round(clock.monotonic() - started),
    });
    try {
      const result = await next(call);
      log.info(call.protocol === "cap" ? "job done" : "lease done", fields());
      return result;
    } catch (error) {
      log.info(call.protocol === "cap" ? "job failed" : "lease failed", {
        ...fields(),
        reason: errorText(error),
      });
      throw error;
    }
  };
}
