/** Generates clients and types from OpenAPI documents and protos, and checks them. */

export { checkSpecs } from "./check/check.js";
export { type Config, defineConfig } from "./config.js";
export { SpecError } from "./finding.js";
export { type Generation, generate } from "./run.js";
