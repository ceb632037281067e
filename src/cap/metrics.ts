/** What a worker reports to a metrics system. */
import { JobStatus } from "../../gen/cap/index.js";
import type { Emitter } from "../core/emitter.js";
import type { WorkerEvents } from "./agent/options.js";

/** Hears of what a worker does. All methods are optional; what one throws is logged and hurts nothing. */
export interface MetricsHook {
  /** A job was taken. */
  onJobReceived?(jobId: string, topic: string): void;
  /** A result other than FAILED was published. `status` is its name, such as "SUCCEEDED". */
  onJobCompleted?(jobId: string, durationMs: number, status: string): void;
  /** A FAILED result was published. */
  onJobFailed?(jobId: string, errorMessage: string): void;
  /** A heartbeat was published. */
  onHeartbeatSent?(workerId: string): void;
}

const FAILURES = new Set([JobStatus.FAILED, JobStatus.FAILED_RETRYABLE, JobStatus.FAILED_FATAL]);

/** Calls a hook for the events of a worker. */
export function reportMetrics(hook: MetricsHook, events: Emitter<WorkerEvents>, workerId: string): void {
  events.on("job", ({ jobId, topic }) => hook.onJobReceived?.(jobId, topic));
  events.on("heartbeat", () => hook.onHeartbeatSent?.(workerId));
  events.on("result", ({ jobId, status, executionMs, errorMessage }) =>
    FAILURES.has(status)
      ? hook.onJobFailed?.(jobId, errorMessage)
      : hook.onJobCompleted?.(jobId, Number(executionMs), JobStatus[status] ?? `${status}`),
  );
}
