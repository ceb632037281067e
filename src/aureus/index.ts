/**
 * Aureus Agentic OS: the V1 dialect of its SDK, the dialect of its console server, and telemetry.
 *
 * Models of the console and the generated clients are in `agentwire/gen/aureus`.
 */

export {
  DataZone,
  FailureTaxonomy,
  GoalGuardState,
  Intent,
  PolicyRiskTier,
  RiskTier,
  SandboxType,
  TaskType,
  TelemetryEventType,
} from "../../gen/aureus/v1/enums.js";
export type * from "../../gen/aureus/v1/models.js";
export type { CallOptions } from "../http/index.js";
export { type ActionRef, type ApprovalDecision, type ApprovalWait, PendingApproval } from "./approval.js";
export {
  AureusClient,
  type AureusClientOptions,
  type ExecuteOptions,
  type MetricsFilter,
} from "./client.js";
export { AureusConsoleClient, type AureusConsoleClientOptions, type ConsoleCredentials } from "./console.js";
export { toConsoleWorkflow } from "./convert.js";
export type { AureusErrorDetails } from "./errors.js";
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
export type { WatchOptions } from "./watch.js";
