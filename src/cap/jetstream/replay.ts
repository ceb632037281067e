/** Reads what a stream keeps, with a consumer that lives only as long. */
import { createInbox } from "nats";
import type { TimerHandle } from "../../core/clock.js";
import { ProtocolError, TimeoutError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { BusMessage } from "../bus.js";
import type { ReplayFrom } from "../durable.js";
import { plainBytes } from "../nats/bus.js";
import { callApi, type JetStreamApi, NANOSECONDS } from "./api.js";
import { streamOf } from "./streams.js";

/** Flow control requires heartbeats. */
const HEARTBEAT_MS = 1_000;

/**
 * Hands over every message that is there, or those from a place on.
 *
 * @throws What `streamOf` throws; TimeoutError if the server falls silent.
 */
export async function replay(
  api: JetStreamApi,
  subject: string,
  onMessage: (message: BusMessage) => void,
  from: ReplayFrom | undefined,
): Promise<void> {
  const { bus, timeoutMs } = api;
  const stream = await streamOf(api, subject);
  const { since, afterSequence }: { since?: Date; afterSequence?: number } = from ?? {};
  let left = 0;
  let progress = (): void => {};
  const inbox = createInbox(bus.inboxPrefix);
  const subscription = bus.listen(inbox, (message) => {
    if (message.headers?.code) {
      // The server goes on once this says how far we are; what else it sends are heartbeats.
      if (message.reply && bus.connected) bus.publish(message.reply, new Uint8Array());
      return;
    }
    left--;
    onMessage({ subject: message.subject, data: plainBytes(message) });
    progress();
  });
  try {
    const config = {
      filter_subject: subject,
      deliver_subject: inbox,
      ack_policy: "none",
      replay_policy: "instant",
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS,
      inactive_threshold: 2 * timeoutMs * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
      deliver_policy: since ? "by_start_time" : afterSequence !== undefined ? "by_start_sequence" : "all",
      opt_start_time: since?.toISOString(),
      opt_start_seq: afterSequence === undefined ? undefined : afterSequence + 1,
    };
    const made = await callApi(api, `CONSUMER.CREATE.${stream}`, { stream_name: stream, config });
    const { name, num_pending: pending, delivered } = made;
    if (typeof name !== "string" || typeof pending !== "number") {
      throw new ProtocolError("JetStream CONSUMER.CREATE: expected `name` and `num_pending` in the response");
    }
    const before = isObject(delivered) ? Number(delivered.consumer_seq) || 0 : 0;
    left += pending + before;
    await new Promise<void>((resolve, reject) => {
      let timer: TimerHandle | undefined;
      const late = (): void =>
        reject(new TimeoutError(`JetStream ${stream}: no message within ${timeoutMs} ms`));
      progress = () => {
        bus.clock.clearTimeout(timer);
        if (left > 0) timer = bus.clock.setTimeout(late, timeoutMs);
        else resolve();
      };
      progress();
    });
    callApi(api, `CONSUMER.DELETE.${stream}.${name}`).catch(() => {}); // it also ends by its threshold
  } finally {
    subscription.unsubscribe();
  }
}
