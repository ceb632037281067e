/** An agent and its client in one process, with a scheduler between them. */
import { Agent } from "../../cap/agent/agent.js";
import type { AgentOptions } from "../../cap/agent/options.js";
import { InMemoryBlobStore } from "../../cap/blob-store.js";
import { type JobClient, openJobClient } from "../../cap/job-client.js";
import type { WaitOptions } from "../../cap/job-client-options.js";
import type { JobSubmission } from "../../cap/jobs/submission.js";
import { MemoryBus } from "../../cap/memory-bus.js";
import type { JobOutcome } from "../../cap/outcome.js";
import type { Clock } from "../../core/clock.js";
import type { Logger } from "../../core/logger.js";
import { LocalScheduler, type LocalSchedulerOptions } from "../local-scheduler.js";

/** Options of {@link memoryAgentPair}. */
export interface AgentPairOptions {
  /** How the agent differs from the defaults. */
  readonly agent?: Partial<Omit<AgentOptions, "bus">> | undefined;
  /** How the scheduler differs from the defaults, such as `pools` or `safety`. */
  readonly scheduler?: Partial<Omit<LocalSchedulerOptions, "bus">> | undefined;
  /** One clock for everything, such as a `FakeClock`. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** See {@link memoryAgentPair}. */
export interface AgentPair {
  /** Give it handlers before {@link AgentPair.start}. */
  readonly agent: Agent;
  /** Only after the start. */
  readonly scheduler: LocalScheduler;
  readonly bus: MemoryBus;
  readonly store: InMemoryBlobStore;
  /** The client; only after the start. */
  readonly client: JobClient;
  /** Starts scheduler, agent and client. */
  start(): Promise<void>;
  /**
   * Keeps an input, submits a job and waits for its end.
   *
   * @throws What `JobClient.submitAndWait` throws for a job that does not succeed.
   */
  submit(topic: string, input: unknown, request?: JobSubmission, options?: WaitOptions): Promise<JobOutcome>;
  /** Ends all three. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An agent and a client over a bus and a store in memory, with a `LocalScheduler` between them. */
export function memoryAgentPair(options: AgentPairOptions = {}): AgentPair {
  const { clock, logger } = options;
  const bus = new MemoryBus();
  const store = new InMemoryBlobStore();
  const common = { clock, logger };
  const agent = new Agent({
    ...common,
    store,
    workerId: "test-worker",
    pool: "test",
    load: () => ({}),
    goodbyeMs: 0,
    ...options.agent,
    bus: bus.connect(),
  });
  let [scheduler, client]: [LocalScheduler?, JobClient?] = [];
  const started = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error("the pair is not started: call start() first");
    return part;
  };
  const close = async (): Promise<void> => {
    await client?.close();
    await agent.close();
    await scheduler?.close();
  };
  return {
    agent,
    bus,
    store,
    get scheduler() {
      return started(scheduler);
    },
    get client() {
      return started(client);
    },
    async start() {
      scheduler = await LocalScheduler.start({ ...common, ...options.scheduler, bus: bus.connect() });
      await agent.start();
      client = await openJobClient({ ...common, bus: bus.connect(), store, senderId: "test-client" });
    },
    submit: (topic, input, request = {}, wait = {}) =>
      started(client).submitAndWait({ ...request, topic, input }, wait),
    close,
    [Symbol.asyncDispose]: close,
  };
}
