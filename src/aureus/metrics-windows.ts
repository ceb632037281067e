/** Metrics of a long time range, read window by window. */
import type { Metric } from "../../gen/aureus/v1/models.js";
import { ValidationError } from "../core/errors.js";
import { checkOption } from "../core/options.js";
import type { CallOptions } from "../http/index.js";

/** One window: from `startTime` to `endTime`. */
export interface MetricsWindow {
  readonly startTime: string;
  readonly endTime: string;
  readonly metrics: readonly Metric[];
}

/** Which metrics are read, and in windows of which length. */
export interface WindowOptions extends CallOptions {
  readonly metricName?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Start of the range: a Date, or a text that `Date` reads. */
  readonly startTime: Date | string;
  /** End of the range. */
  readonly endTime: Date | string;
  /** Length of a window, in milliseconds. Default: 3,600,000 (one hour). */
  readonly windowMs?: number | undefined;
}

function timeOf(value: Date | string, name: string): number {
  const time = new Date(value).getTime();
  if (Number.isNaN(time))
    throw new ValidationError(`${name} must be a Date or a date text, not ${String(value)}`);
  return time;
}

/** The same text for two readings of one metric, whatever the order of its members. */
function keyOf({ tags, ...metric }: Metric): string {
  return JSON.stringify([Object.entries(metric).sort(), Object.entries(tags ?? {}).sort()]);
}

/** Timestamps are free text; Python writes UTC without a zone. */
function isAt({ timestamp }: Metric, time: number): boolean {
  return Date.parse(timestamp) === time || Date.parse(`${timestamp}Z`) === time;
}

/** `metrics` without those at time `edge` that are among `read` too: each of `read` takes out one. */
function unread(metrics: readonly Metric[], read: readonly Metric[], edge: number): Metric[] {
  const counts = new Map<string, number>();
  for (const metric of read) {
    if (isAt(metric, edge)) counts.set(keyOf(metric), (counts.get(keyOf(metric)) ?? 0) + 1);
  }
  return metrics.filter((metric) => {
    const count = isAt(metric, edge) ? (counts.get(keyOf(metric)) ?? 0) : 0;
    if (count > 0) counts.set(keyOf(metric), count - 1);
    return count === 0;
  });
}

/**
 * Reads one window after the other, in the order of time. The next window is requested when the caller is done
 * with the current one. Times are written in UTC with milliseconds. A metric on the edge of two windows is yielded
 * once, whether the server counts the end of a range in or out.
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
  checkOption("windowMs", windowMs, { min: 1 });
  let previous: readonly Metric[] = [];
  for (let from = start; from < end; from += windowMs) {
    const window = {
      startTime: new Date(from).toISOString(),
      endTime: new Date(Math.min(from + windowMs, end)).toISOString(),
    };
    const metrics = await read({ ...rest, ...window });
    yield { ...window, metrics: unread(metrics, previous, Date.parse(window.startTime)) };
    previous = metrics;
  }
}
