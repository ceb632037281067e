/** One life of a worker on a bus: what it opens, subscribes to, and takes down again. */
import { STREAM_MAX_AGE_MS, SUBJECT_CANCEL } from "../../../gen/cap/index.js";
import { type AgentwireError, ClosedError } from "../../core/errors.js";
import { startLoop } from "../../core/loop.js";
import { warned } from "../../core/warned.js";
import { Resources } from "../../worker/resources.js";
import type { Subscription } from "../bus.js";
import type { PrivateKey } from "../crypto/key-ring.js";
import { isLostResult } from "../errors.js";
import type { PacketListener, Party } from "../party.js";
import { Jobs } from "./jobs.js";
import { Presence } from "./presence.js";
import { receiveJobs } from "./receive.js";
import { openRuntime, type Runtime, type Service, type WorkerCore } from "./runtime.js";

/** How much earlier a connection may have broken than it was noticed. */
const NOTICED_LATE_MS = 120_000;
/** How long jobs that were aborted may take to be answered. */
const ABORT_MS = 1_000;

/** Runs a stage of closing within its time; false if it failed or was late. */
export type RunStage = (name: string, work: () => unknown, timeoutMs?: number) => Promise<boolean>;

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
  readonly #runtime: Runtime;
  readonly #abort: AbortController;
  readonly #resources: Resources;
  readonly #presence: Presence | undefined;
  readonly #subscriptions: Subscription[] = [];
  readonly #ends: (() => void)[] = [];
  readonly #cancels: PacketListener = {
    onPacket: (packet) => {
      if (packet.payload.case === "jobCancel") this.jobs.cancel(packet, packet.payload.value);
    },
  };
  #closed = false;

  private constructor(runtime: Runtime, abort: AbortController, resources: Resources) {
    this.#runtime = runtime;
    this.#abort = abort;
    this.#resources = resources;
    this.party = runtime.party;
    this.jobs = new Jobs(runtime, runtime.isScheduled ? () => this.#presence?.freed() : undefined);
    if (!runtime.isScheduled) return;
    this.#presence = new Presence(runtime, () => ({
      activeJobs: this.jobs.active,
      ...runtime.progress.latest,
      // Jobs sent to a worker that cannot hear them are lost: it offers nothing.
      ...(this.#isDeaf && { pool: "", activeJobs: runtime.concurrency }),
    }));
  }

  /**
   * Connects, subscribes and tells schedulers. What was opened is closed again when something fails.
   *
   * @throws ValidationError `TRUST_CONFIG`; WorkerTrustError; what `BusWorker.start` says.
   */
  static async start(core: WorkerCore, service: Service, host: SessionHost): Promise<Session> {
    const { options, clock, log, kind } = core;
    const resources = new Resources(clock, log, options.ioTimeoutMs ?? 5_000);
    const abort = new AbortController();
    let session: Session | undefined;
    try {
      const both = { ...core, ...service };
      const runtime = await openRuntime(both, resources, host.privateKey, abort.signal);
      session = new Session(runtime, abort, resources);
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
    const { log, clock, party, durable, trust, isScheduled, events } = this.#runtime;
    let lostAtMs: number | undefined;
    this.#ends.push(
      party.bus.onStatus((status, error) => {
        if (status === "closed") busClosed(error);
        else if (status === "reconnecting") {
          lostAtMs ??= clock.now();
          trust?.disconnected();
        } else if (status !== "connected") return;
        else if (error !== undefined) this.#onBusError(error);
        else if (lostAtMs === undefined) this.#presence?.freed();
        else {
          const sinceMs = lostAtMs;
          lostAtMs = undefined;
          void this.#readCancels(sinceMs - NOTICED_LATE_MS);
          if (trust === undefined) void this.#presence?.again();
          else trust.connected();
        }
      }),
    );
    await trust?.open();
    if (isScheduled) {
      const cancels = await party.receive(SUBJECT_CANCEL, this.#cancels);
      this.#ends.push(() => cancels.unsubscribe());
      await this.#readCancels(clock.now() - STREAM_MAX_AGE_MS);
    }
    await this.#subscribe();
    if (durable !== undefined) {
      const ticks = startLoop({
        name: "ticks to the stream",
        intervalMs: Math.max(1, durable.ackWaitMs / 3),
        run: () => this.jobs.tick(),
        unref: true,
        clock,
        logger: log,
      });
      this.#ends.push(() => void ticks.stop());
    }
    await this.#presence?.start();
    if (trust?.admits === false) await trust.open(); // the connection was lost meanwhile
    trust?.keep({
      resume: async () => {
        await this.#subscribe();
        if (!this.#closed) await this.#presence?.resume();
      },
      suspend: async (error) => {
        if (error !== undefined) {
          events.emit("error", error);
          void this.#presence?.stop(); // a heartbeat would bring jobs
        }
        await this.#unsubscribe();
      },
    });
  }

  /** The bus lost a result, or a subscription that it tries to make again. */
  #onBusError(error: AgentwireError): void {
    const { stats, events } = this.#runtime;
    if (isLostResult(error)) stats.unpublished++;
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

  /** Subscribes to the topics and to the worker's own subject, unless that is done; after a failure to nothing. */
  async #subscribe(): Promise<void> {
    if (this.#subscriptions.length > 0) return;
    const { topics, isScheduled } = this.#runtime;
    try {
      for (const topic of [...topics.keys(), ...(isScheduled ? [undefined] : [])]) {
        const one = await receiveJobs(this.#runtime, this.jobs, topic);
        if (this.#closed) one.unsubscribe();
        else this.#subscriptions.push(one);
      }
    } catch (error) {
      await this.#unsubscribe();
      throw error;
    }
  }

  /** Takes no further jobs; resolves when those received so far were handed over. Never rejects. */
  async #unsubscribe(): Promise<void> {
    const text = "a subscription could not be drained";
    const ended = this.#subscriptions.splice(0);
    await Promise.all(ended.map((one) => warned(this.#runtime.log, text, () => one.drain())));
  }

  /** Takes the cancels that a stream has kept, so that no job runs that was cancelled meanwhile. Never rejects. */
  async #readCancels(sinceMs: number): Promise<void> {
    const { durable, party, log } = this.#runtime;
    if (durable === undefined) return;
    const from = { since: new Date(sinceMs) };
    const replay = () => party.replay(durable, SUBJECT_CANCEL, from, this.#cancels);
    await warned(log, "could not read earlier cancels from the stream", replay);
  }

  /** Goes through the stages of the end. */
  async close(stage: RunStage): Promise<void> {
    this.#closed = true;
    const presence = this.#presence;
    if (presence !== undefined) await stage("saying goodbye", () => presence.goodbye());
    this.jobs.stopIntake();
    await stage("draining subscriptions", () => this.#unsubscribe());
    if (!(await stage("waiting for jobs", () => this.jobs.idle()))) {
      this.#abort.abort(new ClosedError(`the ${this.#runtime.kind} is closed`));
      this.jobs.abort();
      await stage("aborting jobs", () => this.jobs.idle(), ABORT_MS);
    }
    this.abandon();
    await this.#resources.close(this.#runtime.graceMs);
  }

  /** Takes down at once what needs no word with the bus. */
  abandon(): void {
    this.#closed = true;
    for (const end of this.#ends.splice(0)) end();
    for (const one of this.#subscriptions.splice(0)) one.unsubscribe();
    this.jobs.close();
    void this.#presence?.stop();
    this.#runtime.trust?.close();
  }
}
