/**
 * The counterparts: small servers that speak the real wires, for tests, demos and local development. They are
 * for one machine and one process.
 */
export { MemoryBus } from "../cap/memory-bus.js";
export type { FakeClockOptions } from "./fake-clock.js";
export { FakeClock } from "./fake-clock.js";
export type { GatewayFaultKind, ScriptedFault } from "./four-runr/faults.js";
export type { IdKind, IdSource } from "./four-runr/ids.js";
export type {
  Local4RunrEvents,
  Local4RunrOptions,
  LocalAgent,
  RegisterOptions,
} from "./four-runr/options.js";
export type { ToolAction, ToolParams, Tools } from "./four-runr/tools.js";
export { ToolFailure } from "./four-runr/tools.js";
export { Local4Runr } from "./local-4runr.js";
export type { LocalSchedulerOptions, ScheduledJob, SchedulerEvents } from "./local-scheduler.js";
export { LocalScheduler } from "./local-scheduler.js";
