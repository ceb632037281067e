import type { Clock } from "../../core/clock.js";
import type { Logger } from "../../core/logger.js";
import { HandlerFailure } from "../../handler/index.js";
import type { BlobStore } from "../blob-store.js";
import { ResourceExhaustedError } from "../errors.js";
import type { ArtifactOptions } from "../stores/values.js";
import { putArtifact, valueBytes } from "../stores/values.js";
import type { AgentContext, JobProgressUpdate } from "./context.js";
import { inTime } from "./in-time.js";
import type { Job } from "./job.js";

/** What a context needs of its agent. */
export interface ContextParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly store: BlobStore;
  readonly ioTimeoutMs: number;
  readonly maxArtifactBytes: number;
  readonly report: (job: Job, update: JobProgressUpdate) => void;
}

/** Makes the context of one job; all its attempts share it. */
export function agentContext(job: Job, parts: ContextParts): AgentContext {
  const { request, packet } = job;
  return {
    jobId: request.jobId,
    traceId: packet.traceId,
    correlationId: packet.traceId,
    job: request,
    request,
    packet,
    log: parts.log,
    get attempt() {
      return job.attempt;
    },
    get signal() {
      return job.signal;
    },
    get deadline() {
      return job.deadline;
    },
    progress: (update) => parts.report(job, update),
    fail: (reason, options) => {
      throw new HandlerFailure(reason, options);
    },
    putArtifact: (value, options) => keepArtifact(job, parts, value, options),
  };
}

async function keepArtifact(
  job: Job,
  parts: ContextParts,
  value: unknown,
  options?: ArtifactOptions,
): Promise<string> {
  const { store, clock, ioTimeoutMs, maxArtifactBytes: max } = parts;
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
    const pointer = await inTime("artifact write", ioTimeoutMs, clock, write);
    if (job.attempt === attempt && !job.settled) job.artifacts.push(pointer);
    return pointer;
  } catch (error) {
    job.artifactBytes -= bytes.length;
    throw error;
  }
}
