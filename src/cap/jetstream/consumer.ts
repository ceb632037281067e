/** The durable consumers that workers pull their jobs from. */
import { durableName, STREAM_MAX_AGE_MS } from "../../../gen/cap/index.js";
import { isObject } from "../../core/json.js";
import { SubscribeFailedError } from "../errors.js";
import { CONSUMER_NOT_FOUND, callApi, isAnswer } from "./api.js";
import type { Link } from "./link.js";
import { NANOSECONDS } from "./streams.js";

/** Which consumer, and how it is made where it is not there yet. */
export interface ConsumerSettings {
  readonly stream: string;
  readonly subject: string;
  readonly queue: string | undefined;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  /** -1 is no bound. */
  readonly maxDeliver: number;
  /** Where one that is made begins: a moment in the server's words, or `new` or `all`. */
  readonly startFrom: string;
}

/** A consumer that is there. */
export interface Consumer {
  readonly name: string;
  /** As the server has it. */
  readonly ackWaitMs: number;
  /** When it was made, in the server's words. */
  readonly created: string;
}

/**
 * Makes sure of a consumer. All workers of a queue share it; one that is there stays as it is.
 *
 * The consumer of a single worker goes away when nobody has pulled from it for as long as the stream keeps a
 * message.
 *
 * @throws SubscribeFailedError for one of this name that pushes its messages or serves another subject; what
 * `callApi` throws.
 */
export async function ensureConsumer(
  link: Link,
  timeoutMs: number,
  settings: ConsumerSettings,
): Promise<Consumer> {
  const { stream, subject, queue = "" } = settings;
  const name = durableName(queue, subject);
  const call = (verb: string, body?: object) =>
    callApi(link, `CONSUMER.${verb}.${stream}.${name}`, timeoutMs, body);
  const info = await call("INFO").catch((error: unknown) => {
    if (!isAnswer(error, CONSUMER_NOT_FOUND)) throw error;
    const config = {
      durable_name: name,
      filter_subject: subject,
      ack_policy: "explicit",
      ack_wait: settings.ackWaitMs * NANOSECONDS,
      max_ack_pending: settings.maxAckPending,
      max_deliver: settings.maxDeliver,
      ...startOf(settings.startFrom),
      replay_policy: "instant",
      ...(queue === "" ? { inactive_threshold: STREAM_MAX_AGE_MS * NANOSECONDS } : {}),
    };
    return call("DURABLE.CREATE", { stream_name: stream, config });
  });
  const { config } = info;
  const fail = (why: string): never => {
    throw new SubscribeFailedError(`JetStream consumer ${name}: ${why}`, { retryable: false });
  };
  if (!isObject(config)) return fail("the server says nothing of its settings");
  if (config.deliver_subject) fail("it pushes its messages and cannot be pulled from");
  if (config.filter_subject !== subject) fail(`it serves ${String(config.filter_subject)}, not ${subject}`);
  if (config.ack_policy !== "explicit") fail("it takes no acknowledgement of each message");
  return { name, ackWaitMs: Number(config.ack_wait) / NANOSECONDS, created: String(info.created) };
}

function startOf(startFrom: string): object {
  if (startFrom === "new" || startFrom === "all") return { deliver_policy: startFrom };
  return { deliver_policy: "by_start_time", opt_start_time: startFrom };
}
