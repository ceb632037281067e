/** Refuses packets that are too old, or that were taken before. */
import type { BusPacket } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { systemClock } from "../core/clock.js";
import type { BusMessage } from "./bus.js";
import { DuplicateJobError, InvalidInputError } from "./errors.js";

/** Packets remembered. When there are more within the age limit, further ones are refused. */
const MAX_REMEMBERED = 100_000;

/** Remembers the packets that were taken, for as long as they could be taken again. */
export class ReplayWindow {
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  /** When each may be forgotten, in the order of arrival. */
  readonly #seen = new Map<string, number>();

  constructor(maxAgeMs: number, clock: Clock = systemClock) {
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
  }

  /**
   * Notes a packet whose signature was verified.
   *
   * @throws InvalidInputError for one that was created longer ago than the limit, or as far in the future, and when
   * too many are remembered; DuplicateJobError for one that was taken before.
   */
  take(packet: BusPacket, message: BusMessage): void {
    const now = this.#clock.now();
    const { seconds = 0n, nanos = 0 } = packet.createdAt ?? {};
    const createdMs = Number(seconds) * 1000 + nanos / 1_000_000;
    const ageMs = Math.round(now - createdMs);
    if (Math.abs(ageMs) > this.#maxAgeMs)
      throw new InvalidInputError(`the packet is ${ageMs} ms old, and the limit is ${this.#maxAgeMs} ms`);
    if (isDeliveredAgain(message)) return;
    for (const [id, until] of this.#seen) {
      if (until >= now && this.#seen.size < MAX_REMEMBERED) break;
      if (until >= now)
        throw new InvalidInputError("too many packets within the age limit to tell replays apart");
      this.#seen.delete(id);
    }
    const id = identity(packet);
    if (this.#seen.has(id)) throw new DuplicateJobError("the packet was taken before: it is a replay");
    this.#seen.set(id, createdMs + this.#maxAgeMs);
  }
}

/** A stream delivers a message that was not acknowledged again, which is not a replay. */
function isDeliveredAgain(
  message: BusMessage & { readonly delivery?: { readonly attempt: number } },
): boolean {
  return (message.delivery?.attempt ?? 1) > 1;
}

/** The sender and r of its signature: s could be exchanged for its local server, r cannot. */
function identity({ senderId, signature }: BusPacket): string {
  const r = signature.subarray(4, 4 + (signature[3] ?? 0));
  return `${String.fromCharCode(...r)} ${senderId}`;
}
