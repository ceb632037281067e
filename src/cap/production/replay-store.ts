/** Which production packets were admitted: each one once. */
import { type Clock, systemClock } from "../../core/clock.js";
import { ValidationError } from "../../core/errors.js";
import { hex } from "../../core/ids.js";
import { ReplayMemory, type ReplayVerdict } from "../replay.js";

/** A packet that asks for admission. */
export interface ReplayEntry {
  readonly tenantId: string;
  readonly audience: string;
  readonly senderId: string;
  /** 16 bytes. */
  readonly messageId: Uint8Array;
  /** SHA-256 of the packet without its signature. */
  readonly digest: Uint8Array;
  /** From then on it can be forgotten: no receiver takes the packet any more. */
  readonly untilMs: number;
}

/** Remembers admitted packets, for one process or for all workers that share it. */
export interface ReplayStore {
  /**
   * `first` notes the packet and admits it; `duplicate`: the same packet was noted before; `conflict`: another one was,
   * under the same message id. Whatever is thrown refuses the packet.
   */
  admit(entry: ReplayEntry): Promise<ReplayVerdict> | ReplayVerdict;
}

/** A {@link ReplayStore} of one process: after a restart a packet that has not expired is admitted again. */
export class MemoryReplayStore implements ReplayStore {
  readonly #clock: Clock;
  readonly #memory: ReplayMemory;

  /** `maxEntries`: packets remembered; while there are as many, further ones are refused. Default: 100000. */
  constructor(
    options: { readonly clock?: Clock | undefined; readonly maxEntries?: number | undefined } = {},
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#memory = new ReplayMemory(options.maxEntries);
  }

  /** @throws ValidationError for an entry that cannot be noted, and when there is no room. */
  admit(entry: ReplayEntry): ReplayVerdict {
    const now = this.#clock.now();
    const key = replayKey(entry, now);
    const verdict = this.#memory.admit(key, hex(entry.digest), entry.untilMs, now);
    if (verdict === undefined) throw new ValidationError("the replay store is full");
    return verdict;
  }
}

/**
 * The key of an entry, for stores.
 *
 * @throws ValidationError for an entry that says too little, or whose time is over.
 */
export function replayKey(
  { tenantId, audience, senderId, messageId, digest, untilMs }: ReplayEntry,
  nowMs: number,
): string {
  const complete = tenantId && audience && senderId && messageId.length === 16 && digest.length > 0;
  if (!complete) throw new ValidationError("invalid replay admission input");
  if (untilMs <= nowMs) throw new ValidationError("a replay entry must expire in the future");
  return JSON.stringify([tenantId, audience, senderId, hex(messageId)]);
}
