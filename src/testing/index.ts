/**
 * Local servers that speak the real protocols, and helpers for tests. For tests, demos and development on
 * one machine: they keep everything in memory.
 */
export type { LocalBigBrainOptions, TaskSubmission } from "./big-brain/types.js";
export type { AgentPair } from "./cap/agent-pair.js";
export { memoryAgentPair } from "./cap/agent-pair.js";
export type { HandlerRun } from "./cap/run-handler.js";
export { runHandler } from "./cap/run-handler.js";
export { FakeClock } from "./fake-clock.js";
export type { Local4RunrOptions } from "./four-runr/options.js";
export { ToolFailure } from "./four-runr/tools.js";
export { FaultScript } from "./http/faults.js";
export { Local4Runr } from "./local-4runr.js";
export type { LocalAureusOptions, LocalTool } from "./local-aureus.js";
export { LocalAureus } from "./local-aureus.js";
export { LocalBigBrain } from "./local-big-brain.js";
export type { LocalSafetyKernelOptions } from "./local-safety-kernel.js";
export { LocalSafetyKernel } from "./local-safety-kernel.js";
export type { LocalSchedulerOptions } from "./local-scheduler.js";
export { LocalScheduler } from "./local-scheduler.js";
export type { LocalStack, LocalStackOptions } from "./local-stack.js";
export { localStack } from "./local-stack.js";
