/** What all protocols share: errors, schemas, retries, health. Import each protocol by its subpath, such as `agentwire/cap`. */

export { ajvValidator } from "./core/ajv-validator.js";
export type { Clock } from "./core/clock.js";
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
export { type Health, health } from "./core/health.js";
export {
  type CompiledSchema,
  type JsonSchema,
  jsonSchema,
  type SchemaValidator,
  type TypedJsonSchema,
} from "./core/json-schema.js";
export type { Logger, LogLevel } from "./core/logger.js";
export type { Middleware, Next } from "./core/middleware.js";
export { retry } from "./core/retry.js";
export { backoffMs, type RetryOptions } from "./core/retry-policy.js";
export { Secret } from "./core/secret.js";
export type { StandardSchemaV1 } from "./core/standard-schema.js";
export type { InferInput, InferOutput, Schema } from "./core/validate.js";
export { VERSION } from "./core/version.js";
