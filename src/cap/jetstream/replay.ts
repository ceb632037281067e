/** Reads what a stream keeps, with a consumer that lives only as long. */
import { createInbox } from "nats";
import { ProtocolError, TimeoutError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { BusMessage } from "../bus.js";
import type { ReplayFrom } from "../durable.js";
import { type NatsBus, plainBytes } from "../nats/bus.js";
import { callApi, NANOSECONDS } from "./api.js";

const BATCH = 256;

/** What to read. */
export interface ReplayOptions {
  readonly stream: string;
  readonly subject: string;
  /** Undefined: everything. */
  readonly from: ReplayFrom | undefined;
  /** How long to wait for each message. */
  readonly timeoutMs: number;
}

/** Hands over every message that is there. @throws What `callApi` throws; TimeoutError if the server falls silent. */
export async function replay(
  bus: NatsBus,
  { stream, subject, from, timeoutMs }: ReplayOptions,
  onMessage: (message: BusMessage) => void,
): Promise<void> {
  const inbox = createInbox(bus.connection.options?.inboxPrefix);
  const config = {
    filter_subject: subject,
    ack_policy: "none",
    replay_policy: "instant",
    inactive_threshold: 2 * timeoutMs * NANOSECONDS,
    mem_storage: true,
    num_replicas: 1,
    ...startOf(from),
  };
  const made = await callApi(bus, `CONSUMER.CREATE.${stream}`, timeoutMs, { stream_name: stream, config });
  const { name, num_pending: pending } = made;
  if (!isObject(made.config) || typeof name !== "string" || typeof pending !== "number") {
    throw new ProtocolError("JetStream CONSUMER.CREATE: expected `name` and `num_pending` in the response");
  }
  let left = pending;
  let open = 0;
  let progress = (): void => {};
  const subscription = bus.listen(inbox, (message) => {
    if (message.reply?.startsWith("$JS.ACK.")) {
      left--;
      open--;
      onMessage({ subject: message.subject, data: plainBytes(message) });
    } else {
      open = 0; // the pull ended: fewer were there than asked for
      if (message.headers?.code === 404) left = 0;
    }
    progress();
  });
  try {
    while (left > 0) {
      if (open === 0) {
        open = Math.min(BATCH, left);
        const request = JSON.stringify({ batch: open, no_wait: true });
        const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
        bus.publish(next, new TextEncoder().encode(request), { reply: inbox });
      }
      await new Promise<void>((resolve, reject) => {
        const late = (): void =>
          reject(new TimeoutError(`JetStream ${stream}: no message within ${timeoutMs} ms`));
        const timer = bus.clock.setTimeout(late, timeoutMs);
        progress = () => {
          bus.clock.clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    subscription.unsubscribe();
    callApi(bus, `CONSUMER.DELETE.${stream}.${name}`, timeoutMs).catch(() => {}); // it also ends by its threshold
  }
}

function startOf(from: ReplayOptions["from"]): object {
  if (from === undefined) return { deliver_policy: "all" };
  return "since" in from
    ? { deliver_policy: "by_start_time", opt_start_time: from.since.toISOString() }
    : { deliver_policy: "by_start_sequence", opt_start_seq: from.afterSequence + 1 };
}
