/** Telemetry that is sent in the background and accounts for its losses. */
import type { Metric, Span, TelemetryEvent } from "../../gen/aureus/v1/models.js";
import { type Clock, systemClock } from "../core/clock.js";
import { errorText, ValidationError } from "../core/errors.js";
import { randomHex, uuid } from "../core/ids.js";
import { atLeastOne, checkOptions, milliseconds, type OptionRule } from "../core/options.js";
import { ActiveSpan, jsonCopy, type SpanOptions } from "./span.js";
import type {
  EventInit,
  TelemetryEvents,
  TelemetryItem,
  TelemetryOptions,
  TelemetryStats,
} from "./telemetry-options.js";
import { TelemetryQueue } from "./telemetry-queue.js";

const OPTIONS: { readonly [Name in keyof TelemetryOptions]?: OptionRule } = {
  capacity: atLeastOne,
  flushSize: atLeastOne,
  flushIntervalMs: milliseconds,
  concurrency: atLeastOne,
  graceMs: milliseconds,
  spoolFile: "string",
  correlationId: "string",
  tags: "object",
  clock: "clock",
  random: "function",
};

/**
 * Records events, metrics and spans and sends them in the background.
 *
 * Recording never throws and never waits. Items are copied as JSON when they are recorded, so later changes to
 * them do not matter. "Sent" means that the server responded with 2xx. What cannot be sent is counted and emitted
 * as `loss`; the log gets one line for each flush that lost something, and one on Node if the process exits while
 * items are pending.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #clock: Clock;
  readonly #queue: TelemetryQueue;

  /** @throws ValidationError for an option that is out of its range; UnsupportedError for `spoolFile` outside Node. */
  constructor(options: TelemetryOptions) {
    checkOptions(options, OPTIONS);
    if (typeof options.sink !== "object" || options.sink === null)
      throw new ValidationError(
        "sink is required: pass an AureusClient, or an object with its report methods",
      );
    this.#options = { ...options, tags: options.tags && { ...options.tags } };
    this.#clock = options.clock ?? systemClock;
    this.#queue = new TelemetryQueue(options);
  }

  /** Calls `listener` for every loss until the returned function is called. */
  on<Name extends keyof TelemetryEvents>(
    event: Name,
    listener: (payload: TelemetryEvents[Name]) => void,
  ): () => void {
    return this.#queue.on(event, listener);
  }

  /** What became of everything so far. */
  get stats(): TelemetryStats {
    return this.#queue.stats;
  }

  /** Records an event. Returns false if it is lost: the buffer is full, the telemetry closed, or it has no JSON. */
  event(event: EventInit): boolean {
    return this.#record("event", event as TelemetryEvent, () => {
      const { correlationId = this.#options.correlationId } = event;
      return {
        data: {},
        ...event,
        timestamp: event.timestamp ?? this.now(),
        ...(correlationId !== undefined && { correlationId }),
      };
    });
  }

  /** Records a metric. A value that is NaN or infinite has no JSON and is lost. */
  metric(name: string, value: number, tags?: Readonly<Record<string, string>>): boolean {
    const metric: Metric = { name, value, timestamp: this.now(), ...(tags && { tags }) };
    return this.#record("metric", metric, () => {
      if (Number.isFinite(value)) return metric;
      throw new ValidationError(`metric value must be a finite number, not ${String(value)}`);
    });
  }

  /** Records a span that has ended. {@link Telemetry.startSpan} makes one. */
  span(span: Span): boolean {
    return this.#record("span", span, () => span);
  }

  /** Starts a span; it is recorded when it ends. Without a parent it begins a trace. */
  startSpan(name: string, options: SpanOptions = {}): ActiveSpan {
    const { parent } = options;
    const traceId = options.traceId ?? parent?.traceId ?? this.#options.correlationId ?? uuid();
    const parentId = options.parentId ?? parent?.id;
    return new ActiveSpan(
      this,
      { ...options, id: options.id ?? randomHex(8), traceId, parentId, name },
      this.#clock,
    );
  }

  /** Runs `work` inside a span and returns its result. If `work` throws, the span gets the tag `error`. */
  async withSpan<T>(
    name: string,
    work: (span: ActiveSpan) => T | PromiseLike<T>,
    options: SpanOptions = {},
  ): Promise<T> {
    const span = this.startSpan(name, options);
    try {
      return await work(span);
    } catch (error) {
      span.setTag("error", errorText(error));
      throw error;
    } finally {
      span.end();
    }
  }

  /** The current time as Aureus writes it. */
  now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  /** Sends what is buffered. Resolves when everything pending is sent, spooled or lost; never rejects. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }

  /**
   * Stops recording, keeps sending for at most `graceMs`, and counts the rest as lost, or leaves it in the spool
   * file. Every call returns the same promise, which never rejects.
   */
  close(): Promise<void> {
    return this.#queue.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Hands a JSON copy of what `build` returns to the queue; `given` is what is lost if there is none. */
  #record<Kind extends TelemetryItem["kind"], Value extends TelemetryItem["value"]>(
    kind: Kind,
    given: Value,
    build: () => Value,
  ): boolean {
    try {
      const value = jsonCopy(build());
      const { tags } = this.#options;
      if (tags !== undefined) value.tags = { ...tags, ...value.tags };
      return this.#queue.add({ kind, value } as TelemetryItem);
    } catch (error) {
      return this.#queue.add({ kind, value: given } as TelemetryItem, { reason: "failed", error });
    }
  }
}
