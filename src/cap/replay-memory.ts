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
    if (known !== undefined && known.untilMs >= nowMs)
      return known.digest === digest ? "duplicate" : "conflict";
    if (this.#seen.size >= this.#maxEntries) return undefined;
    this.#seen.delete(key);
    this.#seen.set(key, { digest, untilMs });
    return "first";
  }
}
