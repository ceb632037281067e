/** One delivery of a message, answered in the words of JetStream. */
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import type { Delivery } from "../durable.js";
import type { NatsBus } from "../nats/bus.js";
import { NANOSECONDS } from "./api.js";
import { retryWhileDown } from "./retry.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const ACK = bytes("+ACK");
const WORKING = bytes("+WPI");
const TERMINATE = bytes("+TERM");
/** How long one acknowledgement waits for its response. */
const ACK_MS = 1_000;
/** How long it is retried: a server that has forgotten the delivery never responds, and delivers again. */
const ACK_AGAIN_MS = 3_000;

/** The stream of a message and its place there, from the subject of its acknowledgement. */
export function messageIdOf(ackSubject: string): string {
  const tokens = ackSubject.split(".");
  return tokens.length >= 11 ? `${tokens[4]}:${tokens[7]}` : `${tokens[2]}:${tokens[5]}`;
}

/** How often a message was delivered, from the subject of its acknowledgement. */
export function attemptOf(ackSubject: string): number {
  const tokens = ackSubject.split(".");
  // $JS.ACK.<stream>.<consumer>.<delivered>.… or, with a domain, $JS.ACK.<domain>.<account>.<stream>.…
  const delivered = Number(tokens[tokens.length >= 11 ? 6 : 4]);
  return Number.isSafeInteger(delivered) && delivered > 0 ? delivered : 1;
}

/** A delivery by JetStream. */
export class JetStreamDelivery implements Delivery {
  readonly attempt: number;
  readonly messageId: string;
  readonly #ackSubject: string;
  readonly #bus: NatsBus;
  readonly #logger: Logger;
  readonly #onSettled: () => void;
  #settled = false;

  /** `onSettled` is called once, when the message is answered. */
  constructor(ackSubject: string, bus: NatsBus, logger: Logger, onSettled: () => void) {
    this.attempt = attemptOf(ackSubject);
    this.messageId = messageIdOf(ackSubject);
    this.#ackSubject = ackSubject;
    this.#bus = bus;
    this.#logger = logger;
    this.#onSettled = onSettled;
  }

  async ack(): Promise<void> {
    const acked = retryWhileDown(this.#bus, { againMs: ACK_AGAIN_MS, timeoutMs: ACK_MS }, () =>
      this.#bus.ask(this.#ackSubject, ACK, ACK_MS),
    );
    this.#settle(); // the next pull follows it on the same connection, so the server counts this message no more
    await acked;
  }

  working(): void {
    if (!this.#settled) this.#send(WORKING);
  }

  giveBack(delayMs = 0): void {
    if (this.#settled) return;
    this.#send(bytes(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: delayMs * NANOSECONDS })}` : "-NAK"));
    this.#settle();
  }

  drop(reason: string): void {
    if (this.#settled) return;
    // Servers before 2.10.4 do not know the word with a reason behind it.
    this.#logger.warn("a message is removed from its stream", { reason });
    this.#send(TERMINATE);
    this.#settle();
  }

  #send(word: Uint8Array): void {
    try {
      this.#bus.publish(this.#ackSubject, word);
    } catch (error) {
      // The stream delivers the message again.
      this.#logger.debug("a delivery could not be answered", { reason: errorText(error) });
    }
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#onSettled();
  }
}
