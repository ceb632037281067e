/** How old a packet is. */
import { type BusPacket, STREAM_MAX_AGE_MS } from "../../../gen/cap/index.js";

/** How far the clocks of two machines may differ. */
export const MAX_SKEW_MS = 5_000;

/** When a packet was made, by its sender's clock, in milliseconds since the epoch. */
export function createdMs({ createdAt }: BusPacket): number {
  return createdAt === undefined ? 0 : Number(createdAt.seconds) * 1000 + createdAt.nanos / 1e6;
}

/**
 * How long ago a packet was made, in milliseconds. A difference that clocks that disagree may cause counts as 0, and so
 * does a time that cannot be right: in the future, or longer ago than any stream keeps a message.
 */
export function ageOf(packet: BusPacket, nowMs: number): number {
  const ageMs = nowMs - createdMs(packet);
  return ageMs <= MAX_SKEW_MS || ageMs > STREAM_MAX_AGE_MS ? 0 : ageMs;
}
