/** One life of a worker on a bus: what it opens, subscribes to, and takes down again. */
import type { BusPacket } from "../../../gen/cap/index.js";
import { STREAM_MAX_AGE_MS, SUBJECT_CANCEL, workerSubject } from "../../../gen/cap/index.js";
import { type AgentwireError, ClosedError, errorText, ValidationError } from "../../core/errors.js";
import { type Loop, startLoop } from "../../core/loop.js";
import { Resources } from "../../worker/resources.js";
import { assertSubject, type BusMessage, type SubscribeOptions, type Subscription } from "../bus.js";
import type { PrivateKey } from "../crypto/key-ring.js";
import type { Delivery, DurableMessage } from "../durable.js";
import { isLostResult } from "../errors.js";
import { logField } from "../failures.js";
import { type PacketListener, Party } from "../party.js";
import { ProductionProfile } from "../production/profile.js";
import { resolveWorkerTrust } from "../trust/config.js";
import { WorkerTrustError } from "../trust/error.js";
import { Jobs, MAX_DELIVER } from "./jobs.js";
import type { Connections, WorkerCore } from "./options.js";
import { handshakeOf, Presence } from "./presence.js";
import { ProgressReporter } from "./progress.js";
import { Results } from "./results.js";
import { JobRunner } from "./run-job.js";
import type { ServedTopic } from "./topics.js";
import { AgentTrust } from "./trust.js";

/** How much earlier a connection may have broken than it was noticed. */
const NOTICED_LATE_MS = 120_000;
/** Deliveries in which a worker can still answer for a job that came too often. */
const SPARE_DELIVERIES = 10;
/** How long a job of a stream stays away that could not be taken yet. */
const TURNED_AWAY_MS = 1_000;
/** How long jobs that were aborted may take to be answered. */
const ABORT_MS = 1_000;

/** Runs a stage of closing within its time; false if it failed or was late. */
export type RunStage = (name: string, work: () => unknown, timeoutMs?: number) => Promise<boolean>;

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

/** What a session needs of its worker. */
export interface SessionHost {
  readonly privateKey: PrivateKey | undefined;
  readonly isClosing: () => boolean;
  readonly busClosed: (cause: unknown) => void;
}

/** A session of a worker. */
export class Session {
  readonly jobs: Jobs;
  readonly party: Party;
  readonly #core: WorkerCore;
  readonly #service: Service;
  readonly #connections: Connections;
  readonly #resources: Resources;
  readonly #presence: Presence | undefined;
  readonly #abort = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  readonly #ends: (() => void)[] = [];
  readonly #cancels: PacketListener = {
    onPacket: (packet) => {
      if (packet.payload.case === "jobCancel") this.jobs.cancel(packet, packet.payload.value);
    },
  };
  #ticks: Loop | undefined;
  #closed = false;

  private constructor(core: WorkerCore, service: Service, connections: Connections, resources: Resources) {
    this.#core = core;
    this.#service = service;
    this.#connections = connections;
    this.#resources = resources;
    this.party = connections.party;
    const { topics, isScheduled } = service;
    const progress = new ProgressReporter(this.party);
    const results = new Results(core, connections, this.#abort.signal);
    const runner = new JobRunner(core, connections, progress);
    this.jobs = new Jobs(core, connections, results, runner, isScheduled, () => this.#presence?.freed());
    if (!isScheduled) return;
    this.#presence = new Presence(core, this.party, [...topics.keys()], () => ({
      activeJobs: this.jobs.active,
      ...progress.latest,
      // Jobs sent to a worker that cannot hear them are lost: it offers nothing.
      ...(this.#isDeaf && { pool: "", activeJobs: core.concurrency }),
    }));
  }

  /**
   * Connects, subscribes and tells schedulers. What was opened is closed again when something fails.
   *
   * @throws ValidationError `TRUST_CONFIG`; WorkerTrustError; what `BusWorker.start` says.
   */
  static async start(core: WorkerCore, service: Service, host: SessionHost): Promise<Session> {
    const { options, clock, log, kind, workerId, ioTimeoutMs } = core;
    const { topics, isScheduled } = service;
    if (!isScheduled && options.workerTrust !== undefined)
      throw new ValidationError(
        "only an Agent takes part in worker trust: remove `workerTrust`, or use Agent",
        {
          code: "TRUST_CONFIG",
        },
      );
    const trusted = isScheduled
      ? resolveWorkerTrust(options.workerTrust, workerId, options.env, options)
      : undefined;
    const profile = options.production && new ProductionProfile(options.production, trusted, clock);
    if (isScheduled) assertSubject(workerSubject(workerId));
    const resources = new Resources(clock, log, ioTimeoutMs);
    let session: Session | undefined;
    try {
      const { store: blobs, durable: streams, finished: dedupe } = options;
      const bus = await resources.open("the bus", options.bus, (opened) => opened.drain());
      const store = blobs && (await resources.open("the store", blobs, (opened) => opened.close()));
      const openStreams = typeof streams === "function" ? () => streams(bus) : () => streams!;
      const durable = streams && (await resources.open("the streams", openStreams, () => {}));
      const finished =
        dedupe && (await resources.open("the finished jobs", dedupe, (opened) => opened.close()));
      const capability = handshakeOf(core, [...topics.keys()]);
      const trust = trusted && new AgentTrust(core, trusted, bus, capability);
      const underTrust = trust && { publicKeys: options.publicKeys ?? trust.pins, sessionToken: trust.token };
      const { privateKey } = host;
      const party = new Party({ ...options, privateKey, ...underTrust, bus, senderId: workerId, profile });
      session = new Session(core, service, { party, store, durable, finished, trust }, resources);
      if (host.isClosing()) throw new ClosedError(`the ${kind} was closed while it started`);
      await session.#open(host.busClosed);
      return session;
    } catch (error) {
      session?.abandon();
      await resources.close();
      throw error;
    }
  }

  /** Subscribes, cancels first, and tells schedulers. */
  async #open(busClosed: (cause: unknown) => void): Promise<void> {
    const { log, clock } = this.#core;
    const { party } = this;
    const { durable, trust } = this.#connections;
    let lostAtMs: number | undefined;
    this.#ends.push(
      party.bus.onStatus((status, error) => {
        if (status === "closed") busClosed(error);
        else if (status === "reconnecting") {
          lostAtMs ??= clock.now();
          trust?.shut();
        } else if (status !== "connected") return;
        else if (error !== undefined) this.#onBusError(error);
        else if (lostAtMs === undefined) this.#presence?.freed();
        else {
          const sinceMs = lostAtMs;
          lostAtMs = undefined;
          void this.#readCancels(sinceMs - NOTICED_LATE_MS);
          void (trust === undefined ? this.#presence?.again() : this.#trustAgain(trust));
        }
      }),
    );
    await trust?.open();
    if (this.#service.isScheduled) {
      const cancels = await party.receive(SUBJECT_CANCEL, this.#cancels);
      this.#ends.push(() => cancels.unsubscribe());
      await this.#readCancels(clock.now() - STREAM_MAX_AGE_MS);
    }
    await this.#subscribeAll();
    if (durable !== undefined) {
      this.#ticks = startLoop({
        name: "ticks to the stream",
        intervalMs: Math.max(1, durable.ackWaitMs / 3),
        run: () => this.jobs.tick(),
        unref: true,
        clock,
        logger: log,
      });
    }
    await this.#presence?.start();
    if (trust?.admits === false)
      throw new WorkerTrustError("the connection was lost during the start", { code: "TRUST_UNAVAILABLE" });
    trust?.keepAlive((error) => void this.#loseTrust(error));
  }

  async #subscribeAll(): Promise<void> {
    const { topics, isScheduled } = this.#service;
    for (const [subject, served] of topics) await this.#subscribe(subject, subject, () => served);
    if (!isScheduled) return;
    await this.#subscribe(workerSubject(this.#core.workerId), undefined, (topic) => topics.get(topic));
  }

  /** After a reconnect: jobs are taken again once the session is renewed. Never rejects. */
  async #trustAgain(trust: AgentTrust): Promise<void> {
    try {
      if (trust.isEnforced) await this.#unsubscribeAll();
      await trust.open();
      if (this.#closed) return;
      if (this.#subscriptions.length === 0) await this.#subscribeAll();
      await this.#presence?.resume();
      trust.keepAlive((error) => void this.#loseTrust(error));
    } catch (error) {
      if (!this.#closed) await this.#loseTrust(error);
    }
  }

  /** No more jobs, and no heartbeat that would bring some, until the connection is made again. Never rejects. */
  async #loseTrust(error: unknown): Promise<void> {
    const { log, events, workerId } = this.#core;
    this.#connections.trust?.shut();
    log.error("worker trust is lost: this worker takes no more jobs", { workerId, reason: errorText(error) });
    events.emit("error", error);
    void this.#presence?.stop();
    await this.#unsubscribeAll();
  }

  async #unsubscribeAll(): Promise<void> {
    const drained = await Promise.allSettled(this.#subscriptions.splice(0).map((one) => one.drain()));
    for (const one of drained)
      if (one.status === "rejected")
        this.#core.log.warn("a subscription is not drained", { reason: errorText(one.reason) });
  }

  /** The bus lost a result, or a subscription that it tries to make again. */
  #onBusError(error: AgentwireError): void {
    const { counts, events } = this.#core;
    if (isLostResult(error)) counts.unpublished++;
    events.emit("error", error);
    if (this.#isDeaf) this.#presence?.beatNow();
  }

  /** True while jobs can arrive. */
  get isServing(): boolean {
    return this.party.bus.status() === "connected" && this.#subscriptions.length > 0 && !this.#isDeaf;
  }

  /** True while a subscription is lost on a bus that is connected. */
  get #isDeaf(): boolean {
    return this.#subscriptions.some(({ lost }) => lost !== undefined);
  }

  /** Takes the cancels that a stream has kept, so that no job runs that was cancelled meanwhile. Never rejects. */
  async #readCancels(sinceMs: number): Promise<void> {
    const { durable } = this.#connections;
    if (durable === undefined) return;
    try {
      await this.party.replay(durable, SUBJECT_CANCEL, { since: new Date(sinceMs) }, this.#cancels);
    } catch (error) {
      this.#core.log.warn("cancels that a stream has kept are not read", { reason: errorText(error) });
    }
  }

  /** Goes through the stages of the end. */
  async close(stage: RunStage): Promise<void> {
    this.#closed = true;
    const presence = this.#presence;
    if (presence !== undefined) await stage("saying goodbye", () => presence.goodbye());
    this.jobs.stopIntake();
    const subscriptions = this.#subscriptions.splice(0);
    await stage("draining subscriptions", () => Promise.all(subscriptions.map((one) => one.drain())));
    if (!(await stage("waiting for jobs", () => this.jobs.idle()))) {
      this.#abort.abort(new ClosedError(`the ${this.#core.kind} is closed`));
      this.jobs.abort();
      await stage("aborting jobs", () => this.jobs.idle(), ABORT_MS);
    }
    this.abandon();
    await this.#resources.close(this.#core.graceMs);
  }

  /** Takes down at once what needs no word with the bus. */
  abandon(): void {
    this.#closed = true;
    for (const end of this.#ends.splice(0)) end();
    for (const one of this.#subscriptions.splice(0)) one.unsubscribe();
    this.jobs.close();
    void this.#presence?.stop();
    void this.#ticks?.stop();
    this.#connections.trust?.close();
  }

  async #subscribe(
    subject: string,
    queue: string | undefined,
    find: (topic: string) => ServedTopic | undefined,
  ): Promise<void> {
    const { counts, events, concurrency: maxInFlight } = this.#core;
    const { durable, trust } = this.#connections;
    const { maxDeliver = MAX_DELIVER } = this.#core.options;
    // This worker answers for a job that comes too often. A job that ends the process before that must end, too.
    const lastResort = maxDeliver > 0 ? maxDeliver + SPARE_DELIVERIES : undefined;
    const source = durable && {
      // No more than can run, so that other workers get the rest.
      subscribe: (name: string, onMessage: (message: DurableMessage) => void, options?: SubscribeOptions) =>
        durable.subscribe(name, onMessage, { ...options, maxInFlight, maxDeliver: lastResort }),
    };
    const subscription = await this.party.receive(
      subject,
      {
        onPacket: (packet, message) => {
          counts.received++;
          if (trust?.admits === false) return this.#turnAway(message);
          this.#take(packet, message, find);
        },
        onRefused: (error, message) => {
          counts.received++;
          counts.refused++;
          if (error.retryable) deliveryOf(message)?.giveBack(TURNED_AWAY_MS);
          else deliveryOf(message)?.drop(errorText(error));
          events.emit("refused", error);
        },
      },
      { queue, source, keys: trust?.pins },
    );
    this.#subscriptions.push(subscription);
  }

  /** A job that came while there is no session. A stream delivers it again; without one the scheduler finds out. */
  #turnAway(message: BusMessage): void {
    const { counts, log } = this.#core;
    counts.refused++;
    log.warn("a job came without a live session; not taken", { subject: message.subject });
    deliveryOf(message)?.giveBack(TURNED_AWAY_MS);
  }

  #take(packet: BusPacket, message: BusMessage, find: (topic: string) => ServedTopic | undefined): void {
    const { log, events } = this.#core;
    const delivery = deliveryOf(message);
    const { payload } = packet;
    if (payload.case !== "jobRequest") return delivery?.drop("not a job request"); // not for a worker
    const request = payload.value;
    const { jobId, topic } = request;
    const served = find(topic);
    if (served === undefined) {
      const fields = { topic: logField(topic), jobId: logField(jobId) };
      log.warn("no handler for the topic of a job on the direct subject", fields);
      return delivery?.drop("no handler for the topic");
    }
    events.emit("job", { jobId, topic });
    this.jobs.accept(packet, request, served, delivery);
  }
}

function deliveryOf(message: BusMessage): Delivery | undefined {
  return (message as Partial<DurableMessage>).delivery;
}
