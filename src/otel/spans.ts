/** Runs work under a span, and measures it. */
import type * as Otel from "@opentelemetry/api";
import { AgentwireError } from "../core/errors.js";
import type { Instruments } from "./instruments.js";
import { remoteSpan } from "./w3c.js";

/** The whole module `@opentelemetry/api`. */
export type OtelApi = typeof Otel;

/** Histograms of durations, named by the semantic conventions of OpenTelemetry. */
export type DurationName =
  | "http.client.request.duration"
  | "messaging.client.operation.duration"
  | "messaging.process.duration"
  | "gen_ai.client.operation.duration";

/** What a span is started with. */
export interface SpanInit {
  readonly name: string;
  readonly kind: keyof typeof Otel.SpanKind;
  readonly attributes: Otel.Attributes;
  /** The histogram of its duration, in seconds, and the attributes that it has: those with few values. */
  readonly metric: DurationName;
  readonly measured: readonly string[];
  /** The `traceparent` and `tracestate` of the sender; without one the active span is the parent. */
  readonly from?: { readonly traceparent?: unknown; readonly tracestate?: unknown } | undefined;
}

/** Notes attributes of the end of the work, on the span and in the histogram. */
export type Outcome = (attributes: Otel.Attributes) => void;

/** Starts spans of one tracer. */
export class Spans {
  readonly #api: OtelApi;
  readonly #tracer: Otel.Tracer;
  readonly #instruments: Instruments;

  constructor(api: OtelApi, tracer: Otel.Tracer, instruments: Instruments) {
    this.#api = api;
    this.#tracer = tracer;
    this.#instruments = instruments;
  }

  /** Runs `work` with a new span active. An error marks the span with its code, never with its text. */
  async run<T>(init: SpanInit, work: (span: Otel.Span, ended: Outcome) => T | Promise<T>): Promise<T> {
    const { context, trace, SpanStatusCode, SpanKind } = this.#api;
    const parent = this.#parent(init.from) ?? context.active();
    const { name, kind, attributes, metric, measured } = init;
    const end = this.#instruments.start(metric, pick(attributes, measured));
    let outcome: Otel.Attributes = {};
    const span = this.#tracer.startSpan(name, { kind: SpanKind[kind], attributes }, parent);
    try {
      return await context.with(trace.setSpan(parent, span), () =>
        work(span, (more) => {
          outcome = more;
          span.setAttributes(more);
        }),
      );
    } catch (error) {
      // The text of an error may quote what was sent.
      outcome = { ...outcome, "error.type": errorType(error) };
      span.setAttributes(outcome);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      end(outcome);
      span.end();
    }
  }

  /** Marks a span whose work came to a bad end without an error. */
  fail(span: Otel.Span): void {
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
  }

  #parent(from: SpanInit["from"]): Otel.Context | undefined {
    const { context, trace, createTraceState } = this.#api;
    const remote = remoteSpan(from?.traceparent);
    if (remote === undefined) return undefined;
    const { tracestate } = from ?? {};
    const state = typeof tracestate === "string" ? { traceState: createTraceState(tracestate) } : {};
    return trace.setSpanContext(context.active(), { ...remote, ...state });
  }
}

function pick(attributes: Otel.Attributes, names: readonly string[]): Otel.Attributes {
  return Object.fromEntries(names.map((name) => [name, attributes[name]]));
}

function errorType(error: unknown): string {
  if (error instanceof AgentwireError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}
