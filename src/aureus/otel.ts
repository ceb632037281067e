/** Spans of OpenTelemetry as Aureus spans. Nothing of OpenTelemetry is loaded: its shapes are described here. */
import type { Span } from "../../gen/aureus/v1/models.js";
import type { Telemetry } from "./telemetry.js";

/** Seconds and nanoseconds. */
type OtelTime = readonly [seconds: number, nanoseconds: number];

/** What is read of a finished span of `@opentelemetry/sdk-trace-base`, 1.x or 2.x. */
interface OtelSpan {
  readonly name: string;
  readonly startTime: OtelTime;
  readonly endTime: OtelTime;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly code: number; readonly message?: string };
  readonly events?: readonly {
    readonly name: string;
    readonly time: OtelTime;
    readonly attributes?: Readonly<Record<string, unknown>>;
  }[];
  /** 2.x. */
  readonly parentSpanContext?: { readonly spanId: string };
  /** 1.x. */
  readonly parentSpanId?: string;
  spanContext(): { readonly traceId: string; readonly spanId: string };
}

/** `code` 0 is success, 1 is failure, as in `@opentelemetry/core`. */
interface OtelExportResult {
  readonly code: 0 | 1;
  readonly error?: Error;
}

const ms = ([seconds, nanoseconds]: OtelTime): number => seconds * 1_000 + nanoseconds / 1e6;
const iso = (time: OtelTime): string => new Date(ms(time)).toISOString();

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}

/** An OpenTelemetry span as V1 has it: attributes become tags, events become log entries. */
function spanFromOtel(span: OtelSpan): Span {
  const { traceId, spanId } = span.spanContext();
  const parentId = span.parentSpanContext?.spanId ?? span.parentSpanId;
  const failed = span.status?.code === 2;
  const tags = Object.fromEntries(
    Object.entries(span.attributes ?? {}).map(([key, value]) => [key, textOf(value)]),
  );
  if (failed) tags.error = span.status?.message ?? "true";
  const logs = (span.events ?? []).map(({ name, time, attributes }) => ({
    timestamp: iso(time),
    level: name === "exception" ? ("error" as const) : ("info" as const),
    message: name,
    ...(attributes && { context: { ...attributes } }),
  }));
  return {
    id: spanId,
    traceId,
    ...(parentId !== undefined && { parentId }),
    name: span.name,
    startTime: iso(span.startTime),
    endTime: iso(span.endTime),
    duration: ms(span.endTime) - ms(span.startTime),
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(logs.length > 0 && { logs }),
  };
}

/**
 * A `SpanExporter` for OpenTelemetry's span processors that records into `telemetry`.
 *
 * Success means that the spans are in the buffer; a later loss is reported by the telemetry's `loss` event.
 * `forceFlush` and `shutdown` send what is buffered; the telemetry itself stays open.
 */
export function otelSpanExporter(telemetry: Pick<Telemetry, "span" | "flush">): {
  export(spans: readonly OtelSpan[], done: (result: OtelExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
} {
  return {
    export(spans, done) {
      const taken = spans.map((span) => telemetry.span(spanFromOtel(span)));
      if (taken.every(Boolean)) done({ code: 0 });
      else done({ code: 1, error: new Error("the telemetry buffer is full or closed") });
    },
    forceFlush: () => telemetry.flush(),
    shutdown: () => telemetry.flush(),
  };
}
