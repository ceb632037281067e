/** The subscriptions that bring a worker its jobs, and what becomes of each message on them. */
import { type BusPacket, workerSubject } from "../../../gen/cap/index.js";
import { type AgentwireError, errorText } from "../../core/errors.js";
import type { BusMessage, SubscribeOptions, Subscription } from "../bus.js";
import type { Delivery, DurableMessage } from "../durable.js";
import { logField } from "../failures.js";
import type { Jobs } from "./jobs.js";
import type { Runtime } from "./runtime.js";

/** Deliveries in which a worker can still answer for a job that came too often. */
const SPARE_DELIVERIES = 10;
/** How long a job of a stream stays away that could not be taken yet. */
const TURNED_AWAY_MS = 1_000;

/** Subscribes to a topic, or to the worker's own subject, on which jobs of all its topics arrive. */
export function receiveJobs(runtime: Runtime, jobs: Jobs, topic?: string): Promise<Subscription> {
  const { stats, events, concurrency: maxInFlight, durable, trust, party, log, workerId } = runtime;
  const subject = topic ?? workerSubject(workerId);
  // This worker answers for a job that comes too often. A job that ends the process before that must end, too.
  const maxDeliver = jobs.maxDeliver === Infinity ? undefined : jobs.maxDeliver + SPARE_DELIVERIES;
  const source = durable && {
    // No more than can run, so that other workers get the rest.
    subscribe: (name: string, onMessage: (message: DurableMessage) => void, options?: SubscribeOptions) =>
      durable.subscribe(name, onMessage, { ...options, maxInFlight, maxDeliver }),
  };
  const listener = {
    onPacket: (packet: BusPacket, message: BusMessage): void => {
      stats.received++;
      const delivery = deliveryOf(message);
      if (trust?.admits !== false) return take(runtime, jobs, packet, delivery, topic);
      stats.refused++;
      const text = "a job arrived while there is no worker trust session; not accepted";
      log.warn(text, { subject: message.subject });
      delivery?.giveBack(TURNED_AWAY_MS); // without a stream the scheduler finds out
    },
    onRefused: (error: AgentwireError, message: BusMessage): void => {
      stats.received++;
      stats.refused++;
      const delivery = deliveryOf(message);
      if (error.retryable) delivery?.giveBack(TURNED_AWAY_MS);
      else delivery?.drop(errorText(error));
      events.emit("refused", error);
    },
  };
  return party.receive(subject, listener, { queue: topic, source, keys: trust?.pins });
}

function take(
  { log, events, topics }: Runtime,
  jobs: Jobs,
  packet: BusPacket,
  delivery: Delivery | undefined,
  subscribed: string | undefined,
): void {
  const { payload } = packet;
  if (payload.case !== "jobRequest") return delivery?.drop("not a job request"); // not for a worker
  const { jobId, topic } = payload.value;
  const served = topics.get(subscribed ?? topic);
  if (served === undefined) {
    const text = "received a job on the worker's direct subject, but there is no handler for its topic";
    log.warn(text, { topic: logField(topic), jobId: logField(jobId) });
    return delivery?.drop("no handler for the topic");
  }
  events.emit("job", { jobId, topic });
  jobs.accept(packet, payload.value, served, delivery);
}

function deliveryOf(message: BusMessage): Delivery | undefined {
  return (message as Partial<DurableMessage>).delivery;
}
