/** {@link DurableBus} over JetStream. */
import { headers as natsHeaders } from "nats";
import { CONSUMER_MAX_ACK_PENDING } from "../../../gen/cap/index.js";
import { AgentwireError, ClosedError, errorText, UpstreamError, ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger } from "../../core/logger.js";
import { checkOptions, exactCount } from "../../core/options.js";
import type { Bus, BusMessage, Subscription } from "../bus.js";
import { assertSubject } from "../bus.js";
import type { DurableBus, DurableMessage, DurableSubscribeOptions, ReplayFrom, Stored } from "../durable.js";
import { PublishFailedError, SubscribeFailedError } from "../errors.js";
import { NatsBus, natsBus } from "../nats/bus.js";
import type { NatsConnection } from "../nats/connection.js";
import { readAnswer } from "./api.js";
import { type Consumer, ensureConsumer } from "./consumer.js";
import { PullSubscription } from "./pull.js";
import { replay } from "./replay.js";
import { retryWhileDown } from "./retry.js";
import { ensureStreams, streamOf } from "./streams.js";

/** Options of {@link openJetStream}. */
export interface JetStreamOptions {
  /** Create the streams CORDUM_SYS and CORDUM_JOBS if they are missing. Default: false, missing streams are an error. */
  readonly createStreams?: boolean | undefined;
  /** Where created streams keep their messages. Default: "file", as in Cordum. */
  readonly storage?: "file" | "memory" | undefined;
  /** Servers that keep a copy of a created stream. Default: 1. */
  readonly replicas?: number | undefined;
  /**
   * For created consumers: start with messages published from then on, or with `all` that the stream keeps, up to a
   * week, including jobs that others have done. An existing consumer continues where it was. Default: "new".
   */
  readonly startFrom?: "new" | "all" | undefined;
  /**
   * For created consumers: a message that is neither acknowledged nor reported as in progress for this long is delivered
   * to another worker. Workers report every third of this time. Default: 30000.
   */
  readonly ackWaitMs?: number | undefined;
  /** For created consumers: unacknowledged messages of all workers together. Default: 2048. */
  readonly maxAckPending?: number | undefined;
  /** How many messages of a subscription may be in flight. Use the worker's `concurrency`. Default: 16. */
  readonly maxInFlight?: number | undefined;
  /** How long publishing is retried while the server restarts. Default: 30000. */
  readonly againMs?: number | undefined;
  /** How long one request to the server may take. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** Short, so that the jobs of a killed worker are soon done by another. Cordum's own consumers wait 10 minutes. */
const ACK_WAIT_MS = 30_000;

/**
 * Opens JetStream on a bus of `connectNats` or `natsBus`, or on a connection of `nats` 2.x or
 * `@nats-io/transport-node` 3.x; no other package is needed. The bus stays the caller's.
 *
 * Subscriptions pull: each has at most `maxInFlight` messages in flight. They survive restarts and elections of the
 * servers, and a consumer or stream that was deleted is created again; `onStatus` of the bus reports it. Publications
 * are retried up to `againMs`; the message id prevents duplicates.
 *
 * @throws NotFoundError `MISSING_STREAM` with the names of missing streams, unless `createStreams`;
 * UnsupportedError `NO_JETSTREAM` for a server without it; ValidationError `NOT_NATS` for another bus; what a
 * request throws.
 */
export async function openJetStream(
  bus: Bus | NatsConnection,
  options: JetStreamOptions = {},
): Promise<DurableBus> {
  const nats = "onStatus" in bus ? bus : natsBus(bus, options);
  if (!(nats instanceof NatsBus)) {
    throw new ValidationError("JetStream requires a bus of connectNats or natsBus", { code: "NOT_NATS" });
  }
  const streams = new JetStreamBus(nats, options);
  await streams.open();
  return streams;
}

const COUNTS = {
  ackWaitMs: exactCount,
  maxAckPending: exactCount,
  maxInFlight: exactCount,
  timeoutMs: exactCount,
};

class JetStreamBus implements DurableBus {
  readonly #bus: NatsBus;
  readonly #options: JetStreamOptions;
  readonly #timeoutMs: number;
  readonly #retry: { readonly againMs: number; readonly timeoutMs: number };
  readonly #logger: Logger;
  #ackWaitMs: number;

  constructor(bus: NatsBus, options: JetStreamOptions) {
    checkOptions(options, COUNTS);
    this.#bus = bus;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#retry = { againMs: options.againMs ?? 30_000, timeoutMs: this.#timeoutMs };
    this.#logger = safeLogger(options.logger);
    this.#ackWaitMs = options.ackWaitMs ?? ACK_WAIT_MS;
  }

  /** The shortest of the consumers this bus subscribed to: another peer may have created them. */
  get ackWaitMs(): number {
    return this.#ackWaitMs;
  }

  async open(): Promise<void> {
    const { createStreams, storage = "file", replicas = 1 } = this.#options;
    await ensureStreams(this.#bus, this.#timeoutMs, createStreams ? { storage, replicas } : undefined);
  }

  async publish(
    subject: string,
    data: Uint8Array,
    { messageId }: { readonly messageId: string },
  ): Promise<Stored> {
    assertSubject(subject);
    const headers = messageIdHeaders(messageId);
    try {
      return await retryWhileDown(this.#bus, this.#retry, () => this.#publishOnce(subject, data, headers));
    } catch (error) {
      if (!(error instanceof AgentwireError) || error instanceof ClosedError) throw error;
      if (error instanceof PublishFailedError || error instanceof ValidationError) throw error;
      throw new PublishFailedError(`no stream confirmed ${messageId}: ${errorText(error)}`, {
        cause: error,
        retryable: error.retryable,
      });
    }
  }

  async #publishOnce(subject: string, data: Uint8Array, headers: object): Promise<Stored> {
    try {
      const answer = await this.#bus.ask(subject, data, this.#timeoutMs, headers);
      const { stream, seq, duplicate } = readAnswer(answer.data, `publish ${subject}`);
      if (typeof stream === "string" && typeof seq === "number") {
        return { stream, sequence: seq, duplicate: duplicate === true };
      }
      throw new UpstreamError(`${subject}: expected a stream to respond, got a response of another peer`, {
        retryable: false,
      });
    } catch (error) {
      // Nobody listens: no stream has the subject, or the server is not ready yet and does not answer this either.
      if (error instanceof AgentwireError && error.code === "NO_RESPONDERS") {
        await streamOf(this.#bus, this.#timeoutMs, subject);
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
    checkOptions(options, { maxInFlight: exactCount, maxDeliver: exactCount });
    const { queue, maxInFlight = this.#options.maxInFlight ?? 16 } = options;
    const { startFrom = "new" } = this.#options;
    try {
      const consumer = await retryWhileDown(this.#bus, this.#retry, () =>
        this.#consumer(subject, options, startFrom),
      );
      // One that was deleted starts where it had started: jobs may come again, and none is left out.
      const again = startFrom === "all" ? startFrom : consumer.created;
      return new PullSubscription({
        bus: this.#bus,
        consumer,
        subject,
        queue,
        maxInFlight,
        logger: this.#logger,
        onMessage,
        restore: async () => {
          if (this.#options.createStreams) await this.open();
          await this.#consumer(subject, options, again);
        },
      });
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      throw new SubscribeFailedError(`${subject}: ${error.message}`, {
        cause: error,
        retryable: error.retryable,
      });
    }
  }

  async replay(subject: string, onMessage: (message: BusMessage) => void, from?: ReplayFrom): Promise<void> {
    assertSubject(subject, { wildcards: true });
    const stream = await streamOf(this.#bus, this.#timeoutMs, subject);
    await replay(this.#bus, { stream, subject, from, timeoutMs: this.#timeoutMs }, onMessage);
  }

  async #consumer(
    subject: string,
    { queue, maxDeliver }: DurableSubscribeOptions,
    startFrom: string,
  ): Promise<Consumer> {
    const stream = await streamOf(this.#bus, this.#timeoutMs, subject);
    const consumer = await ensureConsumer(this.#bus, this.#timeoutMs, {
      stream,
      subject,
      queue,
      startFrom,
      maxDeliver,
      ackWaitMs: this.#options.ackWaitMs ?? ACK_WAIT_MS,
      maxAckPending: this.#options.maxAckPending ?? CONSUMER_MAX_ACK_PENDING,
    });
    this.#ackWaitMs = Math.min(this.#ackWaitMs, consumer.ackWaitMs);
    return consumer;
  }
}

/** Both clients only ask headers for their bytes, so those of version 2 serve version 3. */
function messageIdHeaders(messageId: string): object {
  const made = natsHeaders();
  try {
    made.set("Nats-Msg-Id", messageId);
  } catch (error) {
    throw new ValidationError(`invalid message id: ${JSON.stringify(messageId)}`, { cause: error });
  }
  return made;
}
