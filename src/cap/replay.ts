/** Refuses packets that are too old, or that were taken before. */
import type { BusPacket } from "../../gen/cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import type { BusMessage } from "./bus.js";
import type { DurableMessage } from "./durable.js";
import { DuplicateJobError, InvalidInputError } from "./errors.js";
import { timestampMs } from "./wire/well-known.js";

/** What became of an attempt to note something that may come only once. */
export type ReplayVerdict = "first" | "duplicate" | "conflict";

/** How much longer a message is remembered than it can be taken: clocks differ, and some are set back. */
export const CLOCK_MARGIN_MS = 60_000;

/** Remembers which messages were taken, for as long as they could be taken again. */
export class ReplayMemory {
  readonly #maxEntries: number;
  readonly #seen = new Map<string, { readonly digest: string; readonly untilMs: number }>();

  /** `maxEntries`: a message too many is refused. */
  constructor(maxEntries = 100_000) {
    this.#maxEntries = maxEntries;
  }

  /** `conflict`: another message was noted under the same key. Undefined when no more can be noted. */
  admit(key: string, digest: string, untilMs: number, nowMs: number): ReplayVerdict | undefined {
    for (const [old, entry] of this.#seen) {
      if (entry.untilMs >= nowMs) break;
      this.#seen.delete(old);
    }
    const known = this.#seen.get(key);
    if (known !== undefined) return known.digest === digest ? "duplicate" : "conflict";
    if (this.#seen.size >= this.#maxEntries) return undefined;
    this.#seen.set(key, { digest, untilMs });
    return "first";
  }
}

/** Remembers the packets that were taken, for as long as they could be taken again. */
export class ReplayWindow {
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  readonly #memory: ReplayMemory;

  constructor(maxAgeMs: number, clock: Clock = systemClock, memory = new ReplayMemory()) {
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
    this.#memory = memory;
  }

  /**
   * Notes a packet whose signature was verified.
   *
   * @throws InvalidInputError for one that was created longer ago than the limit, or as far in the future, and when
   * too many are remembered; DuplicateJobError for one that was taken before.
   */
  take(packet: BusPacket, message: BusMessage): void {
    const now = this.#clock.now();
    const createdMs = timestampMs(packet.createdAt) ?? 0;
    const ageMs = Math.round(now - createdMs);
    if (Math.abs(ageMs) > this.#maxAgeMs)
      throw new InvalidInputError(`the packet is ${ageMs} ms old, and the limit is ${this.#maxAgeMs} ms`);
    const id = identity(packet);
    const untilMs = createdMs + this.#maxAgeMs + CLOCK_MARGIN_MS;
    const verdict = this.#memory.admit(id, streamMessageOf(message), untilMs, now);
    if (verdict === "first" || (verdict === "duplicate" && isDeliveredAgain(message))) return;
    if (verdict === undefined)
      throw new InvalidInputError(
        "the memory of accepted packets is full: cannot tell whether this one is a replay",
      );
    throw new DuplicateJobError("the packet is a replay: it was accepted before");
  }
}

/** A message of a bus, or of a stream. */
type AnyMessage = BusMessage & Partial<Pick<DurableMessage, "delivery">>;

/**
 * The message of a stream that a packet came in, or "". A stream delivers a message again that was not acknowledged, which is
 * no replay; the same packet in another message of the stream is one, however often that was delivered.
 */
export function streamMessageOf({ delivery }: AnyMessage): string {
  return delivery?.messageId ?? "";
}

/** True for a message that a stream has delivered before. */
export function isDeliveredAgain({ delivery }: AnyMessage): boolean {
  return (delivery?.attempt ?? 1) > 1;
}

/** The sender and r of its signature: s can be replaced by n - s, and r cannot. */
function identity({ senderId, signature }: BusPacket): string {
  const r = signature.subarray(4, 4 + (signature[3] ?? 0));
  return `${String.fromCharCode(...r)} ${senderId}`;
}
