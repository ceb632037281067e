/** What a handler of an agent is told besides its input. */
import type { BusPacket, JobRequest } from "../../../gen/cap/index.js";
import type { Middleware } from "../../core/middleware.js";
import type { HandlerContext, ProgressUpdate, Handler as SharedHandler } from "../../handler/index.js";
import type { ArtifactOptions } from "../stores/values.js";

/** How far a job has come. */
export interface JobProgressUpdate extends ProgressUpdate {
  /** The step this is about. */
  readonly stepId?: string | undefined;
}

/** What a handler of an agent is told besides its input. */
export interface AgentContext extends HandlerContext {
  readonly jobId: string;
  readonly traceId: string;
  /** The request; `request` is the same. */
  readonly job: JobRequest;
  readonly request: JobRequest;
  /** The packet the request came in. */
  readonly packet: BusPacket;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Publishes how far the job is on `sys.job.progress`; best effort. */
  progress(update: JobProgressUpdate): void;
  /**
   * Keeps a value under `art:<id>` and names it in the result. Those of an attempt that failed and was followed
   * by another are not named. "ok" means stored.
   *
   * @throws ResourceExhaustedError for more than the agent or the scheduler allows; ValidationError
   * `NOT_SERIALIZABLE`; TimeoutError; what the store throws.
   */
  putArtifact(value: unknown, options?: ArtifactOptions): Promise<string>;
}

/** Does a job: gets the input, gives the output, at once or later. */
export type AgentHandler<Input = unknown, Output = unknown> = SharedHandler<Input, Output, AgentContext>;

/** A job on its way through the middleware. */
export interface AgentCall {
  readonly input: unknown;
  readonly context: AgentContext;
}

/** Wraps the handlers of an agent; runs again on each attempt, and may answer without calling `next`. */
export type AgentMiddleware = Middleware<AgentCall, unknown>;
