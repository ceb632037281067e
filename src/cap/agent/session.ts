/** One life of an agent on a bus: what its start makes, and its end takes down. */
import type { BusPacket, JobRequest, JobResult } from "../../../gen/cap/index.js";
import { SUBJECT_CANCEL, workerSubject } from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";

import { type AgentwireError, ClosedError, errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { type LogFields, scoped, silentLogger } from "../../core/logger.js";
import { type Loop, startLoop } from "../../core/loop.js";
import type { BlobStore } from "../blob-store.js";
import type { Bus, BusMessage, Subscription } from "../bus.js";
import { isResultLost } from "../bus-status.js";
import type { Delivery, DurableBus, DurableMessage } from "../durable.js";
import type { FinishedJobs } from "../finished-jobs.js";
import { Party } from "../party.js";
import type { JobResultInit } from "../worker-options.js";
import type { AgentMiddleware } from "./context.js";
import { Dispatcher } from "./dispatcher.js";
import { logField } from "./failures.js";
import type { Job } from "./job.js";
import { agentContext } from "./make-context.js";
import type { AgentCounts, AgentOptions, HeartbeatInit } from "./options.js";
import type { Owned } from "./owned.js";
import { Presence } from "./presence.js";
import { ProgressDesk } from "./progress.js";
import { ResultDesk } from "./results.js";
import { runJob } from "./run-job.js";
import type { ServedTopic, Topic } from "./topics.js";

const TWO_MIB = 2 * 1024 * 1024;
/** How long jobs that were aborted may take to be answered. */
const ABORT_MS = 1_000;

/** What a session is started with. */
export interface SessionParts {
  readonly options: AgentOptions;
  readonly workerId: string;
  readonly topics: Iterable<Topic>;
  readonly middleware: readonly AgentMiddleware[];
  readonly maxParallel: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: AgentCounts;
  /** True when the agent is closed while it starts. */
  readonly closing: () => boolean;
  readonly onJob: (jobId: string, topic: string) => void;
  readonly onRefused: (error: AgentwireError) => void;
  readonly onResult: (result: JobResult) => void;
  readonly onHeartbeat: (heartbeat: HeartbeatInit) => void;
  readonly onError: (error: unknown) => void;
  readonly onBusClosed: (cause: unknown) => void;
}

/** Runs a stage of closing within its time; false when it failed or was late. */
export type RunStage = (name: string, work: () => unknown, timeoutMs?: number) => Promise<boolean>;

/** What a session works with. */
export interface Means {
  readonly bus: Bus;
  readonly store: BlobStore;
  readonly durable: DurableBus | undefined;
  readonly finished: FinishedJobs | undefined;
}

/** Made by `startSession`. */
export class Session {
  readonly dispatcher: Dispatcher;
  readonly #parts: SessionParts;
  readonly #means: Means;
  readonly #served: ReadonlyMap<string, ServedTopic>;
  readonly #owned: Owned;
  readonly #party: Party;
  readonly #presence: Presence;
  readonly #progress = new ProgressDesk();
  readonly #abort = new AbortController();
  readonly #jobs: Subscription[] = [];
  readonly #ends: (() => void)[] = [];
  #cancels: Subscription | undefined;
  #ticks: Loop | undefined;

  constructor(parts: SessionParts, means: Means, served: ReadonlyMap<string, ServedTopic>, owned: Owned) {
    const { options, workerId, clock, log, maxParallel, counts, onHeartbeat, onError } = parts;
    this.#parts = parts;
    this.#means = means;
    this.#served = served;
    this.#owned = owned;
    this.#party = new Party({ ...options, bus: means.bus, senderId: workerId });
    const ioTimeoutMs = options.ioTimeoutMs ?? 5_000;
    const granularStatus = options.granularStatus ?? false;
    this.dispatcher = new Dispatcher({
      maxParallel,
      counts,
      clock,
      log,
      ioTimeoutMs,
      granularStatus,
      abandonMs: options.abandonMs ?? 5_000,
      joinKeys: means.finished !== undefined,
      results: new ResultDesk({
        party: this.#party,
        durable: means.durable,
        finished: means.finished,
        clock,
        log,
        ioTimeoutMs,
        publishAgainMs: options.publishAgainMs ?? 30_000,
        signal: this.#abort.signal,
      }),
      run: (job) => this.#run(job),
      onFree: () => this.#presence.freed(this.dispatcher.active),
      onResult: parts.onResult,
      onError,
    });
    this.#presence = new Presence({
      party: this.#party,
      options,
      topics: [...served.keys()],
      maxParallel,
      clock,
      log,
      current: () => ({
        activeJobs: this.dispatcher.active,
        ...this.#progress.told,
        // Jobs sent to a worker that cannot hear them are lost: it offers nothing.
        ...(this.#jobs.some(({ lost }) => lost !== undefined) && { pool: "", activeJobs: maxParallel }),
      }),
      onHeartbeat,
      onError,
    });
  }

  /** Called when the session ends. */
  onEnd(run: () => void): void {
    this.#ends.push(run);
  }

  /** Subscribes, cancels first, and tells schedulers. */
  async open(): Promise<void> {
    const { log, clock, workerId } = this.#parts;
    const { durable, bus } = this.#means;
    let lost = false;
    const off = bus.onStatus((status, error) => {
      if (status === "connected" && error !== undefined) {
        if (isResultLost(error)) this.#parts.counts.unpublished++;
        this.#parts.onError(error);
      }
      if (status === "closed") this.#parts.onBusClosed(error);
      else if (status === "reconnecting") lost = true;
      else if (status === "connected" && lost) {
        lost = false;
        void this.#presence.again();
      }
    });
    this.#ends.push(off);
    this.#cancels = await this.#party.receive(SUBJECT_CANCEL, {
      onPacket: ({ payload }) => {
        if (payload.case === "jobCancel") this.dispatcher.cancel(payload.value);
      },
    });
    for (const served of this.#served.values()) {
      await this.#subscribe(served.topic, served.topic, () => served);
    }
    await this.#subscribe(workerSubject(workerId), undefined, (topic) => this.#served.get(topic));
    if (durable !== undefined) {
      this.#ticks = startLoop({
        name: "ticks to the stream",
        intervalMs: Math.max(1, durable.ackWaitMs / 3),
        run: () => this.dispatcher.tick(),
        unref: true,
        clock,
        logger: log,
      });
    }
    await this.#presence.start();
  }

  /** Goes through the stages of the end. */
  async close(stage: RunStage): Promise<void> {
    this.dispatcher.stopIntake();
    const jobs = this.#jobs.splice(0);
    await stage("draining subscriptions", () => Promise.all(jobs.map((one) => one.drain())));
    await stage("stopping heartbeats", () => this.#presence.stop());
    if (!(await stage("waiting for jobs", () => this.dispatcher.idle()))) {
      this.#abort.abort(new ClosedError("the agent is closed"));
      this.dispatcher.abort();
      await stage("aborting jobs", () => this.dispatcher.idle(), ABORT_MS);
    }
    this.abandon();
    await this.#owned.letGo(stage);
  }

  /** Takes down at once what needs no word with the bus. */
  abandon(): void {
    for (const end of this.#ends.splice(0)) end();
    for (const one of this.#jobs.splice(0)) one.unsubscribe();
    this.#cancels?.unsubscribe();
    this.dispatcher.forget();
    void this.#presence.stop();
    void this.#ticks?.stop();
  }

  async #subscribe(
    subject: string,
    queue: string | undefined,
    find: (topic: string) => ServedTopic | undefined,
  ): Promise<void> {
    const { counts, onRefused, maxParallel: maxInFlight } = this.#parts;
    const { durable } = this.#means;
    const source: Pick<DurableBus, "subscribe"> | undefined = durable && {
      // No more than can run, so that other workers get the rest.
      subscribe: (name, onMessage, options) =>
        durable.subscribe(name, onMessage, { ...options, maxInFlight }),
    };
    const subscription = await this.#party.receive(
      subject,
      {
        onPacket: (packet, message) => {
          counts.received++;
          this.#take(packet, message, find);
        },
        onRefused: (error, message) => {
          counts.received++;
          counts.refused++;
          deliveryOf(message)?.drop(errorText(error));
          onRefused(error);
        },
      },
      { queue, source },
    );
    this.#jobs.push(subscription);
  }

  #take(packet: BusPacket, message: BusMessage, find: (topic: string) => ServedTopic | undefined): void {
    const delivery = deliveryOf(message);
    const { payload } = packet;
    if (payload.case !== "jobRequest") return delivery?.drop("not a job request"); // not for a worker
    const request = payload.value;
    const served = find(request.topic);
    if (served === undefined) {
      const fields = { topic: logField(request.topic), jobId: logField(request.jobId) };
      this.#parts.log.warn("no handler for the topic of a job on the direct subject", fields);
      return delivery?.drop("no handler for the topic");
    }
    this.#parts.onJob(request.jobId, request.topic);
    this.dispatcher.accept(packet, request, served, delivery);
  }

  #run(job: Job): Promise<JobResultInit> {
    const { options, clock, log: logger, counts } = this.#parts;
    const { store } = this.#means;
    const { request, packet } = job;
    const log = logger === silentLogger ? logger : scoped(logger, jobFields(packet, request));
    const { ioTimeoutMs = 5_000, maxContextBytes = TWO_MIB, maxResultBytes = TWO_MIB } = options;
    const context = agentContext(job, {
      log,
      clock,
      store,
      ioTimeoutMs,
      maxArtifactBytes: maxResultBytes,
      report: (reporting, update) => this.#progress.report(reporting, update, this.#party, log),
    });
    return runJob(job, {
      store,
      clock,
      log,
      context,
      ioTimeoutMs,
      maxContextBytes,
      maxResultBytes,
      exposeErrors: options.exposeErrors ?? false,
      granularStatus: options.granularStatus ?? false,
      onAttempt: () => {
        counts.runs++;
      },
    });
  }
}

/** What every log line about a job says. */
function jobFields({ traceId, senderId }: BusPacket, { jobId, topic }: JobRequest): LogFields {
  return {
    jobId: logField(jobId),
    traceId: logField(traceId),
    topic: logField(topic),
    senderId: logField(senderId),
  };
}

function deliveryOf(message: BusMessage): Delivery | undefined {
  return (message as Partial<DurableMessage>).delivery;
}
