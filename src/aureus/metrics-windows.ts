/** Metrics of a long time, read in pieces. */
import type { Metric } from "../../gen/aureus/v1/models.js";
import { ValidationError } from "../core/errors.js";
import type { CallOptions } from "../http/index.js";

/** One piece: from `startTime` up to `endTime`. */
export interface MetricsWindow {
  readonly startTime: string;
  readonly endTime: string;
  readonly metrics: readonly Metric[];
}

/** What is read, and in pieces of which size. */
export interface WindowOptions extends CallOptions {
  readonly metricName?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Where it begins: a Date, or a text that `Date` reads. */
  readonly startTime: Date | string;
  /** Where it ends. */
  readonly endTime: Date | string;
  /** Length of a window, in milliseconds. Default: one hour. */
  readonly windowMs?: number | undefined;
}

function timeOf(value: Date | string, name: string): number {
  const time = new Date(value).getTime();
  if (Number.isNaN(time)) throw new ValidationError(`${name} is no time`);
  return time;
}

/**
 * Reads one window after the other, in the order of time; the next one is asked for when the caller is done
 * with the one before. Times are written in UTC with milliseconds.
 *
 * @throws ValidationError for times or a window that make no sense, and whatever `read` throws.
 */
export async function* metricsWindows(
  read: (
    filter: Omit<WindowOptions, "windowMs" | "startTime" | "endTime"> & {
      readonly startTime: string;
      readonly endTime: string;
    },
  ) => Promise<readonly Metric[]>,
  options: WindowOptions,
): AsyncGenerator<MetricsWindow> {
  const { windowMs = 3_600_000, startTime, endTime, ...rest } = options;
  const [start, end] = [timeOf(startTime, "startTime"), timeOf(endTime, "endTime")];
  if (!(windowMs >= 1)) throw new ValidationError("windowMs must be at least 1");
  for (let from = start; from < end; from += windowMs) {
    const window = {
      startTime: new Date(from).toISOString(),
      endTime: new Date(Math.min(from + windowMs, end)).toISOString(),
    };
    yield { ...window, metrics: await read({ ...rest, ...window }) };
  }
}
