/** Emitters of the official SDKs: sign a packet, publish it on the subject of its payload. */
import type { BusPacket } from "../../gen/cap/index.js";
import {
  SUBJECT_ALERT,
  SUBJECT_CANCEL,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
  SUBJECT_PROGRESS,
} from "../../gen/cap/index.js";
import type { Loop, LoopOptions } from "../core/loop.js";
import { startLoop } from "../core/loop.js";
import type { Bus } from "./bus.js";
import type { CryptoOptions, PrivateKey } from "./crypto/key-ring.js";
import { toSigningKey } from "./crypto/key-ring.js";
import type { MetricsHook } from "./metrics.js";
import { safeMetrics } from "./metrics.js";
import { sealPacket } from "./packet.js";
import type { HandshakeOptions } from "./payloads.js";
import { handshakePayload } from "./payloads.js";
import type { MapOrder } from "./wire/map-order.js";

/** How an emitter seals. */
export interface EmitOptions extends CryptoOptions {
  /** Signs the packet; parse it once with `toSigningKey` when there are many. Default: unsigned. */
  readonly privateKey?: PrivateKey | undefined;
  /** Session token to put into the packet. Default: none. */
  readonly sessionToken?: string | undefined;
  /** Default: "spec". */
  readonly mapOrder?: MapOrder | undefined;
}

/**
 * Seals and publishes a packet. "ok" means published.
 *
 * @throws What `sealPacket` and `Bus.publish` throw.
 */
async function emit(bus: Bus, subject: string, packet: BusPacket, options: EmitOptions = {}): Promise<void> {
  const { privateKey, sessionToken, mapOrder } = options;
  const key = privateKey === undefined ? undefined : toSigningKey(privateKey, options);
  await bus.publish(subject, await sealPacket(packet, { key, sessionToken, mapOrder }));
}

/** Publishes a heartbeat on `sys.heartbeat`. */
export function emitHeartbeat(bus: Bus, packet: BusPacket, options?: EmitOptions): Promise<void> {
  return emit(bus, SUBJECT_HEARTBEAT, packet, options);
}

/** Publishes a progress packet on `sys.job.progress`. */
export function emitProgress(bus: Bus, packet: BusPacket, options?: EmitOptions): Promise<void> {
  return emit(bus, SUBJECT_PROGRESS, packet, options);
}

/** Publishes a cancel packet on `sys.job.cancel`. */
export function emitCancel(bus: Bus, packet: BusPacket, options?: EmitOptions): Promise<void> {
  return emit(bus, SUBJECT_CANCEL, packet, options);
}

/** Publishes an alert on `sys.alert`. */
export function emitAlert(bus: Bus, packet: BusPacket, options?: EmitOptions): Promise<void> {
  return emit(bus, SUBJECT_ALERT, packet, options);
}

/** Builds a handshake and publishes it on `sys.handshake`. */
export async function publishHandshake(
  bus: Bus,
  handshake: HandshakeOptions,
  options?: EmitOptions,
): Promise<void> {
  await emit(bus, SUBJECT_HANDSHAKE, handshakePayload(handshake), options);
}

/** Options of {@link heartbeatLoop}. */
export interface HeartbeatLoopOptions
  extends EmitOptions,
    Pick<LoopOptions, "signal" | "clock" | "logger" | "onError" | "unref"> {
  readonly bus: Bus;
  /** Makes the next heartbeat. What it throws is logged, and the loop goes on. */
  readonly payload: () => BusPacket | Promise<BusPacket>;
  /** Default: 5000. */
  readonly intervalMs?: number | undefined;
  /** Told of every heartbeat that was published. */
  readonly metrics?: MetricsHook | undefined;
}

/** Publishes a heartbeat now and after every interval until it is stopped. */
export function heartbeatLoop(options: HeartbeatLoopOptions): Loop {
  const { bus, payload, intervalMs = 5000, privateKey } = options;
  const metrics = safeMetrics(options.metrics, options.logger);
  const key = privateKey === undefined ? undefined : toSigningKey(privateKey, options);
  return startLoop({
    ...options,
    name: "heartbeat",
    intervalMs,
    immediate: true,
    run: async () => {
      const packet = await payload();
      await emitHeartbeat(bus, packet, { ...options, privateKey: key });
      if (packet.payload.case === "heartbeat") metrics.onHeartbeatSent(packet.payload.value.workerId);
    },
  });
}
