/** CAP's safety kernel and policy evaluator, over Connect or gRPC. */

export type { SafetyClientOptions } from "./client.js";
export { SafetyClient } from "./client.js";
export type { PolicyVerdict } from "./verdict.js";
export { assertAllowed } from "./verdict.js";
