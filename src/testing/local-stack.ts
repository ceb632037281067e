/** All four control planes in this process, wired to each other: what `agentwire dev` starts, for tests. */
import { Agent } from "../cap/agent/agent.js";
import type { AgentOptions } from "../cap/agent/options.js";
import { InMemoryBlobStore } from "../cap/blob-store.js";
import { type JobClient, openJobClient } from "../cap/job-client.js";
import { MemoryBus } from "../cap/memory-bus.js";
import type { Clock } from "../core/clock.js";
import type { Logger } from "../core/logger.js";
import type { LocalBigBrainOptions } from "./big-brain/types.js";
import type { Local4RunrOptions, RegisterOptions } from "./four-runr/options.js";
import { Local4Runr } from "./local-4runr.js";
import { LocalAureus, type LocalAureusOptions } from "./local-aureus.js";
import { LocalBigBrain } from "./local-big-brain.js";
import { LocalScheduler, type LocalSchedulerOptions } from "./local-scheduler.js";

/** Options of {@link localStack}. */
export interface LocalStackOptions {
  /** What the agent of `env` may do at the 4Runr gateway. Default: everything. */
  readonly policy?: RegisterOptions["spec"];
  /** How each server differs from its defaults. */
  readonly aureus?: LocalAureusOptions | undefined;
  readonly bigBrain?: LocalBigBrainOptions | undefined;
  readonly fourRunr?: Local4RunrOptions | undefined;
  readonly scheduler?: Omit<LocalSchedulerOptions, "bus"> | undefined;
  /** One clock for everything, such as a `FakeClock`. Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** See {@link localStack}. */
export interface LocalStack {
  readonly aureus: LocalAureus;
  readonly bigBrain: LocalBigBrain;
  readonly fourRunr: Local4Runr;
  readonly scheduler: LocalScheduler;
  readonly bus: MemoryBus;
  /** Where inputs and outputs of jobs are kept. */
  readonly store: InMemoryBlobStore;
  /** Submits jobs. */
  readonly client: JobClient;
  /** The variables that lead clients of BigBrain, Aureus and 4Runr here. */
  readonly env: Readonly<Record<string, string>>;
  /** An agent on the bus of the stack. Add handlers, then start it; the stack closes it. */
  agent(options?: Partial<Omit<AgentOptions, "bus">>): Agent;
  /** Closes everything, in reverse order. Repeated calls are fine. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts all local servers on free ports, or none: if one fails, those that run are closed. */
export async function localStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const { clock, logger } = options;
  const common = { clock, logger };
  const parts: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const close = async (): Promise<void> => {
    for (const part of parts.splice(0).reverse()) await part.close();
  };
  try {
    const bigBrain = keep(await LocalBigBrain.start({ ...common, ...options.bigBrain }));
    const aureus = keep(await LocalAureus.start({ ...common, ...options.aureus }));
    const fourRunr = keep(await Local4Runr.start({ ...common, ...options.fourRunr }));
    const bus = new MemoryBus();
    const store = new InMemoryBlobStore();
    const scheduler = keep(
      await LocalScheduler.start({ ...common, ...options.scheduler, bus: bus.connect() }),
    );
    const senderId = "local-client";
    const client = keep(await openJobClient({ ...common, bus: bus.connect(), store, senderId }));
    const { env } = await fourRunr.register({ name: "local-agent", spec: options.policy });
    let agents = 0;
    return {
      ...{ aureus, bigBrain, fourRunr, scheduler, bus, store, client, close },
      env: { ...bigBrain.env, ...aureus.env, ...env },
      agent: (own = {}) => {
        const workerId = `local-agent-${++agents}`;
        const defaults = { ...common, store, workerId, pool: "local", load: () => ({}), goodbyeMs: 0 };
        return keep(new Agent({ ...defaults, ...own, bus: bus.connect() }));
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
