/** Generates clients and types from OpenAPI documents and protos, and checks them. */

export { type CheckResult, checkSpecs } from "./check/check.js";
export { type Config, defineConfig, type OpenApiSpec, type ProtoSpec, type ToolsSpec } from "./config.js";
export { type Finding, SpecError } from "./finding.js";
export type { Drift } from "./output.js";
export { type Generation, type GenOptions, generate } from "./run.js";
