/**
 * 4Runr: an agent's client of the token gateway, and the operator's.
 *
 * The raw types, tables and schemas are generated: import them from `agentwire/gen/4runr`.
 */
export type { PolicyQuota, ToolActions } from "../../gen/4runr/index.js";
export type { GatewayAdminOptions, WouldAllowCall } from "./admin.js";
export { GatewayAdmin } from "./admin.js";
export { GatewayClient } from "./client.js";
export type { GatewayErrorInfo } from "./errors.js";
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
export type { GatewayOptions } from "./gateway.js";
export type { IdempotencyKeyMode } from "./ids.js";
export {
  generateIdempotencyKey,
  generateIdempotencyKeyFromData,
} from "./ids.js";
export type { GatewayClientOptions, TokenOptions } from "./options.js";
export type {
  PolicyCall,
  PolicyDenialKind,
  PolicyOptions,
  PolicyRules,
  PolicyVerdict,
  QuotaCount,
} from "./policy.js";
export { denyAll, judgePolicy, mergePolicies, quotaResetAt } from "./policy.js";
export type { QuotaState } from "./quota.js";
export type { RateLimit } from "./rate.js";
export type { ToolEntry, ToolTable } from "./tool-table.js";
export type {
  AnyParams,
  GatewayEvents,
  JobResponse,
  ProxyOptions,
  ProxyParams,
  ProxyResult,
  ToolCall,
  ToolName,
} from "./types.js";
