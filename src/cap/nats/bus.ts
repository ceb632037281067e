/** A {@link Bus} over a NATS connection. */
import { withDeadline } from "../../core/abort.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { Emitter } from "../../core/emitter.js";
import type { AgentwireError } from "../../core/errors.js";
import { ClosedError, errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { safeLogger } from "../../core/logger.js";
import type { Bus, BusMessage, BusStatus, SubscribeOptions, Subscription } from "../bus.js";
import { assertSubject } from "../bus.js";
import { ConnectionLostError, PublishFailedError, SubscribeFailedError } from "../errors.js";
import type { NatsConnection, NatsMessage, NatsStatus } from "./connection.js";
import { natsError, permissionOf, statusError } from "./errors.js";
import { watchLoop } from "./loop-lag.js";
import { guardSocket, type Transport, transportOf } from "./sockets.js";
import { LastingSubscription } from "./subscription.js";

/** Options of {@link natsBus}. */
export interface NatsBusOptions {
  /** How long an attempt to connect, subscribing, flushing and draining may take. Default: 10000. */
  readonly timeoutMs?: number | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * The bus behind a NATS connection of `nats` 2.x or `@nats-io/transport-node` 3.x.
 *
 * `publish` fails at once while the connection is lost (the clients would silently drop the message), and for a
 * message larger than the server allows. Subscriptions survive a reconnection, and permissions that the server takes
 * away for a while; messages published meanwhile do not reach them. Errors are those of this package, whichever client
 * threw them: see `natsError`.
 *
 * The owner of the connection may also use it directly. `close` and `drain` end it.
 */
export function natsBus(connection: NatsConnection, options: NatsBusOptions = {}): Bus {
  return new NatsBus(connection, options);
}

/** @internal What streams and subscriptions use of it beside {@link Bus}. */
export class NatsBus implements Bus {
  readonly copies = true;
  readonly clock: Clock;
  readonly #connection: NatsConnection;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  readonly #events: Emitter<{ status: { status: BusStatus; error?: AgentwireError } }>;
  readonly #subscriptions = new Set<LastingSubscription>();
  readonly #loop = watchLoop();
  /** Published in this turn of the event loop, and not handed to the client yet. */
  #outgoing: { subject: string; data: Uint8Array; options: { reply?: string } | undefined }[] = [];
  readonly #endDial: () => void;
  #dial: Transport | undefined;
  #status: BusStatus = "connected";
  /** Why the connection is about to be lost. */
  #reason: AgentwireError | undefined;
  #logged: string | undefined;
  /** The last subject found valid: most messages go to the same one. */
  #lastSubject: string | undefined;

  /** `endDial` ends an attempt to connect that has no socket in the client yet. */
  constructor(connection: NatsConnection, options: NatsBusOptions, endDial = (): void => {}) {
    this.#connection = connection;
    this.#endDial = endDial;
    this.clock = options.clock ?? systemClock;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    if (connection.isClosed()) {
      this.#set("closed");
      return;
    }
    guardSocket(connection);
    void this.#follow();
    connection.closed().then(
      (reason) => this.#set("closed", reason instanceof Error ? natsError(reason, "run") : undefined),
      (error: unknown) => this.#set("closed", natsError(error, "run")),
    );
  }

  /**
   * The clients write to their socket in the microtask after a publish. What a worker publishes for the jobs of one
   * chunk comes in as many microtasks, so each result would be a system call and a TCP segment of its own: what is
   * published in one turn of the event loop is sent together.
   */
  publish(subject: string, data: Uint8Array, options?: { readonly reply?: string }): void {
    if (subject !== this.#lastSubject) {
      assertSubject(subject);
      this.#lastSubject = subject;
    }
    if (!this.connected) throw this.#unconnected();
    this.#assertFits(data.length);
    if (this.#outgoing.push({ subject, data, options }) === 1) setImmediate(() => this.#sendNow());
  }

  async subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    assertSubject(subject, { wildcards: true });
    const subscription = this.#subscription(subject, options.queue, (message) => {
      try {
        onMessage(received(message));
      } catch (thrown) {
        this.#logger.error("message listener failed", { subject, reason: errorText(thrown) });
      }
    });
    await subscription.open();
    if (subscription.lost === undefined) return subscription;
    subscription.unsubscribe();
    throw subscription.lost;
  }

  async flush(): Promise<void> {
    try {
      await this.flushed("flushing");
    } catch (error) {
      throw natsError(error, "flush");
    }
  }

  async drain(): Promise<void> {
    if (this.#status === "closed" || this.#status === "draining") return;
    if (this.#status !== "connected") return this.close(); // nothing could arrive
    this.#set("draining");
    try {
      await this.bounded(() => this.connection.drain(), "draining");
    } catch (error) {
      this.#logger.warn("the NATS connection could not be drained and is closed", {
        reason: errorText(error),
      });
    }
    await this.close();
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    if (!this.connection.isClosed()) {
      this.#sendNow();
      const isDialing = this.#status === "reconnecting";
      await this.connection.close();
      if (isDialing) {
        // The client does not stop a dial, which may get its socket a moment from now.
        const stop = () => {
          this.#endDial();
          transportOf(this.connection)?.socket?.destroy();
        };
        stop();
        this.clock.setTimeout(stop, this.#timeoutMs, { unref: true });
      }
    }
    this.#set("closed");
  }

  status(): BusStatus {
    return this.#status;
  }

  onStatus(listener: (status: BusStatus, error?: AgentwireError) => void): () => void {
    return this.#events.on("status", ({ status, error }) => listener(status, error));
  }

  /** Not a field: it holds credentials that `inspect` would show. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  get inboxPrefix(): string | undefined {
    return this.#connection.options?.inboxPrefix;
  }

  get connected(): boolean {
    return this.#status === "connected" || this.#status === "draining";
  }

  /**
   * Sends a request and resolves with the first response.
   *
   * @throws ConnectionLostError as soon as the connection is lost: the clients would wait until the time is over; what
   * `natsError` returns.
   */
  async ask(subject: string, data: Uint8Array, timeoutMs: number, headers?: object): Promise<NatsMessage> {
    if (!this.connected) throw this.#unconnected();
    this.#assertFits(data.length);
    let off = (): void => {};
    const lost = new Promise<never>((_, reject) => {
      off = this.#events.on("status", () => {
        if (!this.connected) reject(this.#unconnected());
      });
    });
    try {
      this.#sendNow(); // messages published before arrive before
      const response = this.connection.request(subject, data, { timeout: Math.max(1, timeoutMs), headers });
      return await Promise.race([response, lost]);
    } catch (error) {
      throw natsError(error, "request", subject);
    } finally {
      off();
    }
  }

  /** Subscribes without waiting for the server. @throws What the client's `subscribe` throws. */
  listen(subject: string, onMessage: (message: NatsMessage) => void): LastingSubscription {
    const subscription = this.#subscription(subject, undefined, onMessage);
    subscription.openNow();
    return subscription;
  }

  /** Resolves when the server has read everything sent before. @throws What the client throws; TimeoutError. */
  flushed(what: string): Promise<void> {
    return this.bounded(() => this.connection.flush(), what);
  }

  /** Runs a call of the client within the time it may take. Messages published before arrive before. */
  bounded<T>(call: () => Promise<T>, what: string): Promise<T> {
    return withDeadline({ timeoutMs: this.#timeoutMs, what }, () => {
      this.#sendNow();
      return call();
    });
  }

  /** Reports an error that does not change the status: to the log, and to the listeners of `onStatus`. */
  report(error: AgentwireError): void {
    this.#set(this.#status, error);
  }

  /** A subscription that was lost works again. */
  restored({ subject, queue }: LastingSubscription): void {
    this.#logger.info("subscribed again", { subject, queue });
    this.#events.emit("status", { status: this.#status });
  }

  /** A subscription has ended. */
  forget(subscription: LastingSubscription): void {
    this.#subscriptions.delete(subscription);
  }

  #subscription(subject: string, queue: string | undefined, onMessage: (message: NatsMessage) => void) {
    const subscription = new LastingSubscription(this, subject, queue, onMessage);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #sendNow(): void {
    const outgoing = this.#outgoing;
    if (outgoing.length === 0) return;
    this.#outgoing = [];
    for (const { subject, data, options } of outgoing) {
      try {
        this.#connection.publish(subject, data, options);
      } catch (error) {
        this.report(natsError(error, "publish", subject));
      }
    }
  }

  #assertFits(bytes: number): void {
    const limit = this.connection.info?.max_payload ?? Infinity;
    if (bytes <= limit) return;
    throw new PublishFailedError(`message of ${bytes} bytes exceeds the server's max_payload of ${limit}`, {
      retryable: false,
      details: { maxPayloadBytes: limit },
    });
  }

  #unconnected(): AgentwireError {
    if (this.#status === "closed") return new ClosedError("the NATS connection is closed");
    return new ConnectionLostError("the NATS connection is lost; reconnecting");
  }

  #set(status: BusStatus, error?: AgentwireError): void {
    if (this.#status === "closed" || (status === this.#status && error === undefined)) return;
    const changed = status !== this.#status;
    this.#status = status;
    if (status === "closed") this.#loop.stop();
    // Attempts to reconnect that fail for the same reason are logged once.
    if (changed || status !== "reconnecting" || error?.message !== this.#logged) {
      const isDenied = error instanceof PublishFailedError || error instanceof SubscribeFailedError;
      const level = isDenied ? "error" : error !== undefined || status === "reconnecting" ? "warn" : "info";
      this.#logger[level]("NATS connection", { status, reason: error?.message });
    }
    this.#logged = error?.message;
    this.#events.emit("status", error === undefined ? { status } : { status, error });
  }

  async #follow(): Promise<void> {
    try {
      for await (const event of this.connection.status()) this.#onEvent(event);
    } catch (error) {
      this.#logger.warn("cannot follow the status of the NATS connection any longer", {
        reason: errorText(error),
      });
    }
  }

  #onEvent(event: NatsStatus): void {
    switch (event.type) {
      case "disconnect":
        // A connection that drains stays so until it is closed.
        if (this.#status !== "draining") this.#set("reconnecting", this.#reason ?? this.#loop.reason());
        this.#reason = undefined;
        return;
      case "reconnecting":
        this.#dropDial();
        this.#dial = transportOf(this.connection);
        return;
      case "reconnect":
        this.#dropDial();
        this.#dial = undefined;
        guardSocket(this.connection);
        if (this.#status !== "draining") this.#set("connected");
        return;
      case "staleConnection":
        this.#reason = new ConnectionLostError("the server did not answer three pings");
        return;
      case "error":
        return this.#onError(event);
      case "slowConsumer":
        return this.report(new ConnectionLostError("a listener is too slow for the messages that arrive"));
      default:
    }
  }

  #onError(event: NatsStatus): void {
    const error = statusError(event);
    const permission = permissionOf(event);
    if (permission?.operation === "subscription") {
      const { subject, queue } = permission;
      const refused = [...this.#subscriptions].filter(
        (one) => one.subject === subject && (queue === undefined || one.queue === queue),
      );
      for (const one of refused) one.fail(error);
      if (refused.length > 0) return;
    } else if (permission === undefined && this.#status === "connected") {
      this.#reason = error; // the server closes the connection next
    }
    this.report(error);
  }

  /** A dial that the client gave up stays open for ever with version 2. */
  #dropDial(): void {
    if (this.#dial !== transportOf(this.connection)) this.#dial?.socket?.destroy();
  }
}

function received(message: NatsMessage): BusMessage {
  const { subject, reply, headers } = message;
  return {
    subject,
    data: plainBytes(message),
    reply: reply || undefined,
    status: headers?.code || undefined,
  };
}

/** Version 2 delivers Node's Buffer, whose slice() is a view where a copy is expected. */
export function plainBytes({ data }: NatsMessage): Uint8Array {
  if (data.constructor === Uint8Array) return data;
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}
