/** {@link DurableBus} over JetStream. */
import { headers as natsHeaders } from "nats";
import { AgentwireError, ClosedError, errorText, UpstreamError, ValidationError } from "../../core/errors.js";
import { type Logger, safeLogger } from "../../core/logger.js";
import { checkOption, checkOptions, exactCount, milliseconds, type OptionRule } from "../../core/options.js";
import { assertSubject, type Bus, type BusMessage, retryWhileDown, type Subscription } from "../bus.js";
import type { DurableBus, DurableMessage, DurableSubscribeOptions, ReplayFrom, Stored } from "../durable.js";
import { PublishFailedError, SubscribeFailedError } from "../errors.js";
import { NatsBus, natsBus } from "../nats/bus.js";
import type { NatsConnection } from "../nats/connection.js";
import { type JetStreamApi, readAnswer } from "./api.js";
import { PullSubscription } from "./pull.js";
import { replay } from "./replay.js";
import { ACK_WAIT_MS, type Consumer, ensureConsumer, ensureStreams, streamOf } from "./streams.js";

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
  checkOption("bus", bus, "object");
  checkOptions(options, OPTIONS);
  const nats = "onStatus" in bus ? bus : natsBus(bus, options);
  if (!(nats instanceof NatsBus)) {
    throw new ValidationError("JetStream requires a bus of connectNats or natsBus", { code: "NOT_NATS" });
  }
  const streams = new JetStreamBus(nats, options);
  await streams.open();
  return streams;
}

const OPTIONS: { readonly [Name in keyof JetStreamOptions]?: OptionRule } = {
  createStreams: "boolean",
  storage: ["file", "memory"],
  replicas: { min: 1, max: 5, whole: true },
  startFrom: ["new", "all"],
  ackWaitMs: exactCount,
  maxAckPending: exactCount,
  maxInFlight: exactCount,
  againMs: milliseconds,
  timeoutMs: exactCount,
};

class JetStreamBus implements DurableBus {
  /** The shortest of the consumers this bus subscribed to: another peer may have created them. */
  ackWaitMs: number;
  readonly #api: JetStreamApi;
  readonly #options: JetStreamOptions;

  constructor(bus: NatsBus, options: JetStreamOptions) {
    const { timeoutMs = 5_000, ackWaitMs = ACK_WAIT_MS } = options;
    this.ackWaitMs = ackWaitMs;
    this.#api = { bus, timeoutMs };
    this.#options = options;
  }

  open(): Promise<void> {
    return ensureStreams(this.#api, this.#options);
  }

  async publish(
    subject: string,
    data: Uint8Array,
    { messageId }: { readonly messageId: string },
  ): Promise<Stored> {
    assertSubject(subject);
    const headers = messageIdHeaders(messageId);
    try {
      return await this.#whileDown(() => this.#publishOnce(subject, data, headers));
    } catch (error) {
      if (!(error instanceof AgentwireError) || error instanceof ClosedError) throw error;
      if (error instanceof PublishFailedError || error instanceof ValidationError) throw error;
      const { retryable } = error;
      const text = `no stream confirmed ${messageId}: ${errorText(error)}`;
      throw new PublishFailedError(text, { cause: error, retryable });
    }
  }

  async #publishOnce(subject: string, data: Uint8Array, headers: object): Promise<Stored> {
    const { bus, timeoutMs } = this.#api;
    try {
      const answer = await bus.ask(subject, data, timeoutMs, headers);
      const { stream, seq, duplicate } = readAnswer(answer.data, `publish ${subject}`);
      if (typeof stream === "string" && typeof seq === "number") {
        return { stream, sequence: seq, duplicate: duplicate === true };
      }
      throw new UpstreamError(`${subject}: expected a stream to respond, got a response of another peer`, {
        retryable: false,
      });
    } catch (error) {
      // Nobody listens: no stream has the subject, or the server is not ready yet and does not answer this either.
      const isUnheard = error instanceof AgentwireError && error.code === "NO_RESPONDERS";
      if (isUnheard) await streamOf(this.#api, subject);
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
    const { startFrom = "new", logger } = this.#options;
    const { queue, maxInFlight = this.#options.maxInFlight ?? 16 } = options;
    const ensure = async (from: string): Promise<Consumer> => {
      const consumer = await ensureConsumer(this.#api, subject, from, options, this.#options);
      this.ackWaitMs = Math.min(this.ackWaitMs, consumer.ackWaitMs);
      return consumer;
    };
    try {
      const consumer = await this.#whileDown(() => ensure(startFrom));
      return new PullSubscription({
        bus: this.#api.bus,
        consumer,
        subject,
        queue,
        maxInFlight,
        logger: safeLogger(logger),
        onMessage,
        restore: async () => {
          if (this.#options.createStreams) await this.open();
          // It starts where the one that was deleted had started: jobs may come again, and none is left out.
          await ensure(startFrom === "all" ? startFrom : consumer.created);
        },
      });
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      const { message, retryable } = error;
      throw new SubscribeFailedError(`${subject}: ${message}`, { cause: error, retryable });
    }
  }

  async replay(subject: string, onMessage: (message: BusMessage) => void, from?: ReplayFrom): Promise<void> {
    assertSubject(subject, { wildcards: true });
    await replay(this.#api, subject, onMessage, from);
  }

  #whileDown<T>(call: () => Promise<T>): Promise<T> {
    const { bus, timeoutMs } = this.#api;
    const { againMs = 30_000 } = this.#options;
    return retryWhileDown(bus, { againMs, timeoutMs, clock: bus.clock }, call);
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
