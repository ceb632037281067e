/** The subscriptions that bring a worker its jobs, and what becomes of each message on them. */
import type { BusPacket } from "../../../gen/cap/index.js";
import { workerSubject } from "../../../gen/cap/index.js";
import { errorText } from "../../core/errors.js";
import { warned } from "../../core/warned.js";
import type { BusMessage, SubscribeOptions, Subscription } from "../bus.js";
import type { Delivery, DurableMessage } from "../durable.js";
import { logField } from "../failures.js";
import type { Jobs } from "./jobs.js";
import type { Runtime } from "./options.js";
import type { ServedTopic } from "./topics.js";

/** Deliveries in which a worker can still answer for a job that came too often. */
const SPARE_DELIVERIES = 10;
/** How long a job of a stream stays away that could not be taken yet. */
const TURNED_AWAY_MS = 1_000;

/** Subscribes to the topics of a worker, and to its own subject. */
export class JobSubscriptions {
  readonly #runtime: Runtime;
  readonly #jobs: Jobs;
  readonly #open: Subscription[] = [];
  #closed = false;

  constructor(runtime: Runtime, jobs: Jobs) {
    this.#runtime = runtime;
    this.#jobs = jobs;
  }

  /** True while jobs can arrive, as far as the subscriptions go. */
  get isServing(): boolean {
    return this.#open.length > 0 && !this.isDeaf;
  }

  /** True while a subscription is lost on a bus that is connected. */
  get isDeaf(): boolean {
    return this.#open.some(({ lost }) => lost !== undefined);
  }

  /** Subscribes to everything, unless that is done; after a failure to nothing. */
  async open(): Promise<void> {
    if (this.#open.length > 0) return;
    const { topics, isScheduled, workerId } = this.#runtime;
    try {
      for (const [subject, served] of topics) await this.#subscribe(subject, subject, () => served);
      if (isScheduled)
        await this.#subscribe(workerSubject(workerId), undefined, (topic) => topics.get(topic));
    } catch (error) {
      await this.drain();
      throw error;
    }
  }

  /** Takes no further jobs; resolves when those received so far were handed over. Never rejects. */
  async drain(): Promise<void> {
    const text = "a subscription could not be drained";
    await Promise.all(this.#open.splice(0).map((one) => warned(this.#runtime.log, text, () => one.drain())));
  }

  /** As {@link JobSubscriptions.drain}, for good. */
  end(): Promise<void> {
    this.#closed = true;
    return this.drain();
  }

  /** Takes no further jobs and drops those not handed over yet. */
  close(): void {
    this.#closed = true;
    for (const one of this.#open.splice(0)) one.unsubscribe();
  }

  async #subscribe(
    subject: string,
    queue: string | undefined,
    find: (topic: string) => ServedTopic | undefined,
  ): Promise<void> {
    const { stats, events, concurrency: maxInFlight, durable, trust, party } = this.#runtime;
    const { maxDeliver } = this.#jobs;
    // This worker answers for a job that comes too often. A job that ends the process before that must end, too.
    const lastResort = maxDeliver === Infinity ? undefined : maxDeliver + SPARE_DELIVERIES;
    const source = durable && {
      // No more than can run, so that other workers get the rest.
      subscribe: (name: string, onMessage: (message: DurableMessage) => void, options?: SubscribeOptions) =>
        durable.subscribe(name, onMessage, { ...options, maxInFlight, maxDeliver: lastResort }),
    };
    const subscription = await party.receive(
      subject,
      {
        onPacket: (packet, message) => {
          stats.received++;
          if (trust?.admits === false) this.#turnAway(message);
          else this.#take(packet, message, find);
        },
        onRefused: (error, message) => {
          stats.received++;
          stats.refused++;
          if (error.retryable) deliveryOf(message)?.giveBack(TURNED_AWAY_MS);
          else deliveryOf(message)?.drop(errorText(error));
          events.emit("refused", error);
        },
      },
      { queue, source, keys: trust?.pins },
    );
    if (this.#closed) subscription.unsubscribe();
    else this.#open.push(subscription);
  }

  /** A job that came while there is no session. A stream delivers it again; without one the scheduler finds out. */
  #turnAway(message: BusMessage): void {
    const { stats, log } = this.#runtime;
    stats.refused++;
    const { subject } = message;
    log.warn("a job arrived while there is no worker trust session; not accepted", { subject });
    deliveryOf(message)?.giveBack(TURNED_AWAY_MS);
  }

  #take(packet: BusPacket, message: BusMessage, find: (topic: string) => ServedTopic | undefined): void {
    const { log, events } = this.#runtime;
    const delivery = deliveryOf(message);
    const { payload } = packet;
    if (payload.case !== "jobRequest") return delivery?.drop("not a job request"); // not for a worker
    const request = payload.value;
    const { jobId, topic } = request;
    const served = find(topic);
    if (served === undefined) {
      const text = "received a job on the worker's direct subject, but there is no handler for its topic";
      log.warn(text, { topic: logField(topic), jobId: logField(jobId) });
      return delivery?.drop("no handler for the topic");
    }
    events.emit("job", { jobId, topic });
    this.#jobs.accept(packet, request, served, delivery);
  }
}

function deliveryOf(message: BusMessage): Delivery | undefined {
  return (message as Partial<DurableMessage>).delivery;
}
