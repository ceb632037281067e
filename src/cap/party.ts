/**
 * A peer on the bus: it sends packets under its own name and key, and receives those of senders it trusts.
 * Client, worker and scheduler are built on it.
 */
import { type BusPacket, SUBJECT_ALERT, SUBJECT_SUBMIT, workerSubject } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { AgentwireError, errorText, ValidationError } from "../core/errors.js";
import { type Logger, safeLogger, warnOnce } from "../core/logger.js";
import { type Loop, type LoopOptions, startLoop } from "../core/loop.js";
import { checkOption, checkOptions } from "../core/options.js";
import { warned } from "../core/warned.js";
import { type AlertOptions, ProtocolAlerts } from "./alerts.js";
import { BUS, type Bus, type BusMessage, type SubscribeOptions, type Subscription } from "./bus.js";
import {
  type CryptoOptions,
  type KeyRing,
  type PrivateKey,
  type PublicKeys,
  toKeyRing,
  toSigningKey,
} from "./crypto/key-ring.js";
import type { DurableBus, ReplayFrom } from "./durable.js";
import { InvalidInputError } from "./errors.js";
import { Intake } from "./intake.js";
import type { MetricsHook } from "./metrics.js";
import {
  assertValidPacket,
  createPacket,
  type PayloadInit,
  type SealOptions,
  seal,
  withToken,
} from "./packet.js";
import { capProtocol, type PacketOf, type PacketProtocol, type PayloadInitOf } from "./protocol.js";
import { ReplayWindow } from "./replay.js";
import { type OpenOptions, open, type VerifyOptions } from "./verify.js";
import type { MapOrder } from "./wire/writer.js";

/** What every peer on the bus can be given. */
export interface PartyOptions extends CryptoOptions, Pick<VerifyOptions, "acceptRawOrder"> {
  readonly bus: Bus;
  /** Name of this peer in its packets, and of the key it signs with at the receivers. */
  readonly senderId: string;
  /** Signs packets. Default: packets are sent unsigned. */
  readonly privateKey?: PrivateKey | undefined;
  /**
   * Keys of the senders whose packets are accepted. All other packets are refused, so an empty object refuses all. Keys can
   * be added to and removed from a `KeyRing` while it is in use; an object or a `Map` is read once.
   *
   * Default: every packet is accepted, signatures are not checked, and one warning says so.
   */
  readonly publicKeys?: PublicKeys | undefined;
  /**
   * Refuses packets that are older than this, or that were accepted before. The age of a job from a stream counts from its
   * packet. Requires `publicKeys`. Default: signed packets may be replayed at any time.
   */
  readonly maxAgeMs?: number | undefined;
  /** Session token to put into every packet; a function is called for each. Default: none. */
  readonly sessionToken?: SealOptions["sessionToken"];
  /**
   * The `protocol` that `agentwire gen` writes for a fork of the protos: its fields and payloads are then sent, checked
   * and received too. Default: the protocol of the package; what is unknown to it travels as unknown fields.
   */
  readonly protocol?: PacketProtocol | undefined;
  /** Order of map entries in signed bytes. "upb" suits a fleet that runs cap-sdk-python only. Default: "spec". */
  readonly mapOrder?: MapOrder | undefined;
  /** Larger packets are refused without being decoded. Default: 8 MiB. */
  readonly maxPacketBytes?: number | undefined;
  /** Reports refused packets on `sys.alert` (CAP spec 16). Default: they are only logged. */
  readonly alerts?: AlertOptions | boolean | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** How a profile of the protocol opens and seals the packets that it covers. Others are ordinary. */
export interface PacketProfile {
  /** Opens a message; `check` throws what is wrong with its packet. Undefined for a message it does not cover. */
  open(message: BusMessage, check: (packet: BusPacket) => void): Promise<BusPacket> | undefined;
  /** The bytes of a packet for a subject; undefined for one it does not cover. */
  seal(packet: BusPacket, subject: string): Promise<Uint8Array> | undefined;
}

/** Options of {@link Party.receive}. */
export interface ReceiveOptions extends SubscribeOptions {
  /** Keys of the senders on this subject. Default: the peer's `publicKeys`. */
  readonly keys?: KeyRing | undefined;
  /**
   * Throws what is wrong with a packet. Default: the rules every packet must keep, `assertValidPacket`, and that a
   * job request came on the subject of its topic, on this peer's direct subject, or on `sys.job.submit`.
   */
  readonly check?: ((packet: BusPacket) => void) | undefined;
  /** Where the messages come from. Default: the bus. */
  readonly source?: Pick<Bus, "subscribe"> | Pick<DurableBus, "subscribe"> | undefined;
}

/** Options of {@link Party.startHeartbeats}. */
export interface HeartbeatLoopOptions extends Pick<LoopOptions, "signal" | "onError" | "unref"> {
  /** Default: 5000. */
  readonly intervalMs?: number | undefined;
  /** `onHeartbeatSent` is called after every heartbeat. */
  readonly metrics?: Pick<MetricsHook, "onHeartbeatSent"> | undefined;
}

/** Hands the bytes of a packet on in place of the bus. */
export type PublishBytes = (subject: string, bytes: Uint8Array) => unknown;

/** What became of the messages a peer has received. */
export interface ReceiveStats {
  /** Messages that came in. */
  received: number;
  /** Of these, refused: no packet, a broken rule, a signature that does not verify. */
  refused: number;
}

/** What happens to a received message. */
export interface PacketListener<Packet = BusPacket> {
  /** Called with every packet that was taken, in the order of arrival. What it throws is logged. */
  onPacket(packet: Packet, message: BusMessage): void;
  /** Called with every message that was refused, after it was counted and logged. */
  onRefused?(error: AgentwireError, message: BusMessage): void;
}

interface Opening extends OpenOptions {
  readonly check: (packet: BusPacket) => void;
}

/** Messages taken in one turn of the event loop: a millisecond's worth with signatures, few system calls without. */
const VERIFIED_PER_TURN = 16;
const UNVERIFIED_PER_TURN = 32;

/**
 * Sends and receives packets.
 *
 * @throws ValidationError `INVALID_KEY` for an invalid key, when it is made.
 */
export class Party<P extends PacketProtocol = PacketProtocol> {
  readonly bus: Bus;
  readonly senderId: string;
  readonly stats: ReceiveStats = { received: 0, refused: 0 };
  readonly #options: PartyOptions;
  #seal: SealOptions;
  readonly #keys: KeyRing | undefined;
  readonly #replays: ReplayWindow | undefined;
  readonly #logger: Logger;
  readonly #alerts: ProtocolAlerts | undefined;
  readonly #profile: PacketProfile | undefined;

  constructor(
    options: PartyOptions & {
      readonly protocol?: P | undefined;
      readonly profile?: PacketProfile | undefined;
    },
  ) {
    checkOptions(options, {
      maxAgeMs: { above: 0 },
      maxPacketBytes: { min: 0 },
      mapOrder: ["spec", "upb"],
      clock: "clock",
    });
    checkOption("bus", options.bus, BUS);
    checkOption("senderId", options.senderId, "text");
    this.#profile = options.profile;
    this.bus = options.bus;
    this.senderId = options.senderId;
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    const { privateKey, sessionToken, mapOrder, protocol } = options;
    this.#seal = {
      key: privateKey === undefined ? undefined : toSigningKey(privateKey, options),
      sessionToken,
      mapOrder,
      protocol,
      onOrdersDiffer: () => this.#warnOrdersDiffer(),
    };
    const { alerts, clock, publicKeys, maxAgeMs } = options;
    this.#keys = publicKeys === undefined ? undefined : toKeyRing(publicKeys, options);
    if (maxAgeMs !== undefined) {
      if (this.#keys === undefined)
        throw new ValidationError("maxAgeMs requires publicKeys: an unsigned packet may claim any age");
      this.#replays = new ReplayWindow(maxAgeMs, clock);
    }
    if (alerts) this.#alerts = new ProtocolAlerts({ ...(alerts === true ? {} : alerts), clock });
  }

  /**
   * Signs with this key from the next packet on.
   *
   * @throws ValidationError `INVALID_KEY`; then the key before it stays in use.
   */
  useKey(privateKey: PrivateKey): void {
    this.#seal = { ...this.#seal, key: toSigningKey(privateKey, this.#options) };
  }

  /**
   * Builds, seals and publishes a packet. "ok" means published; with a publisher of the caller's own, what that
   * one means by it.
   *
   * @throws InvalidInputError for a payload that breaks a rule; what {@link Bus.publish} throws.
   */
  async send(
    subject: string,
    payload: PayloadInitOf<P>,
    traceId?: string,
    publish?: PublishBytes,
  ): Promise<PacketOf<P>> {
    const { clock, protocol } = this.#options;
    const { senderId } = this;
    const given: unknown = payload;
    const packet = createPacket(given as PayloadInit, { senderId, traceId, clock, protocol });
    const sealed = this.#sealed(packet, subject, publish === undefined && this.bus.copies === true);
    const bytes = sealed instanceof Uint8Array ? sealed : await sealed;
    await (publish === undefined ? this.bus.publish(subject, bytes) : publish(subject, bytes));
    const sent: unknown = packet;
    return sent as PacketOf<P>;
  }

  #sealed(packet: BusPacket, subject: string, isShared = false): Uint8Array | Promise<Uint8Array> {
    const profiled = this.#profile?.seal(withToken(packet, this.#seal), subject);
    return profiled ?? seal(packet, this.#seal, isShared);
  }

  /**
   * Seals a packet that was built elsewhere, as by `heartbeatPayload`, and publishes it on the subject of its payload.
   *
   * @throws InvalidInputError for a packet that breaks a rule; what {@link Bus.publish} throws.
   */
  async publish(packet: BusPacket): Promise<void> {
    const { payloads }: PacketProtocol = this.#options.protocol ?? capProtocol;
    const subject = payloads[packet.payload.case ?? ""]?.subjects[0] ?? "";
    const bytes = await this.#sealed(packet, subject); // refuses a packet without a payload
    await this.bus.publish(subject, bytes);
  }

  /** Publishes a heartbeat now and after every interval until the loop is stopped. A failure is logged. */
  startHeartbeats(next: () => BusPacket | Promise<BusPacket>, options: HeartbeatLoopOptions = {}): Loop {
    const { clock, logger } = this.#options;
    const { intervalMs = 5_000, metrics } = options;
    const run = async (): Promise<void> => {
      await this.publish(await next());
      await metrics?.onHeartbeatSent?.(this.senderId);
    };
    return startLoop({ ...options, name: "heartbeat", intervalMs, immediate: true, clock, logger, run });
  }

  /** Receives the packets on a subject. A bad one never ends the subscription. */
  async receive(
    subject: string,
    listener: PacketListener<PacketOf<P>>,
    options: ReceiveOptions = {},
  ): Promise<Subscription> {
    if (this.#keys === undefined && options.keys === undefined && !this.bus.inProcess) {
      const text = "packets are accepted unverified: set `publicKeys` to verify their signatures";
      warnOnce(this.#options.logger, "cap.unverified", text, { senderId: this.senderId });
    }
    const inlet = this.#inlet(subject, listener, options);
    const source = options.source ?? this.bus;
    const subscription = await source.subscribe(subject, inlet.push, options);
    return {
      subject,
      queue: options.queue,
      get lost() {
        return subscription.lost;
      },
      drain: async () => {
        await subscription.drain();
        await inlet.drained();
      },
      unsubscribe: () => {
        subscription.unsubscribe();
        inlet.clear();
      },
    };
  }

  /** Receives the packets that a stream has kept on a subject. Resolves when all were handed over. */
  async replay(
    durable: DurableBus,
    subject: string,
    from: ReplayFrom,
    listener: PacketListener<PacketOf<P>>,
    check?: ReceiveOptions["check"],
  ): Promise<void> {
    const inlet = this.#inlet(subject, listener, { check });
    await durable.replay?.(subject, inlet.push, from);
    await inlet.drained();
  }

  /** The way of messages to a listener: opened side by side, a slice per turn, and handed over in the order they came. */
  #inlet(subject: string, given: unknown, { check, keys = this.#keys }: ReceiveOptions) {
    const listener = given as PacketListener;
    const { maxPacketBytes: maxBytes, acceptRawOrder, protocol } = this.#options;
    const optionsFor = (from: string): Opening => ({
      keys,
      maxBytes,
      acceptRawOrder,
      subject: from,
      protocol,
      check: check ?? ((packet) => this.#check(packet, from)),
    });
    const usual = /[*>]/.test(subject) ? undefined : optionsFor(subject);
    let last: Promise<void> | undefined;
    const intake = new Intake(
      (message) => {
        this.stats.received++;
        const packet = this.#open(listener, message, usual ?? optionsFor(message.subject));
        if (last === undefined && !(packet instanceof Promise)) return this.#hand(listener, packet, message);
        const turn = Promise.all([packet, last]).then(([opened]) => {
          if (last === turn) last = undefined;
          this.#hand(listener, opened, message);
        });
        last = turn;
      },
      keys === undefined ? UNVERIFIED_PER_TURN : VERIFIED_PER_TURN,
    );
    return {
      push: (message: BusMessage) => intake.push(message),
      drained: async () => {
        await intake.drained();
        await last;
      },
      clear: () => intake.clear(),
    };
  }

  /** The packet of a message; undefined if it was refused. */
  #open(
    listener: PacketListener,
    message: BusMessage,
    options: Opening,
  ): BusPacket | undefined | Promise<BusPacket | undefined> {
    try {
      const profiled = this.#profile?.open(message, options.check);
      const packet = profiled ?? open(message.data, options);
      if (!(packet instanceof Promise)) return this.#admit(packet, message);
      const admitted = profiled ?? packet.then((opened) => this.#admit(opened, message));
      return admitted.catch((error: unknown) => this.#refuse(listener, error, message));
    } catch (error) {
      return this.#refuse(listener, error, message);
    }
  }

  /** The last word on a packet that is genuine. Throws why it is refused. */
  #admit(packet: BusPacket, message: BusMessage): BusPacket {
    this.#replays?.take(packet, message);
    return packet;
  }

  /** The rules of a packet, and of the subject it came on. */
  #check(packet: BusPacket, subject: string): void {
    assertValidPacket(packet, this.#options.protocol);
    if (packet.payload.case !== "jobRequest" || subject === SUBJECT_SUBMIT) return;
    const { topic } = packet.payload.value;
    if (topic === subject || subject === workerSubject(this.senderId)) return;
    const issues = [{ field: "job_request.topic", message: `must equal the subject ${subject}` }];
    throw new InvalidInputError(`a job request for topic ${topic} arrived on the subject ${subject}`, {
      details: { issues },
    });
  }

  #refuse(listener: PacketListener, error: unknown, message: BusMessage): undefined {
    this.stats.refused++;
    const known =
      error instanceof AgentwireError ? error : new AgentwireError(errorText(error), { cause: error });
    this.#logger.warn("packet refused", {
      subject: message.subject,
      bytes: message.data.length,
      reason: known.message,
      details: known.details,
    });
    this.#guard(() => listener.onRefused?.(known, message));
    const value = this.#alerts?.report(known, message, this.senderId);
    if (value === undefined) return;
    const payload: unknown = { case: "alert", value };
    const send = () => this.send(SUBJECT_ALERT, payload as PayloadInitOf<P>, value.traceId || undefined);
    void warned(this.#logger, "a refused packet could not be reported", send);
  }

  #hand(listener: PacketListener, packet: BusPacket | undefined, message: BusMessage): void {
    if (packet !== undefined) this.#guard(() => listener.onPacket(packet, message));
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
