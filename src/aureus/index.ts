/**
 * Aureus Agentic OS: the V1 dialect of its SDK, the dialect of its console server, and telemetry.
 *
 * Types of the console and the generated clients are in `agentwire/gen/aureus`.
 */

export type * from "../../gen/aureus/v1/models.js";
export {
  AureusClient,
  type AureusClientOptions,
  type ExecuteOptions,
  type MetricsFilter,
} from "./client.js";
export {
  type ApprovalInput,
  AureusConsoleClient,
  type AureusConsoleClientOptions,
  type Decision,
  type WaitOptions,
} from "./console.js";
export type { ConsoleDeployments, ConsoleMonitoring, MonitoringFilter } from "./console-parts.js";
export type { ConsoleCredentials } from "./console-session.js";
export type { ConsoleInput, ConsoleOperationId, ConsoleOutput } from "./console-wire.js";
export { actionOfTask, type ConvertedWorkflow, toConsoleWorkflow, type Unplaced } from "./convert.js";
export { type AureusErrorDetails, aureusDetails } from "./errors.js";
export { explicitNulls } from "./explicit-nulls.js";
export type { MetricsWindow, WindowOptions } from "./metrics-windows.js";
export { otelSpanExporter } from "./otel.js";
export { ActiveSpan, type SpanOptions } from "./span.js";
export { Telemetry } from "./telemetry.js";
export type {
  EventInit,
  TelemetryEvents,
  TelemetryItem,
  TelemetryLoss,
  TelemetryOptions,
  TelemetrySink,
  TelemetryStats,
} from "./telemetry-options.js";
export { aureusRetryPolicy, type CallOptions, type V1OperationId } from "./v1-wire.js";
export type { WatchOptions } from "./watch.js";
