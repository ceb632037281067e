/** What telemetry is made of, and what it reports about itself. */
import type { Metric, Span, TelemetryEvent } from "../../gen/aureus/v1/models.js";
import type { Clock } from "../core/clock.js";
import type { Logger } from "../core/logger.js";
import type { RetryOptions } from "../core/retry-policy.js";
import type { CallOptions } from "../http/index.js";

/** A destination of telemetry, such as `AureusClient`. */
export interface TelemetrySink {
  reportEvent(event: TelemetryEvent, options?: CallOptions): Promise<unknown>;
  reportMetric(metric: Metric, options?: CallOptions): Promise<unknown>;
  reportSpan(span: Span, options?: CallOptions): Promise<unknown>;
}

/** An item to be sent. */
export type TelemetryItem =
  | { readonly kind: "event"; readonly value: TelemetryEvent }
  | { readonly kind: "metric"; readonly value: Metric }
  | { readonly kind: "span"; readonly value: Span };

/** An item that was lost. */
export interface TelemetryLoss {
  readonly item: TelemetryItem;
  /**
   * `overflow`: the buffer was full. `failed`: it has no JSON, the server refused it, or the retries are used up.
   * `closed`: the telemetry was closed, or the process ended.
   */
  readonly reason: "overflow" | "failed" | "closed";
  readonly error?: unknown;
}

/** Events of {@link Telemetry}. */
export interface TelemetryEvents {
  /** Emitted once for every item that is lost. */
  readonly loss: TelemetryLoss;
}

/** What became of everything so far: `recorded` is the sum of `sent`, `lost`, `spooled` and `pending`. */
export interface TelemetryStats {
  /** Items handed in, and items read from the spool file. */
  readonly recorded: number;
  /** Items the server accepted. */
  readonly sent: number;
  /** Failed attempts that were retried. */
  readonly retried: number;
  /** Items that will not arrive. */
  readonly lost: number;
  /** Items left in the spool file for the next start. Only with `spoolFile`. */
  readonly spooled?: number;
  /** Items in the buffer or in flight. */
  readonly pending: number;
}

/** Options of {@link Telemetry}. */
export interface TelemetryOptions {
  readonly sink: TelemetrySink;
  /** Items that may be pending; one more is lost. Items of the spool file do not count. Default: 10,000. */
  readonly capacity?: number | undefined;
  /** Number of buffered items that starts a flush. Default: 100. */
  readonly flushSize?: number | undefined;
  /** Longest time an item is buffered before a flush, in milliseconds. Default: 5,000. */
  readonly flushIntervalMs?: number | undefined;
  /** Calls in flight; V1 takes one item per call. Default: 8. */
  readonly concurrency?: number | undefined;
  /**
   * How often an item is sent. An attempt whose response was lost is retried too, so an item may arrive twice;
   * `false` makes one attempt only. A `Retry-After` lengthens a delay and never shortens it; one
   * beyond `maxRetryAfterMs` counts as that. Default: 11 attempts, 500 ms before the second, doubling up to 15 s:
   * outages of a minute lose nothing.
   */
  readonly retry?: RetryOptions | false | undefined;
  /** How long `close()` keeps sending, in milliseconds. Default: 10,000. */
  readonly graceMs?: number | undefined;
  /**
   * A file that keeps what could not be sent until the next start: items left when `close()` gives up or the
   * process exits, and items whose retries are used up. One JSON object per line, readable by its owner only.
   * The file is emptied after its items arrived. Each process needs a file of its own. Node only. Default: none.
   */
  readonly spoolFile?: string | undefined;
  /** Set on events without one, and the trace of spans without one. */
  readonly correlationId?: string | undefined;
  /** Added to the tags of every item; the item's own tags win. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Receives a warning for every flush that lost something. Default: the console. */
  readonly logger?: Logger | false | undefined;
}

/** An event; the time and the correlation id are filled in. */
export type EventInit = Omit<TelemetryEvent, "timestamp" | "data"> &
  Partial<Pick<TelemetryEvent, "timestamp" | "data">>;
