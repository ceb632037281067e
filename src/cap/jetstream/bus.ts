/** {@link DurableBus} over JetStream. */
import { headers as natsHeaders } from "nats";
import { CONSUMER_ACK_WAIT_MS, CONSUMER_MAX_ACK_PENDING } from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";
import { AgentwireError, ClosedError, errorText, UpstreamError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger } from "../../core/logger.js";
import type { Bus, Subscription } from "../bus.js";
import { assertSubject } from "../bus.js";
import type { DurableBus, DurableMessage, DurableSubscribeOptions, Stored } from "../durable.js";
import { PublishFailedError, SubscribeFailedError } from "../errors.js";
import type { NatsConnection } from "../nats/connection.js";
import { readAnswer } from "./api.js";
import { ensureConsumer } from "./consumer.js";
import { Link } from "./link.js";
import type { Patience } from "./patience.js";
import { patiently } from "./patience.js";
import { PullSubscription } from "./pull.js";
import { ensureStreams, streamOf } from "./streams.js";

/** Options of {@link openJetStream}. */
export interface JetStreamOptions {
  /** Make the streams CORDUM_SYS and CORDUM_JOBS where they are missing. Default: false, that is an error. */
  readonly createStreams?: boolean | undefined;
  /** Where streams that are made keep their messages. Default: "file", as Cordum has it. */
  readonly storage?: "file" | "memory" | undefined;
  /** Servers that keep a copy of a stream that is made. Default: 1. */
  readonly replicas?: number | undefined;
  /**
   * For consumers that are made: begin with what is published from then on, or with `all` that the stream keeps, up to
   * a week, jobs that others have done included. A consumer that is there goes on where it was. Default: "new".
   */
  readonly startFrom?: "new" | "all" | undefined;
  /** For consumers that are made: a message goes to somebody else when nothing is heard of it. Default: 600000. */
  readonly ackWaitMs?: number | undefined;
  /** For consumers that are made: unacknowledged messages of all workers together. Default: 2048. */
  readonly maxAckPending?: number | undefined;
  /** Messages of one subscription that may be in hand: what the worker can run at once. Default: 16. */
  readonly maxInFlight?: number | undefined;
  /** How long publishing goes on while the server restarts; acknowledging at most 3000. Default: 30000. */
  readonly againMs?: number | undefined;
  /** How long one request to the server may take. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens JetStream on a bus of `connectNats` or `natsBus`, or on a connection of `nats` 2.x or
 * `@nats-io/transport-node` 3.x; nothing else has to be installed. The bus stays the caller's.
 *
 * Subscriptions pull: each has at most `maxInFlight` messages in hand. They survive a restart of the server,
 * and publications wait for its return up to `againMs`; the message id keeps what is sent twice from being
 * stored twice.
 *
 * @throws NotFoundError `MISSING_STREAM`, naming the streams that are missing, unless `createStreams`;
 * UnsupportedError `NO_JETSTREAM` for a server without it; ValidationError `NOT_NATS` for another bus; what a
 * request throws.
 */
export async function openJetStream(
  bus: Bus | NatsConnection,
  options: JetStreamOptions = {},
): Promise<DurableBus> {
  const made = new JetStreamBus(new Link(bus), options);
  await made.open();
  return made;
}

class JetStreamBus implements DurableBus {
  readonly #link: Link;
  readonly #options: JetStreamOptions;
  readonly #timeoutMs: number;
  readonly #patience: Patience;
  readonly #logger: Logger;
  #ackWaitMs: number;

  constructor(link: Link, options: JetStreamOptions) {
    for (const name of ["ackWaitMs", "maxAckPending", "maxInFlight", "timeoutMs"] as const) {
      assertCount(name, options[name]);
    }
    this.#link = link;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    const { againMs = 30_000, clock } = options;
    this.#patience = { againMs, timeoutMs: this.#timeoutMs, clock };
    this.#logger = safeLogger(options.logger);
    this.#ackWaitMs = options.ackWaitMs ?? CONSUMER_ACK_WAIT_MS;
  }

  /** The shortest of those consumers that this bus subscribed to: another party may have made them. */
  get ackWaitMs(): number {
    return this.#ackWaitMs;
  }

  async open(): Promise<void> {
    const { createStreams, storage = "file", replicas = 1 } = this.#options;
    await ensureStreams(this.#link, this.#timeoutMs, createStreams ? { storage, replicas } : undefined);
  }

  async publish(
    subject: string,
    data: Uint8Array,
    { messageId }: { readonly messageId: string },
  ): Promise<Stored> {
    assertSubject(subject);
    const headers = messageIdHeaders(messageId);
    try {
      return await patiently(this.#link, this.#patience, () => this.#publishOnce(subject, data, headers));
    } catch (error) {
      if (!(error instanceof AgentwireError) || error instanceof ClosedError) throw error;
      if (error instanceof PublishFailedError || error instanceof ValidationError) throw error;
      throw new PublishFailedError(`no stream took ${messageId}: ${errorText(error)}`, {
        cause: error,
        retryable: error.retryable,
      });
    }
  }

  async #publishOnce(subject: string, data: Uint8Array, headers: unknown): Promise<Stored> {
    const timeoutMs = this.#timeoutMs;
    try {
      const answer = await this.#link.request(subject, data, { timeoutMs, headers });
      const { stream, seq, duplicate } = readAnswer(answer.data, `publish ${subject}`);
      if (typeof stream === "string" && typeof seq === "number") {
        return { stream, sequence: seq, duplicate: duplicate === true };
      }
      throw new UpstreamError(`${subject}: somebody else than a stream has answered`, { retryable: false });
    } catch (error) {
      // Nobody listens: no stream has the subject, or the server is not ready yet and does not answer this either.
      if (error instanceof AgentwireError && error.code === "NO_RESPONDERS") {
        await streamOf(this.#link, timeoutMs, subject);
      }
      throw error;
    }
  }

  async subscribe(
    subject: string,
    onMessage: (message: DurableMessage) => void,
    options: DurableSubscribeOptions = {},
  ): Promise<Subscription> {
    assertSubject(subject, { wildcards: true });
    assertCount("maxInFlight", options.maxInFlight);
    const { queue, maxInFlight = this.#options.maxInFlight ?? 16, maxDeliver = -1 } = options;
    try {
      const { startFrom = "new" } = this.#options;
      const { stream, consumer, created } = await patiently(this.#link, this.#patience, () =>
        this.#consumer(subject, queue, startFrom, maxDeliver),
      );
      // One that is deleted begins where it had begun: jobs may come again, none is left out.
      const again = startFrom === "all" ? startFrom : created;
      const subscription = new PullSubscription({
        link: this.#link,
        stream,
        consumer,
        subject,
        queue,
        maxInFlight,
        patience: this.#patience,
        logger: this.#logger,
        clock: this.#options.clock,
        onMessage,
        restore: () => this.#consumer(subject, queue, again, maxDeliver),
      });
      subscription.start();
      return subscription;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      throw new SubscribeFailedError(`${subject}: ${error.message}`, {
        cause: error,
        retryable: error.retryable,
      });
    }
  }

  async #consumer(
    subject: string,
    queue: string | undefined,
    startFrom: string,
    maxDeliver: number,
  ): Promise<{ readonly stream: string; readonly consumer: string; readonly created: string }> {
    const stream = await streamOf(this.#link, this.#timeoutMs, subject);
    const { name, ackWaitMs, created } = await ensureConsumer(this.#link, this.#timeoutMs, {
      stream,
      subject,
      queue,
      startFrom,
      maxDeliver,
      ackWaitMs: this.#options.ackWaitMs ?? CONSUMER_ACK_WAIT_MS,
      maxAckPending: this.#options.maxAckPending ?? CONSUMER_MAX_ACK_PENDING,
    });
    this.#ackWaitMs = Math.min(this.#ackWaitMs, ackWaitMs);
    return { stream, consumer: name, created };
  }
}

/** Both clients only ask headers for their bytes, so those of version 2 serve version 3. */
function messageIdHeaders(messageId: string): unknown {
  const made = natsHeaders();
  try {
    made.set("Nats-Msg-Id", messageId);
  } catch (error) {
    throw new ValidationError(`not a message id: ${JSON.stringify(messageId)}`, { cause: error });
  }
  return made;
}

function assertCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return;
  throw new ValidationError(`${name} must be a whole number above 0, not ${value}`);
}
