/** What the parts of a worker work with, and how it is opened. */
import { workerSubject } from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";
import type { IterableEmitter } from "../../core/iterable-emitter.js";
import type { Logger } from "../../core/logger.js";
import type { Checker } from "../../core/validate.js";
import type { HandlerCall } from "../../worker/middleware.js";
import type { Resources } from "../../worker/resources.js";
import type { BlobStore } from "../blob-store.js";
import { assertSubject } from "../bus.js";
import type { PrivateKey } from "../crypto/key-ring.js";
import type { DurableBus } from "../durable.js";
import { Party } from "../party.js";
import { ProductionProfile } from "../production/profile.js";
import type { ResultCache } from "../result-cache.js";
import { refuseWorkerTrust, resolveWorkerTrust } from "../trust/config.js";
import { TrustSession } from "../trust/session.js";
import { ProgressReporter } from "./context.js";
import type { CoreOptions, JobContext, WorkerEvents, WorkerStats } from "./options.js";
import { handshakeOf } from "./presence.js";

/** Made once, by the constructor of a worker. */
export interface WorkerCore {
  /** "agent" or "worker", for messages. */
  readonly kind: string;
  readonly workerId: string;
  readonly options: CoreOptions;
  readonly concurrency: number;
  /** How long each stage of closing may take. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stats: WorkerStats;
  readonly events: IterableEmitter<WorkerEvents>;
  /** Runs a read or a write within `ioTimeoutMs`. */
  bounded<T>(what: string, work: () => T | PromiseLike<T>): Promise<T>;
}

/** A topic that is ready to serve. */
export interface ServedTopic {
  readonly retries: number;
  readonly backoffMs: (attempt: number) => number;
  readonly inputCheck?: Checker<unknown> | undefined;
  readonly outputCheck?: Checker<unknown> | undefined;
  /** The handler behind its middleware; it gets the context that its front promises. */
  handle(call: HandlerCall<JobContext>): Promise<unknown>;
}

/** What a worker serves. */
export interface Service {
  /** By subject, which is also the name of the queue group. */
  readonly topics: ReadonlyMap<string, ServedTopic>;
  /**
   * Schedulers know the worker: it makes itself known, heeds cancels, deadlines and limits, has a subject of its own, and
   * joins jobs with equal ids. The worker of `runWorker` does none of this.
   */
  readonly isScheduled: boolean;
}

/** What everything in a session of a worker works with. */
export interface Runtime extends WorkerCore, Service {
  readonly party: Party;
  /** Undefined for `runWorker` only. */
  readonly store: BlobStore | undefined;
  readonly durable: DurableBus | undefined;
  readonly cache: ResultCache | undefined;
  /** Undefined when it is off. */
  readonly trust: TrustSession | undefined;
  readonly progress: ProgressReporter;
  /** Fires when the worker can wait no longer. */
  readonly signal: AbortSignal;
}

/**
 * Connects, and opens what else the options say, with `resources`, which are the caller's to close.
 *
 * @throws ValidationError `TRUST_CONFIG`, or `INVALID_SUBJECT` for a worker id that has no subject; what opening throws.
 */
export async function openRuntime(
  core: WorkerCore & Service,
  resources: Resources,
  privateKey: PrivateKey | undefined,
  signal: AbortSignal,
): Promise<Runtime> {
  const { options, clock, log, workerId, isScheduled } = core;
  const { store: blobs, durable: streams, dedupe, mapOrder, production } = options;
  const trusted = isScheduled
    ? resolveWorkerTrust(options.workerTrust, workerId, options.env, options)
    : refuseWorkerTrust(options, log);
  if (isScheduled) assertSubject(workerSubject(workerId));
  const profile = production && new ProductionProfile(production, trusted, clock);
  const bus = await resources.open("the bus", options.bus, (opened) => opened.drain());
  const store = blobs && (await resources.open("the store", blobs, (opened) => opened.close()));
  const openStreams = typeof streams === "function" ? () => streams(bus) : () => streams!;
  const durable = streams && (await resources.open("the streams", openStreams, () => {}));
  const cache = dedupe && (await resources.open("the result cache", dedupe, (opened) => opened.close()));
  const capability = handshakeOf(core);
  const trust = trusted && new TrustSession({ bus, trust: trusted, capability, clock, log, mapOrder });
  const underTrust = trust && {
    publicKeys: options.publicKeys ?? trust.pins,
    sessionToken: trust.packetToken,
  };
  const party = new Party({ ...options, privateKey, ...underTrust, bus, senderId: workerId, profile });
  return { ...core, party, store, durable, cache, trust, progress: new ProgressReporter(), signal };
}
