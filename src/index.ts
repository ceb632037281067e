/** What all protocols share with their users. The protocols themselves come by subpath, such as `agentwire/cap`. */

export {
  type AjvValidator,
  type AjvValidatorOptions,
  type AjvValidatorStats,
  ajvValidator,
} from "./core/ajv-validator.js";
export { type Clock, systemClock, type TimerHandle, type TimerOptions } from "./core/clock.js";
export {
  AbortError,
  AgentwireError,
  type AgentwireErrorOptions,
  AuthError,
  ClosedError,
  ConflictError,
  ConnectionError,
  type ErrorCode,
  NotFoundError,
  PolicyDeniedError,
  ProtocolError,
  RateLimitError,
  TimeoutError,
  UnsupportedError,
  UpstreamError,
  ValidationError,
} from "./core/errors.js";
export { type Health, health, type Serving } from "./core/health.js";
export { type JsonSchema, jsonSchema, type TypedJsonSchema } from "./core/json-schema.js";
export type {
  Logger,
  LogLevel,
} from "./core/logger.js";
export type { Middleware, Next } from "./core/middleware.js";
export { type Attempt, type RetryNotice, retry } from "./core/retry.js";
export {
  backoffMs,
  defaultRetryPolicy,
  mayRetry,
  noRetry,
  type RetryOptions,
  type RetryPolicy,
  type RetryRule,
  retryPolicy,
} from "./core/retry-policy.js";
export { reveal, Secret } from "./core/secret.js";
export type {
  StandardIssue,
  StandardJsonSchemaConverter,
  StandardProps,
  StandardResult,
  StandardSchemaV1,
} from "./core/standard-schema.js";
export type {
  CompiledSchema,
  InferInput,
  InferOutput,
  Issue,
  Schema,
  SchemaValidator,
  ValidationResult,
} from "./core/validate.js";
export { VERSION } from "./core/version.js";
