/** The durable consumers that workers pull their jobs from. */
import { durableName, STREAM_MAX_AGE_MS } from "../../../gen/cap/index.js";
import { isObject } from "../../core/json.js";
import { SubscribeFailedError } from "../errors.js";
import type { NatsBus } from "../nats/bus.js";
import { CONSUMER_NOT_FOUND, callApi, isAnswer, NANOSECONDS } from "./api.js";

/** Which consumer, and how it is created if it does not exist. */
export interface ConsumerSettings {
  readonly stream: string;
  readonly subject: string;
  readonly queue: string | undefined;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  /** -1 or undefined means no bound. */
  readonly maxDeliver: number | undefined;
  /** Where a new consumer starts: a time in the server's format, `new` or `all`. */
  readonly startFrom: string;
}

/** A consumer that exists. */
export interface Consumer {
  readonly stream: string;
  readonly name: string;
  /** As the server has it. */
  readonly ackWaitMs: number;
  /** When it was created, in the server's format. */
  readonly created: string;
}

/**
 * Makes sure that a consumer exists. All workers of a queue share it; an existing one stays as it is.
 *
 * The consumer of a single worker is deleted by the server when nobody has pulled from it for as long as the stream
 * keeps a message.
 *
 * @throws SubscribeFailedError if one of this name pushes its messages or serves another subject; what `callApi`
 * throws.
 */
export async function ensureConsumer(
  bus: NatsBus,
  timeoutMs: number,
  settings: ConsumerSettings,
): Promise<Consumer> {
  const { stream, subject, startFrom, queue = "" } = settings;
  const name = durableName(queue, subject);
  const call = (verb: string, body?: object) =>
    callApi(bus, `CONSUMER.${verb}.${stream}.${name}`, timeoutMs, body);
  const info = await call("INFO").catch((error: unknown) => {
    if (!isAnswer(error, CONSUMER_NOT_FOUND)) throw error;
    const isPolicy = startFrom === "new" || startFrom === "all";
    const config = {
      durable_name: name,
      filter_subject: subject,
      ack_policy: "explicit",
      ack_wait: settings.ackWaitMs * NANOSECONDS,
      max_ack_pending: settings.maxAckPending,
      max_deliver: settings.maxDeliver ?? -1,
      deliver_policy: isPolicy ? startFrom : "by_start_time",
      ...(isPolicy ? {} : { opt_start_time: startFrom }),
      replay_policy: "instant",
      ...(queue === "" ? { inactive_threshold: STREAM_MAX_AGE_MS * NANOSECONDS } : {}),
    };
    return call("DURABLE.CREATE", { stream_name: stream, config });
  });
  const { config } = info;
  const fail = (why: string): never => {
    throw new SubscribeFailedError(`JetStream consumer ${name}: ${why}`, { retryable: false });
  };
  if (!isObject(config)) return fail("the server's response has no `config`");
  if (config.deliver_subject) fail("it pushes its messages and cannot be pulled from");
  if (config.filter_subject !== subject) fail(`it serves ${String(config.filter_subject)}, not ${subject}`);
  if (config.ack_policy !== "explicit") fail("it does not require an acknowledgement of each message");
  return { stream, name, ackWaitMs: Number(config.ack_wait) / NANOSECONDS, created: String(info.created) };
}
