/** A subscription that is made again for as long as it is wanted. */
import type { TimerHandle } from "../../core/clock.js";
import type { AgentwireError } from "../../core/errors.js";
import type { Subscription } from "../bus.js";
import type { NatsBus } from "./bus.js";
import type { NatsMessage, NatsSubscription } from "./connection.js";
import { natsError } from "./errors.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/**
 * Both clients drop a subscription whose permission the server takes away, and never ask again. This one asks again,
 * first after 250 ms and at most every 5 s, until the server allows it or it is ended.
 */
export class LastingSubscription implements Subscription {
  /** Why no messages arrive at present. */
  lost: AgentwireError | undefined;
  readonly #bus: NatsBus;
  readonly #onMessage: (message: NatsMessage) => void;
  #current: NatsSubscription | undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: TimerHandle | undefined;
  /** It was open: the bus gets a report of its end. */
  #known = false;
  #ended = false;

  constructor(
    bus: NatsBus,
    readonly subject: string,
    readonly queue: string | undefined,
    onMessage: (message: NatsMessage) => void,
  ) {
    this.#bus = bus;
    this.#onMessage = onMessage;
  }

  /** Subscribes without waiting for the server: what it refuses is tried again. @throws What the client throws. */
  openNow(): void {
    this.#known = true;
    this.#send();
  }

  /** Subscribes; resolves once the server knows. What failed is in `lost`, and is tried again. */
  async open(): Promise<void> {
    try {
      this.#current?.unsubscribe();
      this.#send();
      await this.#bus.flushed(`subscribing to ${this.subject}`); // the server refuses it before it answers this
    } catch (error) {
      this.fail(error);
    }
    if (this.#timer !== undefined || this.#ended) return;
    this.#known = true;
    this.#waitMs = FIRST_WAIT_MS;
    if (this.lost === undefined) return;
    this.lost = undefined;
    this.#bus.restored(this);
  }

  /** Subscribes again after a pause. Two reports of one refusal are one. */
  fail(cause: unknown): void {
    if (this.#ended || this.#timer !== undefined) return;
    const error = natsError(cause, "subscribe", this.subject);
    if (this.lost === undefined && this.#known) this.#bus.report(error);
    this.lost = error;
    this.#timer = this.#bus.clock.setTimeout(() => {
      this.#timer = undefined;
      void this.open();
    }, this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  /** Resolves when everything the server sent before was delivered. @throws What `natsError` returns. */
  async drain(): Promise<void> {
    this.#ended = true;
    try {
      const current = this.#current;
      if (this.#bus.status() !== "connected" || current === undefined || current.isClosed()) return;
      await this.#bus.bounded(() => current.drain(), `draining ${this.subject}`);
    } catch (error) {
      throw natsError(error, "drain", this.subject);
    } finally {
      this.unsubscribe();
    }
  }

  unsubscribe(): void {
    this.#ended = true;
    this.#bus.clock.clearTimeout(this.#timer);
    this.#bus.forget(this);
    try {
      this.#current?.unsubscribe();
    } catch {} // the connection is closed
  }

  #send(): void {
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) this.#onMessage(message);
      else this.fail(error);
    };
    const { subject, queue } = this;
    const options = queue === undefined ? { callback } : { queue, callback };
    this.#current = this.#bus.connection.subscribe(subject, options);
    this.#current.closed.catch(() => {}); // version 3 rejects it with what the callback gets
  }
}
