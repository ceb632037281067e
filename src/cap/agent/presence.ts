/** How an agent makes itself known: the handshake, and heartbeats, which say how busy its machine is. */
import { create } from "@bufbuild/protobuf";
import {
  ComponentRole,
  type Handshake,
  HandshakeSchema,
  PROTOCOL_VERSION,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
} from "../../../gen/cap/index.js";
import { builtinModule } from "../../core/builtin.js";
import { sleep } from "../../core/clock.js";
import { type Loop, startLoop } from "../../core/loop.js";
import { VERSION } from "../../core/version.js";
import { warned } from "../../core/warned.js";
import { sanitizeAgentName } from "../payloads.js";
import type { CoreOptions, HeartbeatInit } from "./options.js";
import type { Runtime, Service, WorkerCore } from "./runtime.js";

/** From here on Cordum's scheduler takes a worker for overloaded. */
const BUSY_SHARE = 0.9;

/** What a worker says of itself. */
export function handshakeOf({ options, workerId, topics: served }: WorkerCore & Service): Handshake {
  const topics = [...served.keys()].sort();
  const { workerTrust, capabilities, agentName = "" } = options;
  const sdkVersion = workerTrust && "sdkVersion" in workerTrust ? workerTrust.sdkVersion : undefined;
  return create(HandshakeSchema, {
    componentId: workerId,
    role: ComponentRole.WORKER,
    supportedVersions: [PROTOCOL_VERSION],
    capabilities: { ...capabilities, ...Object.fromEntries(topics.map((topic) => [topic, true])) },
    sdkVersion: sdkVersion ?? `agentwire/${VERSION}`,
    readyTopics: topics,
    agentName: sanitizeAgentName(agentName),
  });
}

/** Tells schedulers of a worker until it is stopped. */
export class Presence {
  readonly #runtime: Runtime;
  readonly #current: () => HeartbeatInit;
  readonly #load: NonNullable<CoreOptions["load"]>;
  #loop: Loop | undefined;
  #toldBusy = false;
  #isStopped = false;

  /** `current` returns what changes from one heartbeat to the next. */
  constructor(runtime: Runtime, current: () => HeartbeatInit) {
    this.#runtime = runtime;
    this.#current = current;
    this.#load = runtime.options.load ?? processLoad();
  }

  /** Handshake and first heartbeat, then a heartbeat after every interval. Resolves when the handshake is out. */
  async start(): Promise<void> {
    const { options, clock, log, events, workerId } = this.#runtime;
    const { heartbeatIntervalMs = 0, pool } = options;
    if (!pool)
      log.warn("no pool is set: a scheduler that knows pools never chooses this worker", { workerId });
    this.#isStopped = false;
    await this.#handshake();
    if (this.#isStopped) return;
    this.#loop = startLoop({
      name: "heartbeat",
      intervalMs: heartbeatIntervalMs > 0 ? heartbeatIntervalMs : 5_000,
      immediate: true,
      clock,
      logger: log,
      onError: (error) => events.emit("error", error),
      run: () => this.#beat(),
    });
  }

  /** Makes itself known again: the schedulers may not be the same as before. */
  async again(): Promise<void> {
    if (this.#loop?.active !== true) return;
    await this.#handshake();
    this.#loop.trigger();
  }

  /** Handshake and heartbeats again, after {@link Presence.stop}. */
  async resume(): Promise<void> {
    if (this.#loop?.active === true) return this.again();
    await this.start();
  }

  /** A scheduler that was notified of a worker without a free slot gives it nothing until it is notified otherwise. */
  freed(): void {
    const { activeJobs = 0 } = this.#current();
    if (this.#toldBusy && !this.#isBusy(activeJobs)) this.beatNow();
  }

  /** Sends a heartbeat at once. */
  beatNow(): void {
    this.#loop?.trigger();
  }

  #isBusy(activeJobs: number): boolean {
    return activeJobs / this.#runtime.concurrency >= BUSY_SHARE;
  }

  /**
   * Tells schedulers that this worker takes nothing any more, and waits for the jobs that they sent before they heard.
   * A scheduler gives a worker jobs for up to 30 s after its last heartbeat, unless that one offers nothing.
   */
  async goodbye(): Promise<void> {
    const { clock, options, concurrency, log, party, bounded } = this.#runtime;
    const { goodbyeMs = 500, pool } = options;
    if (this.#loop?.active !== true) return;
    await this.#loop.stop();
    if (!pool || party.bus.status() !== "connected") return;
    const nothing = { pool: "", activeJobs: concurrency, maxParallelJobs: concurrency };
    const text = "the last heartbeat could not be sent: schedulers may still choose this worker";
    const isSent = await warned(log, text, () => bounded("saying goodbye", () => this.#beat(nothing)));
    if (isSent && goodbyeMs > 0) await sleep(goodbyeMs, { clock });
  }

  /** Resolves when no more heartbeat is sent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop?.stop();
  }

  /** One that fails is only warned about: heartbeats matter more. */
  async #handshake(): Promise<void> {
    const { log, party } = this.#runtime;
    const value = handshakeOf(this.#runtime);
    const send = () => party.send(SUBJECT_HANDSHAKE, { case: "handshake", value });
    await warned(log, "handshake publish failed", send);
  }

  /** `last` overrides what the heartbeat would say. */
  async #beat(last: HeartbeatInit = {}): Promise<void> {
    const { options, concurrency, workerId, events, party, topics } = this.#runtime;
    const { cpuLoad = 0, memoryLoad = 0, gpuUtilization = 0 } = this.#load();
    const planned: HeartbeatInit = {
      workerId,
      pool: options.pool ?? "",
      region: options.region ?? "",
      type: options.type ?? "",
      maxParallelJobs: concurrency,
      capabilities: [...topics.keys()].sort(),
      labels: { ...options.labels },
      cpuLoad,
      memoryLoad,
      gpuUtilization,
      agentName: sanitizeAgentName(options.agentName ?? ""),
      ...this.#current(),
    };
    const given = (await options.heartbeat?.(planned)) ?? planned;
    const shown = { ...given, ...last, workerId };
    const value = { ...shown, authToken: given.authToken || options.heartbeatToken?.trim() || "" };
    await party.send(SUBJECT_HEARTBEAT, { case: "heartbeat", value }, workerId);
    this.#toldBusy = this.#isBusy(value.activeJobs ?? 0);
    events.emit("heartbeat", shown);
  }
}

/** Loads in percent, 0 to 100. A scheduler gives no jobs to a worker whose CPU or GPU is at 90. */
export interface LoadSample {
  readonly cpuLoad?: number | undefined;
  readonly memoryLoad?: number | undefined;
  readonly gpuUtilization?: number | undefined;
}

/**
 * Measures this process: CPU time since the last sample as a share of all cores, and resident memory as a
 * share of what the process may have. Gives 0 where the platform does not tell.
 */
export function processLoad(): () => LoadSample {
  const host = (globalThis as { readonly process?: Partial<NodeJS.Process> }).process;
  const os = builtinModule<typeof import("node:os")>("node:os");
  if (host?.cpuUsage === undefined || host.memoryUsage === undefined || os === undefined) return () => ({});
  const used = (): number => {
    const { user, system } = host.cpuUsage!();
    return (user + system) / 1000;
  };
  let last = { at: performance.now(), usedMs: used() };
  let cpuLoad = 0;
  return () => {
    const now = { at: performance.now(), usedMs: used() };
    const availableMs = (now.at - last.at) * os.availableParallelism();
    if (availableMs > 0) cpuLoad = percent((now.usedMs - last.usedMs) / availableMs);
    last = now;
    const limit = host.constrainedMemory?.() ?? 0;
    const memory = limit > 0 && limit < os.totalmem() ? limit : os.totalmem();
    return { cpuLoad, memoryLoad: percent(host.memoryUsage!.rss() / memory) };
  };
}

function percent(share: number): number {
  return Math.min(100, Math.max(0, Math.round(share * 1000) / 10));
}
