/**
 * The gates of Aureus, in process: CRV validation, GoalGuard and workflow execution with the semantics of the
 * real engine, without a server and without I/O.
 */

export { crossFieldConsistency, temporalMonotonic } from "./consistency-validators.js";
export type { CrvGateConfig } from "./gate.js";
export { CrvGate, validateChain } from "./gate.js";
export type { GoalGuardOptions } from "./goal-guard.js";
export { GoalGuard } from "./goal-guard.js";
export type { LintFinding } from "./lint.js";
export { lintWorkflow } from "./lint.js";
export { covers } from "./permissions.js";
export { recover } from "./recovery.js";
export { maxAttempts } from "./retry-waits.js";
export { anomalyDetection, statisticalBounds } from "./statistics-validators.js";
export type { TaskExecutor } from "./task-context.js";
export type { Validator } from "./validation.js";
export { fail, pass } from "./validation.js";
export { custom, maxSize, monotonic, notNull, schema } from "./validators.js";
export type { WorkflowEngineOptions } from "./workflow-engine.js";
export { WorkflowEngine } from "./workflow-engine.js";
