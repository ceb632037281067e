/**
 * The counterparts: small servers that speak the real wires, for tests, demos and local development. They are
 * for one machine and one process.
 */
export { MemoryBus } from "../cap/memory-bus.js";
export type { FakeClockOptions } from "./fake-clock.js";
export { FakeClock } from "./fake-clock.js";
export type { LocalSchedulerOptions, ScheduledJob, SchedulerEvents } from "./local-scheduler.js";
export { LocalScheduler } from "./local-scheduler.js";
export type { JobState } from "./scheduler/job-state.js";
export type { Pool, PoolTable } from "./scheduler/pools.js";
export type { SafetyAnswer, SafetyHook } from "./scheduler/safety.js";
