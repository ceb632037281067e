/** Pulls messages from a consumer, as many as there are free slots. */
import { createInbox } from "nats";
import type { TimerHandle } from "../../core/clock.js";
import { type AgentwireError, errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import type { Subscription } from "../bus.js";
import type { DurableMessage } from "../durable.js";
import { SubscribeFailedError } from "../errors.js";
import { type NatsBus, plainBytes } from "../nats/bus.js";
import type { NatsMessage } from "../nats/connection.js";
import type { LastingSubscription } from "../nats/subscription.js";
import { CONSUMER_NOT_FOUND, callApi, isAnswer, NANOSECONDS, STREAM_NOT_FOUND } from "./api.js";
import { jetStreamDelivery } from "./delivery.js";
import type { Consumer } from "./streams.js";

/** The server ends a pull that got nothing after this time, and the next one follows. */
const PULL_MS = 15_000;
/** The server reports that often that it knows a pull. Without this, a dead consumer of 2.9 looks like an idle one. */
const HEARTBEAT_MS = 1_000;
/** How often to look after the pulls, and to repeat what failed. */
const TICK_MS = 500;
/** A pull the server has not mentioned for so many ticks is replaced. Counted, because a blocked process hears nothing. */
const SILENT_TICKS = 4;
const CHECK_TIMEOUT_MS = 1_500;
const MAX_BATCH = 256;

/** What a subscription is made of. */
export interface PullOptions {
  readonly bus: NatsBus;
  readonly consumer: Consumer;
  readonly subject: string;
  readonly queue?: string | undefined;
  readonly maxInFlight: number;
  readonly logger: Logger;
  readonly onMessage: (message: DurableMessage) => void;
  /** Creates the consumer again. */
  readonly restore: () => Promise<unknown>;
}

interface Pull {
  left: number;
  silentTicks: number;
}

/** A pull subscription. */
export class PullSubscription implements Subscription {
  /** Why no messages can arrive at present: the consumer is gone and not created again yet. */
  lost: AgentwireError | undefined;
  readonly #options: PullOptions;
  readonly #pulls = new Map<string, Pull>();
  readonly #offStatus: () => void;
  #inbox = "";
  #subscription: LastingSubscription | undefined;
  #inFlight = 0;
  #pullNumber = 0;
  #scheduled = false;
  #ended = false;
  #dropping = false;
  #connected: boolean;
  #checking = false;
  /** Logged once for each episode; until the server is heard again, the consumer is checked with every tick. */
  #problem = "";
  /** No pull before the next tick: the server ends pulls at once while a consumer has no leader. */
  #paused = false;
  #tick: TimerHandle | undefined;

  /** Starts pulling. */
  constructor(options: PullOptions) {
    this.#options = options;
    const { bus } = options;
    this.#connected = bus.connected;
    this.#offStatus = bus.onStatus((status) => {
      if (status === "closed") return this.#end();
      if (bus.connected === this.#connected) return;
      this.#connected = bus.connected;
      if (!bus.connected) return this.#pulls.clear();
      this.#renew();
      void this.#check(); // the server may have lost it in a restart
    });
    this.#renew();
    this.#watch();
  }

  get subject(): string {
    return this.#options.subject;
  }

  get queue(): string | undefined {
    return this.#options.queue;
  }

  async drain(): Promise<void> {
    this.#end();
    // Messages the server has sent already still arrive, so that none has to wait for its ack wait.
    await this.#retire(this.#subscription);
  }

  unsubscribe(): void {
    this.#dropping = true;
    void this.drain();
  }

  #end(): void {
    this.#ended = true;
    this.#offStatus();
    this.#pulls.clear();
    this.#options.bus.clock.clearTimeout(this.#tick);
  }

  async #retire(subscription: LastingSubscription | undefined): Promise<void> {
    try {
      await subscription?.drain();
    } catch (error) {
      this.#options.logger.debug("an inbox could not be drained", { reason: errorText(error) });
    }
  }

  /** Pulls the server may or may not know end with their inbox, so that they cannot deliver beside their successors. */
  #renew(): void {
    if (this.#ended) return;
    const { bus, logger } = this.#options;
    const old = this.#subscription;
    this.#pulls.clear();
    this.#inbox = createInbox(bus.inboxPrefix);
    try {
      this.#subscription = bus.listen(`${this.#inbox}.*`, (message) => this.#onMessage(message));
    } catch (error) {
      return logger.warn("pulling could not be restarted", { reason: errorText(error) });
    }
    void this.#retire(old);
    this.#paused = false;
    this.#schedule();
  }

  #onMessage(message: NatsMessage): void {
    const { headers, reply, subject } = message;
    if (!reply?.startsWith("$JS.ACK.")) {
      if (headers?.code === 100) this.#heard(this.#pulls.get(subject));
      else if (headers?.code) this.#onPullEnded(subject, headers.code, headers.description);
      return;
    }
    const [first] = this.#pulls;
    this.#heard(first?.[1]);
    if (first !== undefined && --first[1].left === 0) this.#pulls.delete(first[0]);
    this.#inFlight++;
    const { bus, consumer, logger, onMessage } = this.#options;
    const delivery = jetStreamDelivery(reply, consumer.ackWaitMs, bus, logger, () => {
      this.#inFlight--;
      this.#schedule();
    });
    if (this.#dropping) return delivery.giveBack();
    try {
      onMessage({ subject, data: plainBytes(message), delivery });
    } catch (error) {
      logger.error("message listener failed", { subject, reason: errorText(error) });
    }
    this.#schedule();
  }

  #heard(pull: Pull | undefined): void {
    if (pull === undefined) return;
    pull.silentTicks = 0;
    if (this.#problem === "") return;
    this.#options.logger.info("the stream delivers again", { consumer: this.#options.consumer.name });
    this.#problem = "";
  }

  #onPullEnded(id: string, code: number, description: string): void {
    this.#pulls.delete(id);
    if (this.#ended) return;
    if (code === 408 || code === 404) return this.#schedule(); // its time was over
    this.#paused = true;
    this.#warn(`the server ended a pull: ${code} ${description}`);
    void this.#check();
  }

  /** Replaces pulls the server does not mention any more, and repeats what failed. */
  #watch(): void {
    const { bus } = this.#options;
    const look = (): void => {
      this.#watch();
      if (!bus.connected) return;
      let isDeaf = false;
      for (const pull of this.#pulls.values()) isDeaf = ++pull.silentTicks > SILENT_TICKS || isDeaf;
      if (isDeaf) {
        this.#warn("no heartbeat from the server for a pull request; replacing it");
        this.#renew();
      }
      if (this.#problem !== "" || this.lost !== undefined) void this.#check();
      this.#paused = false;
      this.#schedule();
    };
    this.#tick = bus.clock.setTimeout(look, TICK_MS, { unref: true });
  }

  #warn(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { logger, consumer } = this.#options;
    logger.warn("pulling from a stream", { consumer: consumer.name, problem });
  }

  /** Whether the consumer still exists. Pulling goes on meanwhile; only "not found" creates it again. */
  async #check(): Promise<void> {
    if (this.#checking || this.#ended) return;
    this.#checking = true;
    const { bus, consumer, logger, restore } = this.#options;
    try {
      await callApi(
        { bus, timeoutMs: CHECK_TIMEOUT_MS },
        `CONSUMER.INFO.${consumer.stream}.${consumer.name}`,
      ).catch((error: unknown) => {
        if (!isAnswer(error, CONSUMER_NOT_FOUND, STREAM_NOT_FOUND)) throw error;
        this.#lose(error as AgentwireError);
        return restore();
      });
      if (this.lost === undefined) return;
      this.lost = undefined;
      logger.info("the consumer was created again", { consumer: consumer.name });
      this.#renew();
    } catch (error) {
      logger.debug("a consumer cannot be checked or created yet", { reason: errorText(error) });
    } finally {
      this.#checking = false;
    }
  }

  #lose(cause: AgentwireError): void {
    if (this.lost !== undefined) return;
    const { bus, consumer } = this.#options;
    const text = `JetStream consumer ${consumer.name} is gone; creating it again: ${cause.message}`;
    this.lost = new SubscribeFailedError(text, { cause, retryable: true });
    bus.report(this.lost);
  }

  /** Jobs that end in one turn share one pull. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pull();
    });
  }

  #pull(): void {
    const { bus, maxInFlight, consumer, logger } = this.#options;
    if (this.#ended || this.#paused || !bus.connected) return;
    let asked = 0;
    for (const { left } of this.#pulls.values()) asked += left;
    const free = maxInFlight - this.#inFlight - asked;
    // A few more slots are not worth a request while another one is open.
    if (free <= 0 || (asked > 0 && free < maxInFlight / 4)) return;
    const left = Math.min(free, MAX_BATCH);
    const reply = `${this.#inbox}.${++this.#pullNumber}`;
    const [expires, heartbeat] = [PULL_MS * NANOSECONDS, HEARTBEAT_MS * NANOSECONDS];
    const request = JSON.stringify({ batch: left, expires, idle_heartbeat: heartbeat });
    try {
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`;
      bus.publish(subject, new TextEncoder().encode(request), { reply });
      this.#pulls.set(reply, { left, silentTicks: 0 });
    } catch (error) {
      logger.debug("a pull could not be sent", { reason: errorText(error) });
    }
  }
}
