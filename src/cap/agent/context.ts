/** What a handler of an agent gets besides its input. */
import type { BusPacket, JobRequest } from "../../../gen/cap/index.js";
import type { Logger } from "../../core/logger.js";
import { withTimeout } from "../../core/with-timeout.js";
import {
  type HandlerContext,
  HandlerFailure,
  type ProgressUpdate,
  type Handler as SharedHandler,
} from "../../handler/index.js";
import type { HandlerMiddleware } from "../../worker/middleware.js";
import { ResourceExhaustedError } from "../errors.js";
import type { PacketOf, PacketProtocol, RequestOf } from "../protocol.js";
import { type ArtifactOptions, putArtifact, valueBytes } from "../stores/values.js";
import type { AgentCore, Connections } from "./core.js";
import type { Job } from "./job.js";
import type { ProgressReporter } from "./progress.js";

/** Default of `maxContextBytes` and `maxResultBytes`: 2 MiB. */
export const MAX_BYTES = 2 * 1024 * 1024;

/** How far a job has come. */
export interface JobProgressUpdate extends ProgressUpdate {
  /** The step this is about. */
  readonly stepId?: string | undefined;
}

/** What a handler of an agent gets besides its input. */
export interface AgentContext<P extends PacketProtocol = PacketProtocol> extends HandlerContext {
  readonly jobId: string;
  readonly traceId: string;
  /** The request; `request` is the same. */
  readonly job: RequestOf<P>;
  readonly request: RequestOf<P>;
  /** The packet the request came in. */
  readonly packet: PacketOf<P>;
  /** 1 for the first attempt of this delivery. */
  readonly attempt: number;
  /** How often a stream has delivered the job, this time included; 1 without a stream. */
  readonly delivery: number;
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

/** Does a job: gets the input, returns the output, at once or later. */
export type AgentHandler<
  Input = unknown,
  Output = unknown,
  P extends PacketProtocol = PacketProtocol,
> = SharedHandler<Input, Output, AgentContext<P>>;

/** Wraps the handlers of an agent; runs again on each attempt, and may answer without calling `next`. */
export type AgentMiddleware = HandlerMiddleware<AgentContext>;

/** The context of one job; all its attempts share it. A class, as accessors of an object literal are expensive. */
export class JobContext implements AgentContext {
  readonly jobId: string;
  readonly traceId: string;
  readonly correlationId: string;
  readonly job: JobRequest;
  readonly request: JobRequest;
  readonly packet: BusPacket;
  readonly log: Logger;
  readonly delivery: number;
  readonly progress: AgentContext["progress"];
  readonly putArtifact: AgentContext["putArtifact"];
  readonly fail = fail;
  readonly #job: Job;

  constructor(job: Job, log: Logger, core: AgentCore, connections: Connections, reporter: ProgressReporter) {
    this.jobId = job.request.jobId;
    this.traceId = job.packet.traceId;
    this.correlationId = job.packet.traceId;
    this.job = job.request;
    this.request = job.request;
    this.packet = job.packet;
    this.log = log;
    this.delivery = job.delivery;
    this.#job = job;
    this.progress = (update) => reporter.report(job, update, connections.party, log);
    this.putArtifact = (value, options) => keepArtifact(job, core, connections, value, options);
  }

  get attempt(): number {
    return this.#job.attempt;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  get deadline(): number | undefined {
    return this.#job.deadline;
  }
}

function fail(reason: string, options?: { readonly code?: string | undefined }): never {
  throw new HandlerFailure(reason, options);
}

async function keepArtifact(
  job: Job,
  { clock, ioTimeoutMs, options: { maxResultBytes: max = MAX_BYTES } }: AgentCore,
  { store }: Connections,
  value: unknown,
  options?: ArtifactOptions,
): Promise<string> {
  const bytes = valueBytes(value);
  const { attempt, limits } = job;
  const allowed = limits.maxArtifactBytes ?? Infinity;
  if ((max > 0 && bytes.length > max) || job.artifactBytes + bytes.length > allowed) {
    throw new ResourceExhaustedError(`an artifact of ${bytes.length} bytes is more than this job may keep`, {
      details: { bytes: bytes.length, max, allowed, kept: job.artifactBytes },
    });
  }
  job.artifactBytes += bytes.length;
  try {
    const write = () => putArtifact(store, bytes, options);
    const pointer = await withTimeout("artifact write", ioTimeoutMs, clock, write);
    if (job.attempt === attempt && !job.settled) job.artifacts.push(pointer);
    return pointer;
  } catch (error) {
    job.artifactBytes -= bytes.length;
    throw error;
  }
}
