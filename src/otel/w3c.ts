/** The W3C trace context (https://www.w3.org/TR/trace-context/) in headers, env and metadata. */
import type { SpanContext } from "@opentelemetry/api";

/** A place where the context is carried: header names in lower case. */
export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

const FORM = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** The headers of a span; none for a span that belongs to no trace. */
export function traceHeaders(span: SpanContext): TraceHeaders {
  const { traceId, spanId, traceFlags, traceState } = span;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return {};
  const flags = (traceFlags & 0xff).toString(16).padStart(2, "0");
  const state = traceState?.serialize();
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, ...(state && { tracestate: state }) };
}

/** The span that `traceparent` names; undefined for what is not such a header. */
export function remoteSpan(traceparent: unknown): SpanContext | undefined {
  if (typeof traceparent !== "string") return undefined;
  const [, traceId, spanId, flags] = FORM.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // Version 00 has these four members and no more.
  if (traceparent.startsWith("00") && traceparent.length > 55) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}
