/**
 * The counterparts: small servers that speak the real wires, for tests, demos and local development. They are
 * for one machine and one process.
 */
export { MemoryBus } from "../cap/memory-bus.js";
export type { LocalUser } from "./aureus/console-users.js";
export type { AureusFault } from "./aureus/faults.js";
export type { TelemetryStore } from "./aureus/telemetry-store.js";
export type { ValidatorLogic } from "./aureus/validator-registry.js";
export type { FakeClockOptions } from "./fake-clock.js";
export { FakeClock } from "./fake-clock.js";
export type { LocalAureusOptions, LocalListenOptions, LocalTool } from "./local-aureus.js";
export { LocalAureus } from "./local-aureus.js";
export type { LocalSchedulerOptions, ScheduledJob, SchedulerEvents } from "./local-scheduler.js";
export { LocalScheduler } from "./local-scheduler.js";
