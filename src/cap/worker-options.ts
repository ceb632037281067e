/** What a worker is given, and what it tells. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BusPacket, JobRequest, JobResultSchema, JobStatus } from "../../gen/cap/index.js";
import type { AgentwireError } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import type { Middleware } from "../core/middleware.js";
import type { MetricsHook } from "./metrics.js";
import type { PartyOptions, ReceiveCounts } from "./party.js";

/** What a handler returns. `jobId` and `workerId` are filled in; status is SUCCEEDED unless it says otherwise. */
export type JobResultInit = MessageInitShape<typeof JobResultSchema>;

/** What a handler is told besides the request. */
export interface JobContext {
  readonly jobId: string;
  readonly traceId: string;
  /** The packet the request came in. */
  readonly packet: BusPacket;
  /** Fires when the worker is closed and its grace time is over. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Does a job. A thrown error becomes a FAILED result, `null` or `undefined` too. */
export type JobHandler = (
  request: JobRequest,
  context: JobContext,
) => JobResultInit | null | undefined | Promise<JobResultInit | null | undefined>;

/** A job on its way through the middleware. */
export interface JobCall {
  readonly request: JobRequest;
  readonly context: JobContext;
}

/** Wraps the handler; the first one given is the outermost. */
export type JobMiddleware = Middleware<JobCall, JobResultInit | null | undefined>;

/** Options of `runWorker`. */
export interface WorkerOptions extends Omit<PartyOptions, "senderId"> {
  /** Subject to serve, also the name of the queue group, such as `job.echo`. */
  readonly subject: string;
  readonly handler: JobHandler;
  /** Name of the worker: sender of its packets and `worker_id` of its results. Default: "cap-worker". */
  readonly senderId?: string | undefined;
  readonly middleware?: readonly JobMiddleware[] | undefined;
  /** Handlers that may run at once; further jobs wait in memory, first come first served. Default: 1. */
  readonly maxParallel?: number | undefined;
  /** Put the text of an exception into the result. Default: false, the text is "handler failed". */
  readonly exposeErrors?: boolean | undefined;
  /** Closes the worker when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** How long running handlers may go on after `close`. Default: 30000. */
  readonly graceMs?: number | undefined;
  /** The bus is the worker's own: it is drained when the worker is closed. Default: false. */
  readonly closeBus?: boolean | undefined;
  /** Told of jobs. What it throws hurts nothing. */
  readonly metrics?: MetricsHook | undefined;
  /** How long a result waits for a connection that broke to come back. Default: 30000. */
  readonly publishAgainMs?: number | undefined;
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

/** What a worker tells of. */
export interface WorkerEvents {
  /** A message was refused. */
  refused: AgentwireError;
  /** A result was published. */
  result: { readonly jobId: string; readonly status: JobStatus; readonly executionMs: number };
  /** A result could not be published. */
  error: unknown;
}
