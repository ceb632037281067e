/** How an agent makes itself known: the handshake, and heartbeats. */
import {
  ComponentRole,
  PROTOCOL_VERSION,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
} from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { type Loop, startLoop } from "../../core/loop.js";
import { VERSION } from "../../core/version.js";
import { sanitizeAgentName } from "../agent-name.js";
import type { Party } from "../party.js";
import { processLoad } from "./load.js";
import type { AgentOptions, HeartbeatInit } from "./options.js";

/** From here on Cordum's scheduler takes a worker for overloaded. */
const BUSY_SHARE = 0.9;

/** What it needs of its agent. */
export interface PresenceParts {
  readonly party: Party;
  readonly options: AgentOptions;
  readonly topics: readonly string[];
  readonly maxParallel: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** What changes from one heartbeat to the next. */
  readonly current: () => HeartbeatInit;
  readonly onHeartbeat: (heartbeat: HeartbeatInit) => void;
  readonly onError: (error: unknown) => void;
}

/** Tells schedulers of a worker until it is stopped. */
export class Presence {
  readonly #parts: PresenceParts;
  readonly #load: NonNullable<AgentOptions["load"]>;
  #loop: Loop | undefined;
  #toldBusy = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#load = parts.options.load ?? processLoad();
  }

  /** Handshake and first heartbeat, then a heartbeat after every interval. Resolves when the handshake is out. */
  async start(): Promise<void> {
    const { options, clock, log, onError } = this.#parts;
    const { heartbeatIntervalMs = 0, pool } = options;
    if (!pool) {
      log.warn("no pool is set: a scheduler that knows pools never chooses this worker", {
        workerId: this.#parts.party.senderId,
      });
    }
    await this.#handshake();
    this.#loop = startLoop({
      name: "heartbeat",
      intervalMs: heartbeatIntervalMs > 0 ? heartbeatIntervalMs : 5_000,
      immediate: true,
      clock,
      logger: log,
      onError,
      run: () => this.#beat(),
    });
  }

  /** Makes itself known anew: the schedulers may not be the same as before. */
  async again(): Promise<void> {
    if (this.#loop?.active !== true) return;
    await this.#handshake();
    this.#loop.trigger();
  }

  /** A scheduler that was told of a worker without a free place gives it nothing until it is told otherwise. */
  freed(activeJobs: number): void {
    if (this.#toldBusy && !this.#isBusy(activeJobs)) this.#loop?.trigger();
  }

  #isBusy(activeJobs: number): boolean {
    return activeJobs / this.#parts.maxParallel >= BUSY_SHARE;
  }

  /** Resolves when no more heartbeat is sent. */
  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /** One that fails is only warned about: heartbeats matter more. */
  async #handshake(): Promise<void> {
    const { party, options, topics, log } = this.#parts;
    const capabilities = { ...options.capabilities, ...Object.fromEntries(topics.map((t) => [t, true])) };
    const value = {
      componentId: party.senderId,
      role: ComponentRole.WORKER,
      supportedVersions: [PROTOCOL_VERSION],
      capabilities,
      sdkVersion: `agentwire/${VERSION}`,
      readyTopics: [...topics].sort(),
      agentName: sanitizeAgentName(options.agentName ?? ""),
    };
    try {
      await party.send(SUBJECT_HANDSHAKE, { case: "handshake", value });
    } catch (error) {
      log.warn("handshake publish failed", { reason: errorText(error) });
    }
  }

  async #beat(): Promise<void> {
    const { party, options, topics, maxParallel, current, onHeartbeat } = this.#parts;
    const { cpuLoad = 0, memoryLoad = 0, gpuUtilization = 0 } = this.#load();
    const planned: HeartbeatInit = {
      workerId: party.senderId,
      pool: options.pool ?? "",
      region: options.region ?? "",
      type: options.type ?? "",
      maxParallelJobs: maxParallel,
      capabilities: [...topics].sort(),
      labels: { ...options.labels },
      cpuLoad,
      memoryLoad,
      gpuUtilization,
      authToken: options.heartbeatToken?.trim() ?? "",
      agentName: sanitizeAgentName(options.agentName ?? ""),
      ...current(),
    };
    const given = (await options.heartbeat?.(planned)) ?? planned;
    const value = { ...given, workerId: party.senderId };
    await party.send(SUBJECT_HEARTBEAT, { case: "heartbeat", value }, party.senderId);
    this.#toldBusy = this.#isBusy(value.activeJobs ?? 0);
    onHeartbeat(value);
  }
}
