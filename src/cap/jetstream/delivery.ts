/** One delivery of a message, answered in the words of JetStream. */
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import type { Delivery } from "../durable.js";
import type { Link } from "./link.js";
import type { Patience } from "./patience.js";
import { patiently } from "./patience.js";
import { NANOSECONDS } from "./streams.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const ACK = bytes("+ACK");
const WORKING = bytes("+WPI");
const TERMINATE = bytes("+TERM");
/** How long one acknowledgement waits for its answer. */
const ACK_MS = 1_000;
/** How long it is tried again: what is not acknowledged comes again, and is answered again. */
const ACK_AGAIN_MS = 3_000;

/** What a delivery needs of its subscription. */
export interface DeliveryContext {
  readonly link: Link;
  readonly patience: Patience;
  readonly logger: Logger;
  /** Called once, when it is known what became of the message. */
  onSettled(): void;
}

/** How often a message was delivered, from the subject its acknowledgement goes to. */
export function attemptOf(ackSubject: string): number {
  const tokens = ackSubject.split(".");
  // $JS.ACK.<stream>.<consumer>.<delivered>.… or, with a domain, $JS.ACK.<domain>.<account>.<stream>.…
  const delivered = Number(tokens[tokens.length >= 11 ? 6 : 4]);
  return Number.isSafeInteger(delivered) && delivered > 0 ? delivered : 1;
}

/** A delivery by JetStream. */
export class JetStreamDelivery implements Delivery {
  readonly attempt: number;
  readonly #subject: string;
  readonly #context: DeliveryContext;
  #settled = false;

  constructor(ackSubject: string, context: DeliveryContext) {
    this.#subject = ackSubject;
    this.#context = context;
    this.attempt = attemptOf(ackSubject);
  }

  async ack(): Promise<void> {
    const { link, patience } = this.#context;
    const timeoutMs = Math.min(patience.timeoutMs, ACK_MS);
    const tell = () => link.request(this.#subject, ACK, { timeoutMs });
    try {
      await tell();
    } catch (error) {
      if ((error as { readonly retryable?: boolean }).retryable !== true) throw error;
      this.#settle(); // the place is free: others need not wait for a server that restarts
      // One that has forgotten the delivery does not answer at all, and delivers again.
      const againMs = Math.min(patience.againMs, ACK_AGAIN_MS);
      await patiently(link, { ...patience, againMs, timeoutMs }, tell);
    } finally {
      this.#settle();
    }
  }

  working(): void {
    if (!this.#settled) this.#tell(WORKING);
  }

  giveBack(delayMs = 0): void {
    if (this.#settled) return;
    this.#tell(bytes(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: delayMs * NANOSECONDS })}` : "-NAK"));
    this.#settle();
  }

  drop(reason: string): void {
    if (this.#settled) return;
    // Servers before 2.10.4 do not know the word with a reason behind it.
    this.#context.logger.warn("a message is dropped from its stream", { reason });
    this.#tell(TERMINATE);
    this.#settle();
  }

  #tell(word: Uint8Array): void {
    try {
      void this.#context.link.bus.publish(this.#subject, word);
    } catch (error) {
      // The stream delivers the message again when it hears nothing.
      this.#context.logger.debug("a stream could not be told", { reason: errorText(error) });
    }
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#context.onSettled();
  }
}
