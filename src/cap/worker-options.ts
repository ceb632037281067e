/** Options, counts and events of the low-level worker. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BusPacket, JobRequest, JobResultSchema, JobStatus } from "../../gen/cap/index.js";
import type { AgentwireError } from "../core/errors.js";
import type { CallContext, HandlerMiddleware } from "../worker/middleware.js";
import type { Bus } from "./bus.js";
import type { MetricsHook } from "./metrics.js";
import type { PartyOptions, ReceiveCounts } from "./party.js";

/** What a handler returns. `jobId` and `workerId` are filled in; status is SUCCEEDED unless it says otherwise. */
export type JobResultInit = MessageInitShape<typeof JobResultSchema>;

/** What a handler gets besides the request. */
export interface JobContext extends CallContext {
  readonly jobId: string;
  readonly traceId: string;
  /** The packet the request came in. */
  readonly packet: BusPacket;
}

/** Does a job. A thrown error becomes a FAILED result, `null` or `undefined` too. */
export type JobHandler = (
  request: JobRequest,
  context: JobContext,
) => JobResultInit | null | undefined | Promise<JobResultInit | null | undefined>;

/** Options of `runWorker`. */
export interface WorkerOptions extends Omit<PartyOptions, "senderId" | "bus"> {
  /**
   * The bus, which stays the caller's, or a function that connects to one: it is drained when the worker is closed.
   */
  readonly bus: Bus | (() => Bus | Promise<Bus>);
  /** Subject to serve, also the name of the queue group, such as `job.echo`. */
  readonly subject: string;
  readonly handler: JobHandler;
  /** Name of the worker: sender of its packets and `worker_id` of its results. Default: "cap-worker". */
  readonly senderId?: string | undefined;
  /** Wraps the handler; the first one given is the outermost. `call.input` is the request. */
  readonly middleware?: readonly HandlerMiddleware<JobContext, JobRequest>[] | undefined;
  /** Handlers that may run at once; further jobs wait in memory, first come first served. Default: 1. */
  readonly concurrency?: number | undefined;
  /** Jobs that may wait in memory; any further one is answered FAILED. Default: 10000. */
  readonly maxQueued?: number | undefined;
  /** Put the text of an exception into the result. Default: false, the text is "handler failed". */
  readonly exposeErrors?: boolean | undefined;
  /** Closes the worker when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** How long running handlers may go on after `close`. Default: 30000. */
  readonly graceMs?: number | undefined;
  /** Called for each job. What it throws is logged and does no harm. */
  readonly metrics?: MetricsHook | undefined;
  /** How long a result waits for a connection that broke to come back. Default: 30000. */
  readonly resendForMs?: number | undefined;
}

/** What became of the jobs of a worker. */
export interface WorkerCounts extends ReceiveCounts {
  /** Handlers that returned a result. */
  completed: number;
  /** Handlers that failed; a FAILED result was published for each. */
  failed: number;
  /** Results that could not be published. */
  unpublished: number;
}

/** A handler that threw. The result says no more than "handler failed". */
export interface HandlerError {
  readonly jobId: string;
  readonly topic: string;
  /** What was thrown. */
  readonly error: unknown;
}

/** Events of a worker. */
export interface WorkerEvents {
  /** A message was refused. */
  refused: AgentwireError;
  /** A handler threw. */
  handlerError: HandlerError;
  /** A result was published. */
  result: { readonly jobId: string; readonly status: JobStatus; readonly executionMs: number };
  /** A result could not be published, a subscription was lost, or the bus was closed by somebody else. */
  error: unknown;
}
