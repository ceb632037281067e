/** Pulls messages from a consumer, as many as there is room for. */
import { createInbox } from "nats";
import type { Clock, TimerHandle } from "../../core/clock.js";
import { systemClock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import type { Subscription } from "../bus.js";
import type { DurableMessage } from "../durable.js";
import type { NatsSubscription } from "../nats/connection.js";
import { JetStreamDelivery } from "./delivery.js";
import type { HeadedMessage, Link } from "./link.js";
import type { Patience } from "./patience.js";
import { NANOSECONDS } from "./streams.js";

/** After this time the server ends a pull that got nothing, and the next one follows. */
const PULL_MS = 15_000;
/** A pull whose end the server did not tell is forgotten so much later. */
const LOST_MS = 5_000;
const MAX_BATCH = 256;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;

/** What a subscription is made of. */
export interface PullOptions {
  readonly link: Link;
  readonly stream: string;
  readonly consumer: string;
  readonly subject: string;
  readonly queue: string | undefined;
  readonly maxInFlight: number;
  readonly patience: Patience;
  readonly logger: Logger;
  readonly clock: Clock | undefined;
  readonly onMessage: (message: DurableMessage) => void;
  /** Makes sure of the consumer again, when the server says that it is gone. */
  readonly restore: () => Promise<unknown>;
}

interface Pull {
  left: number;
  readonly timer: TimerHandle;
}

/** A pull subscription. */
export class PullSubscription implements Subscription {
  readonly #options: PullOptions;
  readonly #clock: Clock;
  readonly #pulls = new Map<string, Pull>();
  readonly #offBack: () => void;
  #inbox = "";
  #subscription: NatsSubscription | undefined;
  #inHand = 0;
  #pullNumber = 0;
  #scheduled = false;
  #ended = false;
  #dropping = false;
  #waitMs = FIRST_WAIT_MS;
  #waiting: TimerHandle | undefined;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#offBack = options.link.onBack(() => this.#renew());
  }

  get subject(): string {
    return this.#options.subject;
  }

  get queue(): string | undefined {
    return this.#options.queue;
  }

  /** Starts pulling. @throws What the client's `subscribe` throws. */
  start(): void {
    this.#listen();
    this.#schedule();
  }

  async drain(): Promise<void> {
    this.#end();
    const subscription = this.#subscription;
    if (subscription === undefined || subscription.isClosed()) return;
    try {
      // What the server has sent already still comes: nothing is left waiting for its ack wait.
      if (this.#options.link.connected) return await subscription.drain();
      subscription.unsubscribe();
    } catch (error) {
      this.#options.logger.debug("NATS call after the end", { reason: errorText(error) });
    }
  }

  unsubscribe(): void {
    this.#dropping = true;
    void this.drain();
  }

  #end(): void {
    this.#ended = true;
    this.#offBack();
    this.#forgetPulls();
    this.#clock.clearTimeout(this.#waiting);
  }

  #listen(): void {
    const { connection } = this.#options.link;
    this.#inbox = createInbox(connection.options?.inboxPrefix);
    this.#subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#onMessage(message);
      },
    });
    this.#subscription.closed.catch(() => {}); // told of by the status of the bus
  }

  /** After a reconnection: pulls of before may be known to the server or not, so they go, with their inbox. */
  #renew(): void {
    if (this.#ended) return;
    this.#forgetPulls();
    const old = this.#subscription;
    try {
      this.#listen();
      old?.drain().catch(() => {});
    } catch (error) {
      this.#options.logger.warn("pulling could not be started again", { reason: errorText(error) });
      return;
    }
    this.#waitMs = FIRST_WAIT_MS;
    this.#schedule();
  }

  #forgetPulls(): void {
    for (const id of [...this.#pulls.keys()]) this.#forget(id);
  }

  #forget(id: string): void {
    const pull = this.#pulls.get(id);
    if (pull === undefined) return;
    this.#clock.clearTimeout(pull.timer);
    this.#pulls.delete(id);
  }

  #onMessage(message: HeadedMessage): void {
    const { headers, reply } = message;
    if (!reply?.startsWith("$JS.ACK.")) {
      if (headers !== undefined && headers.code > 0)
        this.#onStatus(message.subject, headers.code, headers.description);
      return;
    }
    this.#waitMs = FIRST_WAIT_MS;
    const [first] = this.#pulls;
    if (first !== undefined && --first[1].left === 0) this.#forget(first[0]);
    this.#inHand++;
    const { link, patience, logger, onMessage } = this.#options;
    const onSettled = () => {
      this.#inHand--;
      this.#schedule();
    };
    const delivery = new JetStreamDelivery(reply, { link, patience, logger, onSettled });
    if (this.#dropping) return delivery.giveBack();
    const { subject, data } = message;
    // Version 2 of the client hands over Node's Buffer, whose slice() is a view.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    try {
      onMessage({ subject, data: bytes, delivery });
    } catch (error) {
      logger.error("message listener failed", { subject, reason: errorText(error) });
    }
    this.#schedule();
  }

  /** The server has ended a pull. */
  #onStatus(id: string, code: number, description: string): void {
    this.#forget(id);
    if (this.#ended) return;
    if (code === 408 || code === 404) return this.#schedule(); // its time was over
    const { logger, consumer } = this.#options;
    logger.warn("a pull was refused", { consumer, code, reason: description });
    const isGone = code === 503 || /consumer deleted/i.test(description);
    this.#later(isGone);
  }

  #later(restore: boolean): void {
    if (this.#waiting !== undefined) return;
    this.#waiting = this.#clock.setTimeout(() => {
      this.#waiting = undefined;
      if (this.#ended || !this.#options.link.connected) return; // the reconnection starts it again
      if (restore) void this.#restore();
      else this.#schedule();
    }, this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  async #restore(): Promise<void> {
    const { restore, logger, consumer } = this.#options;
    try {
      await restore();
      this.#schedule();
    } catch (error) {
      logger.error("a consumer is gone and cannot be made again yet", {
        consumer,
        reason: errorText(error),
      });
      if (!this.#ended) this.#later(true);
    }
  }

  /** Jobs that end in one turn make room for one pull. */
  #schedule(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pull();
    });
  }

  #pull(): void {
    const { link, maxInFlight, stream, consumer, logger } = this.#options;
    if (this.#ended || this.#waiting !== undefined || !link.connected) return;
    let asked = 0;
    for (const { left } of this.#pulls.values()) asked += left;
    const room = maxInFlight - this.#inHand - asked;
    // A few places more are not worth a request while another one is open.
    if (room <= 0 || (asked > 0 && room < maxInFlight / 4)) return;
    const batch = Math.min(room, MAX_BATCH);
    const id = `${this.#inbox}.${++this.#pullNumber}`;
    const request = JSON.stringify({ batch, expires: PULL_MS * NANOSECONDS });
    try {
      void link.bus.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
        new TextEncoder().encode(request),
        {
          reply: id,
        },
      );
    } catch (error) {
      logger.debug("a pull could not be sent", { reason: errorText(error) });
      return this.#later(false);
    }
    const timer = this.#clock.setTimeout(
      () => {
        this.#forget(id);
        this.#schedule();
      },
      PULL_MS + LOST_MS,
      { unref: true },
    );
    this.#pulls.set(id, { left: batch, timer });
  }
}
