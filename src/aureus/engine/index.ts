/**
 * The gates of Aureus in this process: CRV validation, GoalGuard and the workflow rules with the semantics of the
 * real engine, without a server and without I/O.
 */
export type { ConsistencyRule, TemporalOptions } from "./consistency-validators.js";
export { crossFieldConsistency, temporalMonotonic } from "./consistency-validators.js";
export { executionResult } from "./execution-result.js";
export type { CrvGateConfig } from "./gate.js";
export { CrvGate, validateChain } from "./gate.js";
export type { GoalGuardOptions } from "./goal-guard.js";
export { approvalTokenTtlMs, GoalGuard } from "./goal-guard.js";
export type { LintFinding, LintRule } from "./lint.js";
export { lintWorkflow } from "./lint.js";
export { covers, mayDo } from "./permissions.js";
export type { RecoveryExecutor, RecoveryOutcome } from "./recovery.js";
export { recover } from "./recovery.js";
export { attemptWaitMs, maxAttempts } from "./retry-waits.js";
export type { StatisticalBounds } from "./statistics-validators.js";
export { anomalyDetection, statisticalBounds } from "./statistics-validators.js";
export type {
  CompensationExecutor,
  EngineParts,
  EventDraft,
  RunScope,
  TaskContext,
  TaskExecutor,
} from "./task-context.js";
export type { FailureCode, Validator } from "./validation.js";
export { fail, pass, remediationHints } from "./validation.js";
export type { TypeofName } from "./validators.js";
export { custom, maxSize, monotonic, notNull, schema } from "./validators.js";
export type { EngineEvents, RunOptions, WorkflowEngineOptions } from "./workflow-engine.js";
export { WorkflowEngine } from "./workflow-engine.js";
export { executionOrder } from "./workflow-order.js";
export type { EngineEvent, TaskRun, TaskRunStatus, WorkflowRun } from "./workflow-state.js";
