/** The context that an agent passes to a handler with its input. */
import { type JobRequest, JobStatus, SUBJECT_PROGRESS } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import {
  type HandlerContext,
  HandlerFailure,
  type ProgressUpdate,
  type Handler as SharedHandler,
} from "../../handler/index.js";
import type { HandlerMiddleware } from "../../worker/middleware.js";
import { type ArtifactOptions, type BlobStore, putArtifact, valueBytes } from "../blob-store.js";
import { ResourceExhaustedError } from "../errors.js";
import { wireText } from "../failures.js";
import type { PacketOf, PacketProtocol, RequestOf } from "../protocol.js";
import { type Job, PlainContext } from "./job.js";
import type { HeartbeatInit } from "./options.js";

/** Default of `maxContextBytes` and `maxResultBytes`: 2 MiB. */
export const MAX_BYTES = 2 * 1024 * 1024;

/** A progress report of a job. */
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

/** Processes one job: receives the input and returns the output, or a promise for it. */
export type AgentHandler<
  Input = unknown,
  Output = unknown,
  P extends PacketProtocol = PacketProtocol,
> = SharedHandler<Input, Output, AgentContext<P>>;

/** Wraps the handlers of an agent; runs again on each attempt, and may answer without calling `next`. */
export type AgentMiddleware = HandlerMiddleware<AgentContext>;

/** What a handler of an agent gets; all attempts of a job share it. */
export class FullContext extends PlainContext implements AgentContext {
  readonly job: JobRequest;
  readonly delivery: number;
  readonly progress: AgentContext["progress"];
  readonly putArtifact: AgentContext["putArtifact"];
  readonly fail = fail;

  constructor(job: Job, store: BlobStore) {
    super(job);
    this.job = job.request;
    this.delivery = job.delivery;
    this.progress = (update) => job.runtime.progress.report(job, update);
    this.putArtifact = (value, options) => keepArtifact(job, store, value, options);
  }
}

const fail: HandlerContext["fail"] = (reason, options) => {
  throw new HandlerFailure(reason, options);
};

async function keepArtifact(
  job: Job,
  store: BlobStore,
  value: unknown,
  options?: ArtifactOptions,
): Promise<string> {
  const bytes = valueBytes(value);
  const { attempt, limits, runtime } = job;
  const { maxResultBytes: max = MAX_BYTES } = runtime.options;
  const { maxArtifactBytes: allowed } = limits;
  if ((max > 0 && bytes.length > max) || job.artifactBytes + bytes.length > allowed) {
    throw new ResourceExhaustedError(`an artifact of ${bytes.length} bytes exceeds what this job may store`, {
      details: { bytes: bytes.length, max, allowed, kept: job.artifactBytes },
    });
  }
  job.artifactBytes += bytes.length;
  try {
    const pointer = await runtime.bounded("artifact write", () => putArtifact(store, bytes, options));
    if (job.attempt === attempt && !job.settled) job.artifacts.push(pointer);
    return pointer;
  } catch (error) {
    job.artifactBytes -= bytes.length;
    throw error;
  }
}

/** Publishes progress, and remembers the last report. */
export class ProgressReporter {
  #last: { readonly job: Job; readonly percent: number; readonly message: string } | undefined;

  /** Reports without waiting. A job whose result is fixed reports no more. */
  report(job: Job, { percent: given = 0, message: text = "", stepId = "" }: JobProgressUpdate): void {
    if (job.settled || job.cutBy !== undefined) return;
    const percent = Math.min(100, Math.max(0, Math.trunc(given) || 0));
    const message = wireText(String(text));
    this.#last = { job, percent, message };
    const { jobId } = job.request;
    const report = { jobId, stepId: wireText(String(stepId)), percent, message, status: JobStatus.RUNNING };
    const value = { ...report, ...job.authority };
    const sent = job.runtime.party.send(SUBJECT_PROGRESS, { case: "jobProgress", value }, jobId);
    job.reporting = Promise.allSettled([job.reporting, sent]);
    sent.catch((error: unknown) => job.log.warn("could not send progress", { reason: errorText(error) }));
  }

  /** Its part of a heartbeat, while the job that reported last is in flight. */
  get latest(): Pick<HeartbeatInit, "progressPct" | "lastMemo"> {
    const last = this.#last;
    if (last === undefined || last.job.settled) return {};
    return { progressPct: last.percent, lastMemo: last.message };
  }
}
