/** Runs work under a span. */
import type * as Otel from "@opentelemetry/api";
import { AgentwireError } from "../core/errors.js";
import { remoteSpan } from "./w3c.js";

/** The whole module `@opentelemetry/api`. */
export type OtelApi = typeof Otel;

/** What a span is started with. */
export interface SpanInit {
  readonly name: string;
  readonly kind: keyof typeof Otel.SpanKind;
  readonly attributes: Otel.Attributes;
  /** The `traceparent` and `tracestate` of the sender; without one the active span is the parent. */
  readonly from?: { readonly traceparent?: unknown; readonly tracestate?: unknown } | undefined;
}

/** Starts spans of one tracer. */
export class Spans {
  readonly #api: OtelApi;
  readonly #tracer: Otel.Tracer;

  constructor(api: OtelApi, tracer: Otel.Tracer) {
    this.#api = api;
    this.#tracer = tracer;
  }

  /** Runs `work` with a new span active. An error marks the span with its code, never with its text. */
  async run<T>(init: SpanInit, work: (span: Otel.Span) => T | Promise<T>): Promise<T> {
    const { context, trace, SpanStatusCode, SpanKind } = this.#api;
    const parent = this.#parent(init.from) ?? context.active();
    const { name, kind, attributes } = init;
    const span = this.#tracer.startSpan(name, { kind: SpanKind[kind], attributes }, parent);
    try {
      return await context.with(trace.setSpan(parent, span), () => work(span));
    } catch (error) {
      // The text of an error may quote what was sent.
      span.setAttribute("error.type", errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
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

function errorType(error: unknown): string {
  if (error instanceof AgentwireError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}
