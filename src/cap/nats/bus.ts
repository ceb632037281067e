/** A {@link Bus} over a NATS connection. */
import { raceSignal, withDeadline } from "../../core/abort.js";
import { Emitter } from "../../core/emitter.js";
import type { AgentwireError } from "../../core/errors.js";
import { ClosedError, errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger } from "../../core/logger.js";
import type { Bus, BusMessage, BusStatus, RequestOptions, SubscribeOptions, Subscription } from "../bus.js";
import { assertSubject } from "../bus.js";
import { ConnectionLostError, PublishFailedError } from "../errors.js";
import type { NatsConnection, NatsMessage, NatsStatus, NatsSubscription } from "./connection.js";
import { rememberConnection } from "./connection-of.js";
import { natsError } from "./errors.js";
import { Outbox } from "./outbox.js";
import { guardSocket } from "./socket-guard.js";

/** Options of {@link natsBus}. */
export interface NatsBusOptions {
  /** How long subscribing, flushing and draining may wait for the server. Default: 10000. */
  readonly timeoutMs?: number | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/**
 * The bus behind a NATS connection of `nats` 2.x or `@nats-io/transport-node` 3.x.
 *
 * `publish` fails at once while the connection is being made anew (the clients would drop the message without
 * a word), and for a message larger than the server takes. Subscriptions survive a reconnection; what is
 * published meanwhile does not reach them. Errors are this package's, whichever client made them: see
 * `natsError`.
 *
 * Whoever made the connection may also use it directly. `close` and `drain` end it.
 */
export function natsBus(connection: NatsConnection, options: NatsBusOptions = {}): Bus {
  return new NatsBus(connection, options);
}

const STATUS_OF_EVENT: Readonly<Record<string, BusStatus>> = {
  disconnect: "reconnecting",
  reconnect: "connected",
};

class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #outbox: Outbox;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  readonly #events: Emitter<{ status: { status: BusStatus; error?: AgentwireError } }>;
  #status: BusStatus;
  /** The last one found good: most messages of a party go to one subject. */
  #lastSubject: string | undefined;

  constructor(connection: NatsConnection, options: NatsBusOptions) {
    this.#connection = connection;
    this.#outbox = new Outbox(connection, (error, subject) =>
      this.#set(this.#status, natsError(error, "publish", subject)),
    );
    rememberConnection(this, { connection, hurry: () => this.#outbox.empty() });
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.#status = connection.isClosed() ? "closed" : "connected";
    if (this.#status === "closed") return;
    guardSocket(connection);
    void this.#follow();
    connection.closed().then(
      (reason) => this.#set("closed", reason instanceof Error ? natsError(reason, "run") : undefined),
      (error: unknown) => this.#set("closed", natsError(error, "run")),
    );
  }

  publish(subject: string, data: Uint8Array, options: { readonly reply?: string } = {}): void {
    if (subject !== this.#lastSubject) {
      assertSubject(subject);
      this.#lastSubject = subject;
    }
    if (this.#status === "closed") throw new ClosedError("the NATS connection is closed");
    if (this.#status === "reconnecting") {
      throw new ConnectionLostError(`NATS publish ${subject}: the connection is being made anew`);
    }
    const limit = this.#connection.info?.max_payload ?? Infinity;
    if (data.length > limit) {
      throw new PublishFailedError(`message of ${data.length} bytes is larger than the server allows`, {
        retryable: false,
        details: { maxPayloadBytes: limit },
      });
    }
    this.#outbox.add(subject, data, options.reply);
  }

  async subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    assertSubject(subject, { wildcards: true });
    let refusal: Error | undefined;
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error !== null) {
        refusal = error;
        return;
      }
      try {
        onMessage(new Received(message));
      } catch (thrown) {
        this.#logger.error("message listener failed", { subject, reason: errorText(thrown) });
      }
    };
    const { queue } = options;
    let made: NatsSubscription | undefined;
    try {
      this.#outbox.empty();
      made = this.#connection.subscribe(subject, queue === undefined ? { callback } : { queue, callback });
      made.closed.catch(() => {}); // told of by `refusal` and by the status
      // The server answers a refused subscription before it answers this.
      await this.#inTime(this.#connection.flush(), `subscribing to ${subject}`);
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      this.#quietly(() => made?.unsubscribe());
      throw natsError(error, "subscribe", subject);
    }
    const subscription = made;
    return {
      subject,
      queue,
      drain: async () => {
        if (subscription.isClosed() || this.#status !== "connected") {
          return this.#quietly(() => subscription.unsubscribe());
        }
        try {
          await this.#inTime(subscription.drain(), `draining ${subject}`);
        } catch (error) {
          this.#quietly(() => subscription.unsubscribe());
          throw natsError(error, "drain", subject);
        }
      },
      unsubscribe: () => this.#quietly(() => subscription.unsubscribe()),
    };
  }

  async request(subject: string, data: Uint8Array, options: RequestOptions = {}): Promise<BusMessage> {
    assertSubject(subject);
    const { timeoutMs = 5000, signal } = options;
    if (signal?.aborted) return raceSignal(Promise.reject(), signal);
    try {
      this.#outbox.empty(); // what was published before is to arrive before
      const answer = this.#connection.request(subject, data, { timeout: Math.max(1, timeoutMs) });
      return new Received(await raceSignal(answer, signal));
    } catch (error) {
      throw natsError(error, "request", subject);
    }
  }

  async flush(): Promise<void> {
    try {
      this.#outbox.empty();
      await this.#inTime(this.#connection.flush(), "flushing");
    } catch (error) {
      throw natsError(error, "flush");
    }
  }

  async drain(): Promise<void> {
    if (this.#status === "closed" || this.#status === "draining") return;
    if (this.#status !== "connected") return this.close(); // nothing that could still arrive
    this.#set("draining");
    this.#outbox.empty();
    try {
      await this.#inTime(this.#connection.drain(), "draining");
    } catch (error) {
      this.#logger.warn("the NATS connection could not be drained; it is closed", {
        reason: errorText(error),
      });
    }
    await this.close();
  }

  async close(): Promise<void> {
    if (!this.#connection.isClosed()) {
      this.#outbox.empty();
      await this.#connection.close();
    }
    this.#set("closed");
  }

  status(): BusStatus {
    return this.#status;
  }

  onStatus(listener: (status: BusStatus, error?: AgentwireError) => void): () => void {
    return this.#events.on("status", ({ status, error }) => listener(status, error));
  }

  #inTime<T>(work: Promise<T>, what: string): Promise<T> {
    return withDeadline({ timeoutMs: this.#timeoutMs, what }, () => work);
  }

  #set(status: BusStatus, error?: AgentwireError): void {
    if (this.#status === "closed" || (status === this.#status && error === undefined)) return;
    this.#status = status;
    const bad = error !== undefined || status === "reconnecting";
    this.#logger[bad ? "warn" : "info"]("NATS connection", { status, reason: error?.message });
    this.#events.emit("status", error === undefined ? { status } : { status, error });
  }

  async #follow(): Promise<void> {
    try {
      for await (const event of this.#connection.status()) this.#onEvent(event);
    } catch (error) {
      this.#logger.warn("status of the NATS connection is not known any more", { reason: errorText(error) });
    }
  }

  #onEvent(event: NatsStatus): void {
    const next = STATUS_OF_EVENT[event.type];
    if (next === "connected") guardSocket(this.#connection);
    if (next !== undefined) {
      // A connection that drains stays so until it is closed.
      if (this.#status !== "draining") this.#set(next);
    } else if (event.type === "error") {
      this.#set(this.#status, natsError(event.error ?? errorOf(event), "run"));
    } else if (event.type === "slowConsumer") {
      this.#set(this.#status, new ConnectionLostError("a listener is too slow for what arrives"));
    }
  }

  /** For calls that complain about a connection that has gone, which is what they are to bring about. */
  #quietly(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.debug("NATS call after the end", { reason: errorText(error) });
    }
  }
}

/** A message of the client with bytes of the plain kind. Its subject is text only when somebody asks. */
class Received implements BusMessage {
  readonly #message: NatsMessage;
  readonly data: Uint8Array;

  constructor(message: NatsMessage) {
    this.#message = message;
    const { data } = message;
    // Version 2 hands over Node's Buffer, whose slice() is a view where everybody expects a copy.
    this.data =
      data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
  }

  get subject(): string {
    return this.#message.subject;
  }

  get reply(): string | undefined {
    return this.#message.reply || undefined;
  }
}

/** Version 2 tells only the code of an error, and for a permission what it is about. */
function errorOf({ data, permissionContext: about }: NatsStatus): Error {
  const text = about === undefined ? String(data) : `${String(data)} (${about.operation} ${about.subject})`;
  return Object.assign(new Error(text), { code: data });
}
