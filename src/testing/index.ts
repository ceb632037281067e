/**
 * The counterparts: small servers that speak the real wires, for tests, demos and local development. They are
 * for one machine and one process.
 */
export { MemoryBus } from "../cap/memory-bus.js";
export type { LocalUser } from "./aureus/console/users.js";
export type { TelemetryStore } from "./aureus/telemetry-store.js";
export type { LocalValidator } from "./aureus/validator-registry.js";
export type { BigBrainFault, BigBrainFaultPoint } from "./big-brain/faults.js";
export type {
  BigBrainEvents,
  LeaseAnswer,
  LeaseRecord,
  LocalBigBrainOptions,
  RefusedRequest,
  Registration,
  TaskOutcome,
  TaskRetry,
  TaskSpec,
} from "./big-brain/types.js";
export type {
  DependencyCondition,
  TaskTaker,
  WorkflowDefinition,
  WorkflowResult,
  WorkflowTask,
  WorkflowTaskResult,
} from "./big-brain/workflow.js";
export { runWorkflow } from "./big-brain/workflow.js";
export type { AgentPair, AgentPairOptions } from "./cap/agent-pair.js";
export { memoryAgentPair } from "./cap/agent-pair.js";
export type { HandlerRun, RunHandlerOptions } from "./cap/run-handler.js";
export { runHandler } from "./cap/run-handler.js";
export type { FakeClockOptions } from "./fake-clock.js";
export { FakeClock } from "./fake-clock.js";
export type { IdKind, IdSource } from "./four-runr/ids.js";
export type {
  FourRunrFault,
  Local4RunrEvents,
  Local4RunrOptions,
  LocalAgent,
  RegisterOptions,
} from "./four-runr/options.js";
export type { ToolAction, ToolParams, Tools } from "./four-runr/tools.js";
export { ToolFailure } from "./four-runr/tools.js";
export type { Pieces } from "./http/answer.js";
export type { Fault, FaultKind, FaultTiming } from "./http/faults.js";
export { FaultScript } from "./http/faults.js";
export type { LocalServerOptions, ReceivedRequest } from "./http/local-server.js";
export type { Observation } from "./http/observe.js";
export { Local4Runr } from "./local-4runr.js";
export type { AureusFault, LocalAureusOptions, LocalTool } from "./local-aureus.js";
export { LocalAureus } from "./local-aureus.js";
export type { BigBrainStats } from "./local-big-brain.js";
export { LocalBigBrain } from "./local-big-brain.js";
export type {
  EnrolledWorker,
  LocalSchedulerOptions,
  ScheduledJob,
  SchedulerEvents,
  TrustFault,
  TrustIssuerOptions,
} from "./local-scheduler.js";
export { LocalScheduler } from "./local-scheduler.js";
export type { JobState } from "./scheduler/job-state.js";
export type { Pool, PoolTable } from "./scheduler/pools.js";
export type { SafetyAnswer, SafetyHook } from "./scheduler/safety.js";
