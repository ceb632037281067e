/** A subscription that is made again for as long as it is wanted. */
import type { Clock, TimerHandle } from "../../core/clock.js";
import type { AgentwireError } from "../../core/errors.js";
import type { NatsConnection, NatsMessage, NatsSubscription } from "./connection.js";
import { natsError } from "./errors.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/** What a subscription needs of its bus. */
export interface SubscriptionHost {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  /** Resolves when the server has read everything sent before. */
  flush(): Promise<void>;
  /** A subscription was lost (with the reason), or works again. */
  onLost(subscription: LastingSubscription, error: AgentwireError | undefined): void;
}

/**
 * Both clients drop a subscription whose permission the server takes away, and never ask again. This one asks again,
 * first after 250 ms and at most every 5 s, until the server allows it or it is ended.
 */
export class LastingSubscription {
  /** Why no messages arrive at present. */
  lost: AgentwireError | undefined;
  #current: NatsSubscription | undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: TimerHandle | undefined;
  #ended = false;

  constructor(
    readonly subject: string,
    readonly queue: string | undefined,
    readonly host: SubscriptionHost,
    readonly onMessage: (message: NatsMessage) => void,
  ) {}

  /** Subscribes. Resolves once the server knows. @throws SubscribeFailedError; what `natsError` returns. */
  async open(): Promise<void> {
    try {
      await this.#subscribe();
    } catch (error) {
      this.unsubscribe();
      throw natsError(error, "subscribe", this.subject);
    }
  }

  /** Subscribes without waiting for the server: what it refuses is tried again. @throws What the client throws. */
  openNow(): void {
    this.#send((error) => this.fail(error));
  }

  /** The server's refusal, also where the client cannot tell which subscription it means. */
  refuse(queue: string | undefined, error: AgentwireError): void {
    if (queue === undefined || queue === this.queue) this.fail(error);
  }

  /** Subscribes again after a pause. */
  fail(cause: Error): void {
    if (this.#ended || this.#timer !== undefined) return;
    const error = natsError(cause, "subscribe", this.subject);
    if (this.lost === undefined) this.host.onLost(this, error);
    this.lost = error;
    this.#timer = this.host.clock.setTimeout(() => void this.#again(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  unsubscribe(): void {
    this.#end();
    this.#current?.unsubscribe();
  }

  /** Resolves when everything the server sent before was delivered. */
  async drain(): Promise<void> {
    this.#end();
    if (this.#current?.isClosed() === false) await this.#current.drain();
  }

  #end(): void {
    this.#ended = true;
    this.host.clock.clearTimeout(this.#timer);
  }

  async #again(): Promise<void> {
    try {
      this.#current?.unsubscribe();
      await this.#subscribe();
    } catch (error) {
      this.#timer = undefined;
      return this.fail(error as Error);
    }
    this.#timer = undefined;
    if (this.#ended) return this.#current?.unsubscribe();
    this.lost = undefined;
    this.#waitMs = FIRST_WAIT_MS;
    this.host.onLost(this, undefined);
  }

  async #subscribe(): Promise<void> {
    let refusal: Error | undefined;
    let opening = true;
    this.#send((error) => {
      if (opening) refusal = error;
      else this.fail(error);
    });
    await this.host.flush(); // the server refuses a subscription before it answers this
    opening = false;
    if (refusal !== undefined) throw refusal;
  }

  #send(onError: (error: Error) => void): void {
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) this.onMessage(message);
      else onError(error);
    };
    const { queue } = this;
    const options = queue === undefined ? { callback } : { queue, callback };
    this.#current = this.host.connection.subscribe(this.subject, options);
    this.#current.closed.catch(() => {}); // version 3 rejects it with what the callback gets
  }
}
