/** One delivery of a message, answered in the words of JetStream. */
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { retryWhileDown } from "../bus.js";
import type { Delivery } from "../durable.js";
import type { NatsBus } from "../nats/bus.js";
import { NANOSECONDS } from "./api.js";

/** How long one attempt to acknowledge a message waits for the server. */
const ACK_TIMEOUT_MS = 1_000;

const utf8 = new TextEncoder();
const ACKNOWLEDGED = utf8.encode("+ACK");

/** Which message was delivered, and how often, from the subject of its acknowledgement. */
export function deliveryOf(ackSubject: string): { readonly messageId: string; readonly attempt: number } {
  // $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.… or, with a domain, $JS.ACK.<domain>.<account>.<stream>.…
  const tokens = ackSubject.split(".");
  const [stream, , delivered, sequence] = tokens.slice(tokens.length >= 11 ? 4 : 2);
  const attempt = Number(delivered);
  return {
    messageId: `${stream}:${sequence}`,
    attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
  };
}

/**
 * A delivery by JetStream. `onSettled` is called once, when the message is answered.
 *
 * @param ackWaitMs How long to repeat an acknowledgement: after that the server delivers the message again anyway.
 */
export function jetStreamDelivery(
  ackSubject: string,
  ackWaitMs: number,
  bus: NatsBus,
  logger: Logger,
  onSettled: () => void,
): Delivery {
  let isSettled = false;
  const settle = (): void => {
    if (isSettled) return;
    isSettled = true;
    onSettled();
  };
  const send = (word: string): void => {
    try {
      bus.publish(ackSubject, utf8.encode(word));
    } catch (error) {
      // The stream delivers the message again.
      logger.debug("a delivery could not be answered", { reason: errorText(error) });
    }
  };
  return {
    ...deliveryOf(ackSubject),
    async ack() {
      const limits = { againMs: ackWaitMs, timeoutMs: ACK_TIMEOUT_MS, clock: bus.clock };
      const acked = retryWhileDown(bus, limits, () => bus.ask(ackSubject, ACKNOWLEDGED, ACK_TIMEOUT_MS));
      settle(); // the next pull follows it on the same connection, so the server counts this message no more
      await acked;
    },
    working() {
      if (!isSettled) send("+WPI");
    },
    giveBack(delayMs = 0) {
      if (isSettled) return;
      send(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: delayMs * NANOSECONDS })}` : "-NAK");
      settle();
    },
    drop(reason) {
      if (isSettled) return;
      // Servers before 2.10.4 do not know the word with a reason behind it.
      logger.warn("a message is removed from its stream", { reason });
      send("+TERM");
      settle();
    },
  };
}
