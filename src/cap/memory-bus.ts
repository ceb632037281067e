/** A message bus inside one process, with the subjects, wildcards and queue groups of NATS. */

import { withDeadline } from "../core/abort.js";
import { type Clock, systemClock } from "../core/clock.js";
import { Emitter } from "../core/emitter.js";
import { ClosedError, ConnectionError } from "../core/errors.js";
import { randomHex } from "../core/ids.js";
import type { Bus, BusMessage, BusStatus, RequestOptions, SubscribeOptions, Subscription } from "./bus.js";
import { assertSubject, subjectMatches } from "./bus.js";
import { PublishFailedError } from "./errors.js";

/** Options of {@link MemoryBus}. */
export interface MemoryBusOptions {
  /** Largest message, as a NATS server has it. Default: 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** The bus itself; peers talk to it through connections of their own. */
export class MemoryBus {
  readonly #subscriptions = new Set<MemorySubscription>();
  readonly #maxPayloadBytes: number;
  readonly #turns = new Map<string, number>();
  readonly clock: Clock;

  constructor(options: MemoryBusOptions = {}) {
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 1024 * 1024;
    this.clock = options.clock ?? systemClock;
  }

  /** A connection, as every client of a real server has one. */
  connect(): Bus {
    return new MemoryConnection(this);
  }

  /** Subscriptions that are alive now. */
  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** @internal */
  add(subscription: MemorySubscription): void {
    this.#subscriptions.add(subscription);
  }

  /** @internal */
  remove(subscription: MemorySubscription): void {
    this.#subscriptions.delete(subscription);
  }

  /** @internal Returns how many subscriptions the message went to. */
  route(message: BusMessage): number {
    if (message.data.length > this.#maxPayloadBytes) {
      throw new PublishFailedError(`message of ${message.data.length} bytes is larger than the bus allows`, {
        retryable: false,
        details: { maxPayloadBytes: this.#maxPayloadBytes },
      });
    }
    const groups = new Map<string, MemorySubscription[]>();
    let receivers = 0;
    for (const subscription of this.#subscriptions) {
      if (!subjectMatches(subscription.subject, message.subject)) continue;
      if (subscription.queue === undefined) {
        subscription.take(message);
        receivers++;
      } else {
        const { queue } = subscription;
        groups.set(queue, [...(groups.get(queue) ?? []), subscription]);
      }
    }
    for (const [group, members] of groups) {
      const turn = this.#turns.get(group) ?? 0;
      this.#turns.set(group, turn + 1);
      members[turn % members.length]!.take(message);
      receivers++;
    }
    return receivers;
  }
}

class MemorySubscription implements Subscription {
  readonly #waiting: BusMessage[] = [];
  #delivering = false;
  #ended = false;
  #drained: (() => void)[] = [];

  constructor(
    readonly subject: string,
    readonly queue: string | undefined,
    private readonly bus: MemoryBus,
    private readonly onMessage: (message: BusMessage) => void,
    private readonly onEnd: (subscription: MemorySubscription) => void,
  ) {}

  /** Hands the message over in a later turn, as a socket would; a copy, so that nobody shares bytes. */
  take(message: BusMessage): void {
    this.#waiting.push({ ...message, data: message.data.slice() });
    if (this.#delivering) return;
    this.#delivering = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      try {
        this.onMessage(message);
      } catch {
        // A listener that throws must not keep the others from their messages.
      }
    }
    this.#delivering = false;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  async drain(): Promise<void> {
    this.#end();
    if (this.#delivering) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  unsubscribe(): void {
    this.#end();
    this.#waiting.length = 0;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.bus.remove(this);
    this.onEnd(this);
  }
}

class MemoryConnection implements Bus {
  readonly inProcess = true;
  readonly #bus: MemoryBus;
  readonly #subscriptions = new Set<MemorySubscription>();
  readonly #events = new Emitter<{ status: BusStatus }>();
  #status: BusStatus = "connected";

  constructor(bus: MemoryBus) {
    this.#bus = bus;
  }

  publish(subject: string, data: Uint8Array, options: { readonly reply?: string } = {}): void {
    const { reply } = options;
    if (this.#route(subject, data, reply) > 0 || reply === undefined) return;
    this.#bus.route({ subject: reply, data: new Uint8Array(), status: 503 }); // as a NATS server does it
  }

  #route(subject: string, data: Uint8Array, reply: string | undefined): number {
    if (this.#status === "closed") throw new ClosedError("the bus connection is closed");
    assertSubject(subject);
    return this.#bus.route({ subject, data, reply });
  }

  async subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    if (this.#status !== "connected") throw new ClosedError("the bus connection is closed");
    assertSubject(subject, { wildcards: true });
    const subscription = new MemorySubscription(subject, options.queue, this.#bus, onMessage, (ended) => {
      this.#subscriptions.delete(ended);
    });
    this.#subscriptions.add(subscription);
    this.#bus.add(subscription);
    return subscription;
  }

  async request(subject: string, data: Uint8Array, options: RequestOptions = {}): Promise<BusMessage> {
    const inbox = `_INBOX.${randomHex(12)}`;
    const { timeoutMs = 5000, signal } = options;
    const limits = { signal, timeoutMs, what: `request on ${subject}`, clock: this.#bus.clock };
    let subscription: Subscription | undefined;
    const answered = (): Promise<BusMessage> =>
      new Promise((resolve, reject) => {
        this.subscribe(inbox, resolve)
          .then((made) => {
            subscription = made;
            if (this.#route(subject, data, inbox) === 0) {
              throw new ConnectionError(`nobody listens on ${subject}`, { code: "NO_RESPONDERS" });
            }
          })
          .catch(reject);
      });
    try {
      return await withDeadline(limits, answered);
    } finally {
      subscription?.unsubscribe();
    }
  }

  async flush(): Promise<void> {
    if (this.#status === "closed") throw new ClosedError("the bus connection is closed");
  }

  async drain(): Promise<void> {
    if (this.#status !== "connected") return;
    this.#set("draining");
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.drain()));
    this.#set("closed");
  }

  async close(): Promise<void> {
    if (this.#status === "closed") return;
    for (const subscription of [...this.#subscriptions]) subscription.unsubscribe();
    this.#set("closed");
  }

  status(): BusStatus {
    return this.#status;
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.#events.on("status", listener);
  }

  #set(status: BusStatus): void {
    this.#status = status;
    this.#events.emit("status", status);
  }
}
