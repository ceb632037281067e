/**
 * A CAP scheduler for demos, tests and local development: it dispatches submitted jobs and follows them to
 * their end, with the decisions, codes and numbers of Cordum's own. For one machine: it keeps everything in
 * this process and stores nothing; production is Cordum over NATS and Redis.
 */
import { clone } from "@bufbuild/protobuf";
import type { BusPacket, Heartbeat } from "../../gen/cap/index.js";
import {
  JobRequestSchema,
  QUEUE_SCHEDULER,
  SUBJECT_CANCEL,
  SUBJECT_HEARTBEAT,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
} from "../../gen/cap/index.js";
import type { Subscription } from "../cap/bus.js";
import { generateKeyPair, toSigningKey } from "../cap/crypto/key-ring.js";
import type { ReceiveStats } from "../cap/party.js";
import { Party } from "../cap/party.js";
import type { WorkerTrustConfig } from "../cap/trust/config.js";
import { systemClock } from "../core/clock.js";
import { ConflictError, NotFoundError } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { safeLogger } from "../core/logger.js";
import type { Loop } from "../core/loop.js";
import { startLoop } from "../core/loop.js";
import type { SchedulerEvents } from "./scheduler/engine.js";
import { Engine } from "./scheduler/engine.js";
import { isTerminal } from "./scheduler/job-state.js";
import type { JobRecord, ScheduledJob } from "./scheduler/job-table.js";
import type { LocalSchedulerOptions } from "./scheduler/options.js";
import { APPROVED_LABEL } from "./scheduler/safety.js";
import { type EnrolledWorker, type TrustFault, TrustIssuer } from "./scheduler/trust.js";

export type { SchedulerEvents } from "./scheduler/engine.js";
export type { ScheduledJob } from "./scheduler/job-table.js";
export type { LocalSchedulerOptions } from "./scheduler/options.js";
export type { EnrolledWorker, TrustFault, TrustIssuerOptions } from "./scheduler/trust.js";

/** A scheduler in this process. */
export class LocalScheduler {
  readonly #options: LocalSchedulerOptions;
  readonly #party: Party;
  readonly #engine: Engine;
  readonly #logger: Logger;
  readonly #issuer: TrustIssuer | undefined;
  #subscriptions: Subscription[] = [];
  #scan: Loop | undefined;

  private constructor(options: LocalSchedulerOptions) {
    const { trust, clock = systemClock, senderId = QUEUE_SCHEDULER } = options;
    const key = trust && toSigningKey(options.privateKey ?? generateKeyPair().privateKeyPem, options);
    const named = { ...options, senderId, privateKey: key ?? options.privateKey };
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    if (key)
      this.#issuer = new TrustIssuer(trust, { bus: options.bus, senderId, key, clock, log: this.#logger });
    this.#party = new Party({ ...named, profile: this.#issuer });
    this.#engine = new Engine(named, this.#party);
  }

  /**
   * Starts a scheduler. Resolves once the bus knows of its subscriptions. It keeps jobs in memory only, whatever the
   * bus is: those that are active when it ends are lost, over JetStream too.
   *
   * @throws ValidationError `INVALID_KEY` for an invalid key.
   */
  static async start(options: LocalSchedulerOptions): Promise<LocalScheduler> {
    const scheduler = new LocalScheduler(options);
    await scheduler.#open();
    return scheduler;
  }

  /** Messages received and refused. */
  get stats(): ReceiveStats {
    return this.#party.stats;
  }

  /** What is known of a job. */
  job(jobId: string): ScheduledJob | undefined {
    return this.#engine.jobs.get(jobId);
  }

  /** The last heartbeat of every worker that is alive, by worker id. */
  workers(): ReadonlyMap<string, Heartbeat> {
    return this.#engine.workers.alive();
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof SchedulerEvents>(
    event: Name,
    listener: (payload: SchedulerEvents[Name]) => void,
  ): () => void {
    return this.#engine.events.on(event, listener);
  }

  /**
   * Enrolls a worker with a new key pair. Returns the `workerTrust` of its agent.
   *
   * @throws ConflictError without the option `trust`.
   */
  enroll(workerId: string, worker?: Omit<EnrolledWorker, "publicKey">): WorkerTrustConfig {
    if (this.#issuer === undefined)
      throw new ConflictError("LocalScheduler.enroll() requires the option `trust`");
    return this.#issuer.enroll(workerId, worker);
  }

  /** Faults of the handshakes to come, first one first. Add to it to make further ones fail. */
  get trustFaults(): TrustFault[] {
    return this.#issuer?.faults ?? [];
  }

  async #open(): Promise<void> {
    const queue = { queue: QUEUE_SCHEDULER };
    this.#engine.open = true;
    this.#subscriptions = await Promise.all([
      this.#party.receive(SUBJECT_HEARTBEAT, { onPacket: (packet) => this.#heard(packet) }),
      this.#party.receive(SUBJECT_SUBMIT, { onPacket: (packet) => this.#submit(packet) }, queue),
      this.#party.receive(SUBJECT_RESULT, { onPacket: (packet) => this.#result(packet) }, queue),
      this.#party.receive(SUBJECT_CANCEL, { onPacket: (packet) => this.#cancelled(packet) }, queue),
    ]);
    if (this.#issuer !== undefined) this.#subscriptions.push(...(await this.#issuer.start()));
    this.#scan = startLoop({
      name: "scheduler scan",
      intervalMs: this.#options.scanMs ?? 30_000,
      run: () => this.#engine.reconcile(),
      unref: true,
      clock: this.#options.clock,
      logger: this.#logger,
    });
  }

  /** Takes no more jobs and ends what is in flight; jobs that wait are dropped. Repeated calls are fine. */
  async close(): Promise<void> {
    await Promise.all(this.#subscriptions.splice(0).map((subscription) => subscription.drain()));
    await this.#engine.jobs.idle();
    await this.#scan?.stop();
    this.#engine.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Lets a job go on that waits for approval: the safety hook is asked again, with the label
   * `approval_granted`, and may still deny it.
   *
   * @throws NotFoundError; ConflictError for a job that does not wait for approval.
   */
  async approve(jobId: string): Promise<void> {
    await this.#decide(jobId, async (job) => {
      job.request = clone(JobRequestSchema, job.request);
      job.request.labels[APPROVED_LABEL] = "true";
      this.#engine.jobs.move(job, "PENDING");
      await this.#engine.process(job);
    });
  }

  /**
   * Denies a job that waits for approval: DENIED, with a dead letter.
   *
   * @throws NotFoundError; ConflictError for a job that does not wait for approval.
   */
  async reject(jobId: string, reason = "approval rejected"): Promise<void> {
    await this.#decide(jobId, (job) => this.#engine.bury(job, "DENIED", reason, "safety_denied"));
  }

  /**
   * Cancels a job in any state but an end, and tells the workers. False when it has ended already.
   *
   * @throws NotFoundError; what `Bus.publish` throws.
   */
  async cancel(jobId: string, reason = "cancelled by request"): Promise<boolean> {
    const job = this.#known(jobId);
    let done = false;
    await this.#engine.jobs.lock(jobId, () => {
      done = this.#engine.end(job, "CANCELLED", reason);
    });
    if (!done) return false;
    const value = { jobId, reason, requestedBy: this.#party.senderId };
    await this.#party.send(SUBJECT_CANCEL, { case: "jobCancel", value }, jobId);
    return true;
  }

  #known(jobId: string): JobRecord {
    const job = this.#engine.jobs.get(jobId);
    if (job === undefined) throw new NotFoundError(`no job ${JSON.stringify(jobId)}`);
    return job;
  }

  async #decide(jobId: string, act: (job: JobRecord) => Promise<void>): Promise<void> {
    const job = this.#known(jobId);
    let waited = false;
    await this.#engine.jobs.lock(jobId, async () => {
      waited = job.state === "APPROVAL_REQUIRED";
      if (waited) await act(job);
    });
    if (!waited) throw new ConflictError(`job ${JSON.stringify(jobId)} does not wait for approval`);
  }

  #heard(packet: BusPacket): void {
    if (packet.payload.case !== "heartbeat" || !this.#isTrusted(packet)) return;
    this.#engine.workers.add(packet.payload.value);
  }

  /** With `trust`, a worker's packets must carry its live session token. */
  #isTrusted(packet: BusPacket): boolean {
    if (this.#issuer?.hasSession(packet) ?? true) return true;
    this.#logger.warn("ignored a packet without a worker trust session", {
      senderId: packet.senderId,
      payload: packet.payload.case,
    });
    return false;
  }

  #submit({ payload, traceId }: BusPacket): void {
    if (payload.case !== "jobRequest") return;
    const request = payload.value;
    const known = this.#engine.jobs.get(request.jobId);
    if (known !== undefined) {
      this.#logger.info("a job that is known was submitted again; ignored", { jobId: request.jobId });
      return;
    }
    const job = this.#engine.jobs.add(request, traceId);
    void this.#engine.jobs.lock(job.jobId, () => this.#engine.process(job));
  }

  #result(packet: BusPacket): void {
    if (packet.payload.case !== "jobResult" || !this.#isTrusted(packet)) return;
    const result = packet.payload.value;
    void this.#engine.jobs.lock(result.jobId, () => this.#engine.finish(result));
  }

  #cancelled({ payload }: BusPacket): void {
    if (payload.case !== "jobCancel") return;
    const { jobId, reason } = payload.value;
    void this.#engine.jobs.lock(jobId, () => {
      const job = this.#engine.jobs.get(jobId);
      if (job !== undefined && !isTerminal(job.state)) this.#engine.end(job, "CANCELLED", reason);
    });
  }
}
