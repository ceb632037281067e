/** What a worker reports to a metrics system. */
import { JobStatus } from "../../gen/cap/index.js";
import { errorText } from "../core/errors.js";
import { type Logger, safeLogger } from "../core/logger.js";

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

/** Hears of nothing. */
export const noopMetrics: Required<MetricsHook> = {
  onJobReceived() {},
  onJobCompleted() {},
  onJobFailed() {},
  onHeartbeatSent() {},
};

/** A hook made harmless. Without one the result is {@link noopMetrics}. */
export function safeMetrics(
  hook: MetricsHook | undefined,
  logger: Logger | false | undefined,
): Required<MetricsHook> {
  if (hook === undefined) return noopMetrics;
  const blame = (error: unknown) =>
    safeLogger(logger).warn("metrics hook failed", { reason: errorText(error) });
  const guard = (call: () => unknown): void => {
    try {
      const result = call();
      if (result instanceof Promise) result.catch(blame);
    } catch (error) {
      blame(error);
    }
  };
  return {
    onJobReceived: (jobId, topic) => guard(() => hook.onJobReceived?.(jobId, topic)),
    onJobCompleted: (jobId, ms, status) => guard(() => hook.onJobCompleted?.(jobId, ms, status)),
    onJobFailed: (jobId, message) => guard(() => hook.onJobFailed?.(jobId, message)),
    onHeartbeatSent: (workerId) => guard(() => hook.onHeartbeatSent?.(workerId)),
  };
}

/** The name of a status, or its number when it is from a later version. */
export function statusName(status: JobStatus): string {
  return JobStatus[status] ?? `${status}`;
}
