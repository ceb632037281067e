/**
 * What a worker needs of a stream that keeps jobs until they are done. Shipped: JetStream
 * (`agentwire/cap/jetstream`). On a plain bus a message is delivered once, or never.
 */
import type { BusMessage, SubscribeOptions, Subscription } from "./bus.js";

/** One delivery of a message that a stream keeps until it is settled. */
export interface Delivery {
  /** Names the message: the same for each of its deliveries, and for no other message, whatever that contains. */
  readonly messageId: string;
  /** How often the message was delivered, this time included. */
  readonly attempt: number;
  /** It is done: never deliver it again. Resolves when the stream has said so; tell it after the result is out. */
  ack(): Promise<void>;
  /** It is being worked on: puts off the next delivery. */
  working(): void;
  /** Deliver it again, to anybody, after `delayMs` (default: at once). */
  giveBack(delayMs?: number): void;
  /** It can never be done: never deliver it again. */
  drop(reason: string): void;
}

/** A message that a stream keeps. */
export interface DurableMessage extends BusMessage {
  readonly delivery: Delivery;
}

/** The response of a stream to a publish. */
export interface Stored {
  readonly stream: string;
  readonly sequence: number;
  /** A message with this id was there already; nothing was added. */
  readonly duplicate: boolean;
}

/** Where {@link DurableBus.replay} starts: after a message of the stream, or at a time. */
export type ReplayFrom = { readonly afterSequence: number } | { readonly since: Date };

/** Options of {@link DurableBus.subscribe}. */
export interface DurableSubscribeOptions extends SubscribeOptions {
  /** Messages that may be in flight, taken and not yet settled. Default: that of the bus. */
  readonly maxInFlight?: number | undefined;
  /**
   * After how many deliveries a new consumer gives up on a message. A worker answers for its jobs before that. Default:
   * never.
   */
  readonly maxDeliver?: number | undefined;
}

/** Streams beside a {@link Bus}: what is published is confirmed, what is received is acknowledged. */
export interface DurableBus {
  /** A message goes to somebody else when nothing is heard of it for so long. */
  readonly ackWaitMs: number;
  /**
   * Publishes and waits until a stream has it. "ok" means stored.
   *
   * @throws PublishFailedError when no stream takes it; what {@link Bus.publish} throws.
   */
  publish(subject: string, data: Uint8Array, options: { readonly messageId: string }): Promise<Stored>;
  /**
   * Takes messages from the one consumer that all workers of `queue` share; without a queue, from one that is
   * this worker's alone.
   *
   * @throws NotFoundError naming the streams that are missing; SubscribeFailedError.
   */
  subscribe(
    subject: string,
    onMessage: (message: DurableMessage) => void,
    options?: DurableSubscribeOptions,
  ): Promise<Subscription>;
  /**
   * Calls `onMessage` for the messages that a stream has kept on a subject, the oldest first: all of them, or those from
   * a place on. Resolves when those that were there at the call have been handed over. Leaves nothing behind on the
   * server.
   *
   * @throws NotFoundError with the name of a missing stream; TimeoutError; ConnectionLostError.
   */
  replay?(
    subject: string,
    onMessage: (message: BusMessage) => void,
    from?: ReplayFrom | undefined,
  ): Promise<void>;
}
