/**
 * A party on the bus: it sends packets under its own name and key, and receives those of senders it trusts.
 * Client, worker and scheduler are built on it.
 */
import type { BusPacket } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { AgentwireError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { safeLogger, warnOnce } from "../core/logger.js";
import type { Bus, BusMessage, SubscribeOptions, Subscription } from "./bus.js";
import type { SigningKey } from "./crypto/backend.js";
import type { CryptoOptions, PrivateKey, PublicKeys } from "./crypto/key-ring.js";
import { KeyRing, toSigningKey } from "./crypto/key-ring.js";
import type { PayloadInit } from "./packet.js";
import { createPacket, sealPacket } from "./packet.js";
import type { VerifyOptions } from "./verify.js";
import { openPacket } from "./verify.js";
import type { MapOrder } from "./wire/map-order.js";

/** What every party on the bus can be given. */
export interface PartyOptions extends CryptoOptions, VerifyOptions {
  readonly bus: Bus;
  /** Name of this party in its packets, and of the key it signs with at the receivers. */
  readonly senderId: string;
  /** Signs what is sent. Default: packets travel unsigned. */
  readonly privateKey?: PrivateKey | undefined;
  /**
   * Keys of the senders whose packets are taken; everybody else's are refused, so an empty object refuses all.
   *
   * Default: every packet is taken, signatures are not looked at, and one warning says so.
   */
  readonly publicKeys?: PublicKeys | undefined;
  /** Session token to put into every packet. Default: none. */
  readonly sessionToken?: string | undefined;
  /** Order of map entries in signed bytes. "upb" suits a fleet that runs cap-sdk-python only. Default: "spec". */
  readonly mapOrder?: MapOrder | undefined;
  /** Larger packets are refused unread. Default: 8 MiB. */
  readonly maxPacketBytes?: number | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What became of the messages a party has received. */
export interface ReceiveCounts {
  /** Messages that came in. */
  received: number;
  /** Of these, refused: no packet, a broken rule, a signature that does not verify. */
  refused: number;
}

/** What happens to a received message. */
export interface PacketListener {
  /** Called with every packet that was taken, in the order of arrival. What it throws is logged. */
  onPacket(packet: BusPacket, message: BusMessage): void;
  /** Called with every message that was refused, after it was counted and logged. */
  onRefused?(error: AgentwireError, message: BusMessage): void;
}

/**
 * Sends and receives packets.
 *
 * @throws ValidationError `invalid_key` for a key that is none, when it is made.
 */
export class Party {
  readonly bus: Bus;
  readonly senderId: string;
  readonly counts: ReceiveCounts = { received: 0, refused: 0 };
  readonly #options: PartyOptions;
  readonly #signingKey: SigningKey | undefined;
  readonly #keys: KeyRing | undefined;
  readonly #logger: Logger;

  constructor(options: PartyOptions) {
    this.bus = options.bus;
    this.senderId = options.senderId;
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    this.#signingKey =
      options.privateKey === undefined ? undefined : toSigningKey(options.privateKey, options);
    this.#keys = options.publicKeys === undefined ? undefined : new KeyRing(options.publicKeys, options);
  }

  /**
   * Builds, seals and publishes a packet. "ok" means published.
   *
   * @throws InvalidInputError for a payload that breaks a rule; what {@link Bus.publish} throws.
   */
  async send(subject: string, payload: PayloadInit, traceId?: string): Promise<BusPacket> {
    const { clock, sessionToken, mapOrder } = this.#options;
    const packet = createPacket(payload, {
      senderId: this.senderId,
      ...(traceId === undefined ? {} : { traceId }),
      ...(clock === undefined ? {} : { clock }),
    });
    const bytes = await sealPacket(packet, {
      key: this.#signingKey,
      sessionToken,
      mapOrder,
      onOrdersDiffer: () => this.#warnOrdersDiffer(),
    });
    await this.bus.publish(subject, bytes);
    return packet;
  }

  /** Receives the packets on a subject. A bad one never ends the subscription. */
  async receive(
    subject: string,
    listener: PacketListener,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    if (this.#keys === undefined) {
      warnOnce(
        this.#options.logger,
        "cap.unverified",
        "no public keys are set: packets are taken unverified",
        {
          senderId: this.senderId,
        },
      );
    }
    let turn: Promise<void> = Promise.resolve();
    const onMessage = (message: BusMessage) => {
      this.counts.received++;
      // Signatures are verified side by side; packets are handed on in the order they came.
      const opened = this.#open(message, listener);
      turn = turn.then(async () => {
        const packet = await opened;
        if (packet !== undefined) this.#hand(listener, packet, message);
      });
    };
    const subscription = await this.bus.subscribe(subject, onMessage, options);
    return {
      subject,
      queue: options.queue,
      drain: async () => {
        await subscription.drain();
        await turn;
      },
      unsubscribe: () => subscription.unsubscribe(),
    };
  }

  async #open(message: BusMessage, listener: PacketListener): Promise<BusPacket | undefined> {
    try {
      const { maxPacketBytes: maxBytes, acceptRawOrder } = this.#options;
      return await openPacket(message.data, { keys: this.#keys, maxBytes, acceptRawOrder });
    } catch (error) {
      this.counts.refused++;
      const known =
        error instanceof AgentwireError ? error : new AgentwireError(errorText(error), { cause: error });
      this.#logger.warn("packet refused", {
        subject: message.subject,
        bytes: message.data.length,
        reason: known.message,
        details: known.details,
      });
      this.#guard(() => listener.onRefused?.(known, message));
      return undefined;
    }
  }

  #hand(listener: PacketListener, packet: BusPacket, message: BusMessage): void {
    this.#guard(() => listener.onPacket(packet, message));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error("packet listener failed", { reason: errorText(error) });
    }
  }

  #warnOrdersDiffer(): void {
    warnOnce(
      this.#options.logger,
      "cap.map-order",
      "map keys of a signed packet are prefixes of each other: peers that sort maps the other way refuse it",
      { senderId: this.senderId, mapOrder: this.#options.mapOrder ?? "spec" },
    );
  }
}
