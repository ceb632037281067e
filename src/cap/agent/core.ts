/** What the parts of one agent share. */
import type { Clock } from "../../core/clock.js";
import type { IterableEmitter } from "../../core/iterable-emitter.js";
import type { Logger } from "../../core/logger.js";
import type { BlobStore } from "../blob-store.js";
import type { DurableBus } from "../durable.js";
import type { FinishedJobs } from "../finished-jobs.js";
import type { MetricsHook } from "../metrics.js";
import type { Party } from "../party.js";
import type { AgentCounts, AgentEvents, AgentOptions } from "./options.js";
import type { AgentTrust } from "./trust.js";

/** Made once, by the constructor of an agent. */
export interface AgentCore {
  readonly workerId: string;
  readonly options: AgentOptions;
  readonly concurrency: number;
  /** How long a read or a write may take. */
  readonly ioTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: AgentCounts;
  readonly events: IterableEmitter<AgentEvents>;
  readonly metrics: Required<MetricsHook>;
}

/** What a session has opened. */
export interface Connections {
  readonly party: Party;
  readonly store: BlobStore;
  readonly durable: DurableBus | undefined;
  readonly finished: FinishedJobs | undefined;
  /** Undefined when it is off. */
  readonly trust: AgentTrust | undefined;
}
