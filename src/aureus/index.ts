/**
 * Aureus Agentic OS: clients of the V1 API, which its SDK uses, and of the console server; telemetry.
 *
 * Further models of V1, those of the console and the generated clients are in `agentwire/gen/aureus`.
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
export type {
  Action,
  Commit,
  Metric,
  Principal,
  Span,
  TelemetryEvent,
  WorkflowSpec,
} from "../../gen/aureus/v1/models.js";
export type { CallOptions } from "../http/index.js";
export { type ApprovalDecision, PendingApproval } from "./approval.js";
export { AureusClient, type AureusClientOptions } from "./client.js";
export { AureusConsoleClient, type AureusConsoleClientOptions } from "./console.js";
export { toConsoleWorkflow } from "./convert.js";
export { otelSpanExporter } from "./otel.js";
export { Telemetry } from "./telemetry.js";
export type { TelemetryOptions, TelemetryStats } from "./telemetry-options.js";
