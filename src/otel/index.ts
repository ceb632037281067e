/** Traces and metrics of all four protocols with OpenTelemetry. */
export type { Observed } from "./instruments.js";
export { type OpenTelemetry, type OpenTelemetryOptions, openTelemetry } from "./open-telemetry.js";
export type { OtelApi } from "./spans.js";
export { remoteSpan, type TraceHeaders, traceHeaders } from "./w3c.js";
