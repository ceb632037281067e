/** Refuses packets that are too old, or that were taken before. */
import type { BusPacket } from "../../gen/cap/index.js";
import type { Clock } from "../core/clock.js";
import { systemClock } from "../core/clock.js";
import type { BusMessage } from "./bus.js";
import { DuplicateJobError, InvalidInputError } from "./errors.js";
import { ReplayMemory } from "./replay-memory.js";
import { timestampMs } from "./timestamp.js";

/** Remembers the packets that were taken, for as long as they could be taken again. */
export class ReplayWindow {
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  readonly #memory = new ReplayMemory();

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
    const createdMs = timestampMs(packet.createdAt) ?? 0;
    const ageMs = Math.round(now - createdMs);
    if (Math.abs(ageMs) > this.#maxAgeMs)
      throw new InvalidInputError(`the packet is ${ageMs} ms old, and the limit is ${this.#maxAgeMs} ms`);
    if (isDeliveredAgain(message)) return;
    const id = identity(packet);
    const verdict = this.#memory.admit(id, "", createdMs + this.#maxAgeMs, now);
    if (verdict === "first") return;
    if (verdict === undefined)
      throw new InvalidInputError("too many packets within the age limit to tell replays apart");
    throw new DuplicateJobError("the packet was taken before: it is a replay");
  }
}

/** A stream delivers a message that was not acknowledged again, which is not a replay. */
export function isDeliveredAgain(
  message: BusMessage & { readonly delivery?: { readonly attempt: number } },
): boolean {
  return (message.delivery?.attempt ?? 1) > 1;
}

/** The sender and r of its signature: s could be exchanged for its local server, r cannot. */
function identity({ senderId, signature }: BusPacket): string {
  const r = signature.subarray(4, 4 + (signature[3] ?? 0));
  return `${String.fromCharCode(...r)} ${senderId}`;
}
