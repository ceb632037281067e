/** Traces and metrics of all four protocols with OpenTelemetry. */
export { type OpenTelemetry, type OpenTelemetryOptions, openTelemetry } from "./open-telemetry.js";
