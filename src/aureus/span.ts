/** A timed part of a trace while it runs. */
import type { LogEntry, LogLevel } from "../../gen/aureus/v1/models.js";
import type { Clock } from "../core/clock.js";
import type { Telemetry } from "./telemetry.js";

/** Options of a new span. */
export interface SpanOptions {
  /** The span around it; it determines the trace. */
  readonly parent?: { readonly id: string; readonly traceId: string } | undefined;
  /** The id of the span around it, where only that is known. Default: that of `parent`. */
  readonly parentId?: string | undefined;
  /** Default: that of `parent`, else the correlation id of the telemetry, else a new one. */
  readonly traceId?: string | undefined;
  /** Default: 16 random hexadecimal digits. */
  readonly id?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** A span that was started. It is recorded by {@link ActiveSpan.end}, once. */
export class ActiveSpan {
  readonly id: string;
  readonly traceId: string;
  readonly name: string;
  readonly parentId: string | undefined;
  readonly #telemetry: Pick<Telemetry, "span" | "startSpan">;
  readonly #clock: Clock;
  readonly #started: number;
  readonly #startTime: string;
  readonly #tags: Record<string, string>;
  readonly #logs: LogEntry[] = [];
  #ended = false;

  constructor(
    telemetry: Pick<Telemetry, "span" | "startSpan">,
    init: SpanOptions & { readonly id: string; readonly traceId: string; readonly name: string },
    clock: Clock,
  ) {
    this.#telemetry = telemetry;
    this.#clock = clock;
    this.id = init.id;
    this.traceId = init.traceId;
    this.name = init.name;
    this.parentId = init.parentId;
    this.#tags = { ...init.tags };
    this.#started = clock.monotonic();
    this.#startTime = new Date(clock.now()).toISOString();
  }

  /** Starts a span inside this one. */
  child(name: string, options: Omit<SpanOptions, "parent" | "parentId" | "traceId"> = {}): ActiveSpan {
    return this.#telemetry.startSpan(name, { ...options, parent: this });
  }

  /** Sets a tag; a later value replaces an earlier one. */
  setTag(name: string, value: string): this {
    this.#tags[name] = value;
    return this;
  }

  /** Adds a log entry; `context` is copied as JSON. */
  log(level: LogLevel, message: string, context?: Readonly<Record<string, unknown>>): this {
    const timestamp = new Date(this.#clock.now()).toISOString();
    this.#logs.push({ timestamp, level, message, ...(context && { context: copied(context) }) });
    return this;
  }

  /** Ends the span and records it. A second call does nothing. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#telemetry.span({
      id: this.id,
      traceId: this.traceId,
      ...(this.parentId !== undefined && { parentId: this.parentId }),
      name: this.name,
      startTime: this.#startTime,
      endTime: new Date(this.#clock.now()).toISOString(),
      duration: this.#clock.monotonic() - this.#started,
      ...(Object.keys(this.#tags).length > 0 && { tags: this.#tags }),
      ...(this.#logs.length > 0 && { logs: this.#logs }),
    });
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** A copy of `value` as its JSON, which later changes to `value` do not reach. @throws TypeError where it has none. */
export function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function copied(context: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return jsonCopy(context);
  } catch {
    // Recorded as it is: the span is then reported as lost, with the reason.
    return context;
  }
}
