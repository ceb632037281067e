/** Telemetry that is gathered, sent in the background, and honest about what was lost. */
import type { Metric, Span, TelemetryEvent } from "../../gen/aureus/v1/models.js";
import { type Clock, systemClock, type TimerHandle } from "../core/clock.js";
import { Emitter } from "../core/emitter.js";
import { AgentwireError, ClosedError, errorText } from "../core/errors.js";
import { randomHex, uuid } from "../core/ids.js";
import { Limiter } from "../core/limiter.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { retry } from "../core/retry.js";
import { type RetryPolicy, retryPolicy } from "../core/retry-policy.js";
import { ActiveSpan, type SpanOptions } from "./span.js";
import type { CallOptions } from "./v1-wire.js";

/** Where telemetry goes; `AureusClient` is one. */
export interface TelemetrySink {
  reportEvent(event: TelemetryEvent, options?: CallOptions): Promise<void>;
  reportMetric(metric: Metric, options?: CallOptions): Promise<void>;
  reportSpan(span: Span, options?: CallOptions): Promise<void>;
}

/** Something that waits to be sent. */
export type TelemetryItem =
  | { readonly kind: "event"; readonly value: TelemetryEvent }
  | { readonly kind: "metric"; readonly value: Metric }
  | { readonly kind: "span"; readonly value: Span };

/** Something that will not be sent. */
export interface TelemetryLoss {
  readonly item: TelemetryItem;
  /** `overflow`: the buffer was full. `failed`: the server would not take it. `closed`: too late. */
  readonly reason: "overflow" | "failed" | "closed";
  readonly error?: unknown;
}

/** Events of {@link Telemetry}. */
export interface TelemetryEvents {
  /** Once for every item that is lost. */
  readonly loss: TelemetryLoss;
}

/** What became of everything so far: `recorded` is the sum of `sent`, `lost` and `pending`. */
export interface TelemetryCounts {
  /** Items handed in. */
  readonly recorded: number;
  /** Items the server took. */
  readonly sent: number;
  /** Tries that failed and were made again. */
  readonly retried: number;
  /** Items that will not arrive. */
  readonly lost: number;
  /** Items in the buffer or on their way. */
  readonly pending: number;
}

/** Options of {@link Telemetry}. */
export interface TelemetryOptions {
  readonly sink: TelemetrySink;
  /** Items that may wait, on their way included; a further one is lost. Default: 10,000. */
  readonly capacity?: number | undefined;
  /** So many waiting items are sent at once. Default: 100. */
  readonly flushSize?: number | undefined;
  /** Fewer are sent after this time, in milliseconds. Default: 5,000. */
  readonly flushIntervalMs?: number | undefined;
  /** Calls at the same time: V1 takes one item a call. Default: 8. */
  readonly concurrency?: number | undefined;
  /**
   * How often an item is tried. A try whose answer got lost is made again as well, so an item may arrive
   * twice; `false` makes one try only. Default: 5 tries, 500 ms before the second, doubling up to 8 s.
   */
  readonly retry?: Partial<RetryPolicy> | false | undefined;
  /** How long `close()` goes on sending, in milliseconds. Default: 10,000. */
  readonly graceMs?: number | undefined;
  /** Set in events that have none, and the trace of spans that have none. */
  readonly correlationId?: string | undefined;
  /** Added to the tags of everything; those of the item win. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** An event without what is filled in: the time now, the correlation id. */
export type EventInit = Omit<TelemetryEvent, "timestamp" | "data"> &
  Partial<Pick<TelemetryEvent, "timestamp" | "data">>;

/** A report may be made again, so also after a 500, which for other calls can be a refusal. */
function mayPass(error: unknown): boolean {
  return error instanceof AgentwireError && (error.retryable || error.status === 500);
}

const DEFAULT_RETRY = retryPolicy({ attempts: 5 });

/**
 * Gathers events, metrics and spans and sends them in the background.
 *
 * Recording never throws and never waits. "Sent" means that the server answered with 2xx. What cannot be sent
 * is counted and emitted as `loss`; the log gets one line for each flush that lost something.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #emitter: Emitter<TelemetryEvents>;
  readonly #limiter: Limiter;
  readonly #policy: RetryPolicy;
  readonly #abort = new AbortController();
  #buffer: TelemetryItem[] = [];
  #timer: TimerHandle | undefined;
  #recorded = 0;
  #sent = 0;
  #retried = 0;
  #lost = 0;
  readonly #inFlight = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#emitter = new Emitter({ logger: options.logger });
    this.#limiter = new Limiter(Math.max(1, options.concurrency ?? 8));
    this.#policy = retryPolicy(options.retry, DEFAULT_RETRY);
  }

  /** Calls `listener` for every loss until the returned function is called. */
  on<Name extends keyof TelemetryEvents>(
    event: Name,
    listener: (payload: TelemetryEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  /** What became of everything so far. */
  get counts(): TelemetryCounts {
    const [recorded, sent, retried, lost] = [this.#recorded, this.#sent, this.#retried, this.#lost];
    return { recorded, sent, retried, lost, pending: recorded - sent - lost };
  }

  /** Records an event. False when it is lost: the buffer is full or the object closed. */
  event(event: EventInit): boolean {
    const { correlationId = this.#options.correlationId } = event;
    const value: TelemetryEvent = {
      data: {},
      ...event,
      timestamp: event.timestamp ?? this.now(),
      ...(correlationId !== undefined && { correlationId }),
    };
    return this.#record({ kind: "event", value: this.#tagged(value) });
  }

  /** Records a metric. A value that is NaN or infinite has no form on the wire and is lost. */
  metric(name: string, value: number, tags?: Readonly<Record<string, string>>): boolean {
    const metric: Metric = { name, value, timestamp: this.now(), ...(tags && { tags: { ...tags } }) };
    return this.#record({ kind: "metric", value: this.#tagged(metric) });
  }

  /** Records a span that has ended. {@link Telemetry.startSpan} makes one. */
  span(span: Span): boolean {
    return this.#record({ kind: "span", value: this.#tagged(span) });
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

  /** Runs `work` inside a span, which gets the tag `error` when `work` throws. The result is that of `work`. */
  async withSpan<T>(
    name: string,
    work: (span: ActiveSpan) => T | PromiseLike<T>,
    options: SpanOptions = {},
  ): Promise<T> {
    const span = this.startSpan(name, options);
    try {
      return await work(span);
    } catch (error) {
      span.tag("error", errorText(error));
      throw error;
    } finally {
      span.end();
    }
  }

  /** The time as Aureus writes it. */
  now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  /** Sends what waits and resolves when all of it, and all that was on its way, arrived or is lost. Never rejects. */
  async flush(): Promise<void> {
    this.#sendAll();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /**
   * Takes nothing more, sends what waits for at most `graceMs`, and counts the rest as lost. Every call gives
   * the same promise, which never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    const cut = (): void => this.#abort.abort(new ClosedError("telemetry is closed"));
    const timer = this.#clock.setTimeout(cut, this.#options.graceMs ?? 10_000);
    await this.flush();
    this.#clock.clearTimeout(timer);
  }

  #tagged<Value extends TelemetryItem["value"]>(value: Value): Value {
    const { tags } = this.#options;
    return tags === undefined ? value : { ...value, tags: { ...tags, ...value.tags } };
  }

  #record(item: TelemetryItem): boolean {
    this.#recorded++;
    if (this.#closing !== undefined) return this.#lose({ item, reason: "closed" });
    if (item.kind === "metric" && !Number.isFinite(item.value.value))
      return this.#lose({ item, reason: "failed" });
    if (this.counts.pending > (this.#options.capacity ?? 10_000))
      return this.#lose({ item, reason: "overflow" });
    this.#buffer.push(item);
    if (this.#buffer.length >= (this.#options.flushSize ?? 100)) this.#sendAll();
    else this.#wait();
    return true;
  }

  #wait(): void {
    const { flushIntervalMs = 5_000 } = this.#options;
    this.#timer ??= this.#clock.setTimeout(() => this.#sendAll(), flushIntervalMs, { unref: true });
  }

  #sendAll(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer.length === 0) return;
    const items = this.#buffer;
    this.#buffer = [];
    const lostBefore = this.#lost;
    const sending = Promise.all(items.map((item) => this.#send(item))).then(() => {
      this.#inFlight.delete(sending);
      const lost = this.#lost - lostBefore;
      if (lost > 0) this.#logger.warn("telemetry was lost", { lost, lostInAll: this.#lost });
    });
    this.#inFlight.add(sending);
  }

  async #send(item: TelemetryItem): Promise<void> {
    const { signal } = this.#abort;
    try {
      const release = await this.#limiter.acquire({ signal });
      try {
        await retry((attempt) => this.#report(item, attempt.signal), {
          policy: this.#policy,
          shouldRetry: mayPass,
          signal,
          clock: this.#clock,
          random: this.#options.random,
          onRetry: () => this.#retried++,
        });
      } finally {
        release();
      }
      this.#sent++;
    } catch (error) {
      this.#lose({ item, reason: signal.aborted ? "closed" : "failed", error });
    }
  }

  #report(item: TelemetryItem, signal: AbortSignal): Promise<void> {
    const { sink } = this.#options;
    const options: CallOptions = { signal, retry: false };
    if (item.kind === "event") return sink.reportEvent(item.value, options);
    if (item.kind === "metric") return sink.reportMetric(item.value, options);
    return sink.reportSpan(item.value, options);
  }

  #lose(loss: TelemetryLoss): false {
    this.#lost++;
    this.#emitter.emit("loss", loss);
    return false;
  }
}
