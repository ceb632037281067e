/** A message bus inside one process, with the subjects, wildcards and queue groups of NATS. */
import { Emitter } from "../core/emitter.js";
import { ClosedError } from "../core/errors.js";
import type { Bus, BusMessage, BusStatus, SubscribeOptions, Subscription } from "./bus.js";
import { assertSubject, subjectMatches } from "./bus.js";
import { PublishFailedError } from "./errors.js";

/** Options of {@link MemoryBus}. */
export interface MemoryBusOptions {
  /** Largest message, as a NATS server has it. Default: 1 MiB. */
  readonly maxPayloadBytes?: number;
}

/** The bus itself; peers talk to it through connections of their own. */
export class MemoryBus {
  /** @internal */
  readonly subscriptions = new Set<MemorySubscription>();
  readonly #maxPayloadBytes: number;
  readonly #turns = new Map<string, number>();

  constructor(options: MemoryBusOptions = {}) {
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 1024 * 1024;
  }

  /** A connection, as every client of a real server has one. */
  connect(): Bus {
    return new MemoryConnection(this);
  }

  /** Subscriptions that are alive now. */
  get subscriptionCount(): number {
    return this.subscriptions.size;
  }

  /** @internal Returns whether the message went to anybody. */
  route(message: BusMessage): boolean {
    const maxPayloadBytes = this.#maxPayloadBytes;
    if (message.data.length > maxPayloadBytes) {
      const text = `message of ${message.data.length} bytes is larger than the bus allows`;
      throw new PublishFailedError(text, { retryable: false, details: { maxPayloadBytes } });
    }
    const groups = new Map<string, MemorySubscription[]>();
    const receivers: MemorySubscription[] = [];
    for (const subscription of this.subscriptions) {
      const { subject, queue } = subscription;
      if (!subjectMatches(subject, message.subject)) continue;
      if (queue === undefined) receivers.push(subscription);
      else groups.set(queue, [...(groups.get(queue) ?? []), subscription]);
    }
    for (const [group, members] of groups) {
      const turn = this.#turns.get(group) ?? 0;
      this.#turns.set(group, turn + 1);
      receivers.push(members[turn % members.length]!);
    }
    for (const receiver of receivers) receiver.take(message);
    return receivers.length > 0;
  }
}

class MemorySubscription implements Subscription {
  readonly #waiting: BusMessage[] = [];
  #delivering = false;
  #drained: (() => void)[] = [];

  constructor(
    readonly subject: string,
    readonly queue: string | undefined,
    readonly owner: Bus,
    private readonly bus: MemoryBus,
    private readonly onMessage: (message: BusMessage) => void,
  ) {
    bus.subscriptions.add(this);
  }

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
    this.bus.subscriptions.delete(this);
    if (this.#delivering) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  unsubscribe(): void {
    this.bus.subscriptions.delete(this);
    this.#waiting.length = 0;
  }
}

class MemoryConnection implements Bus {
  readonly inProcess = true;
  readonly copies = true;
  readonly #bus: MemoryBus;
  readonly #events = new Emitter<{ status: BusStatus }>();
  #status: BusStatus = "connected";

  constructor(bus: MemoryBus) {
    this.#bus = bus;
  }

  publish(subject: string, data: Uint8Array, { reply }: { readonly reply?: string } = {}): void {
    if (this.#status === "closed") throw closed();
    assertSubject(subject);
    const isHeard = this.#bus.route({ subject, data, reply });
    if (isHeard || reply === undefined) return;
    this.#bus.route({ subject: reply, data: new Uint8Array(), status: 503 }); // as a NATS server does it
  }

  async subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void,
    { queue }: SubscribeOptions = {},
  ): Promise<Subscription> {
    if (this.#status !== "connected") throw closed();
    assertSubject(subject, { wildcards: true });
    return new MemorySubscription(subject, queue, this, this.#bus, onMessage);
  }

  async flush(): Promise<void> {
    if (this.#status === "closed") throw closed();
  }

  async drain(): Promise<void> {
    if (this.#status !== "connected") return;
    this.#set("draining");
    await Promise.all(this.#own().map((subscription) => subscription.drain()));
    this.#set("closed");
  }

  async close(): Promise<void> {
    if (this.#status === "closed") return;
    for (const subscription of this.#own()) subscription.unsubscribe();
    this.#set("closed");
  }

  status(): BusStatus {
    return this.#status;
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.#events.on("status", listener);
  }

  #own(): MemorySubscription[] {
    return [...this.#bus.subscriptions].filter(({ owner }) => owner === this);
  }

  #set(status: BusStatus): void {
    this.#status = status;
    this.#events.emit("status", status);
  }
}

function closed(): ClosedError {
  return new ClosedError("the bus connection is closed");
}
