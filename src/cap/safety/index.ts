/** CAP's safety kernel and policy evaluator, over Connect or gRPC. */
export type { CircuitOptions, CircuitState } from "./circuit.js";
export { Circuit } from "./circuit.js";
export type {
  PolicyCallOptions,
  PolicyCheckInit,
  PolicyEvaluateInit,
  SafetyClientOptions,
} from "./client.js";
export { createSafetyClient, SafetyClient } from "./client.js";
export { policyCheckRequest } from "./request.js";
export type { KernelTls } from "./transport.js";
export type { PolicyVerdict } from "./verdict.js";
export { assertAllowed } from "./verdict.js";
