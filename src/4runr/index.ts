/**
 * 4Runr: clients of the token gateway, for agents and for operators.
 *
 * The raw types, tables and schemas are generated: import them from `agentwire/gen/4runr`.
 */
export type { ToolActions } from "../../gen/4runr/index.js";
export type { GatewayAdminOptions } from "./admin.js";
export { GatewayAdmin } from "./admin.js";
export { GatewayClient } from "./client.js";
export {
  GatewayAuthError,
  GatewayCircuitOpenError,
  GatewayConflictError,
  GatewayError,
  GatewayNetworkError,
  GatewayNotFoundError,
  GatewayPolicyError,
  GatewayProtocolError,
  GatewayRateLimitError,
  GatewayTimeoutError,
  GatewayTokenError,
  GatewayUnsupportedError,
  GatewayUpstreamError,
  GatewayValidationError,
} from "./errors.js";
export type { Explanation } from "./explain.js";
export { generateIdempotencyKey, generateIdempotencyKeyFromData } from "./ids.js";
export type { GatewayClientOptions, TokenOptions } from "./options.js";
export type { PolicyDenialKind, PolicyRules, PolicyVerdict } from "./policy.js";
export { judgePolicy } from "./policy.js";
export type { QuotaState } from "./quota.js";
export type { ToolTable } from "./tool-table.js";
export type {
  GatewayEvents,
  JobResponse,
  ProxyOptions,
  ProxyParams,
  ProxyResult,
  ToolCall,
  ToolName,
} from "./types.js";
