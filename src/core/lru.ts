/** A bounded map that forgets what was not used for the longest time. */
export class Lru<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #capacity: number;

  /** `capacity`: how many entries are kept at most; at least 1. */
  constructor(capacity: number) {
    this.#capacity = Math.max(1, Math.floor(capacity));
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value, which thereby becomes the most recently used. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined && !this.#entries.has(key)) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value as Value);
    return value;
  }

  /** True when there is such an entry. Does not count as a use. */
  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Sets an entry as the most recently used. Gives the entry that had to go for it, if any. */
  set(key: Key, value: Value): readonly [Key, Value] | undefined {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return undefined;
    const [oldest] = this.#entries;
    this.#entries.delete(oldest![0]);
    return oldest;
  }

  /** Forgets an entry. True when there was one. */
  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  /** Forgets all. */
  clear(): void {
    this.#entries.clear();
  }

  /** The keys, the least recently used first. */
  keys(): IterableIterator<Key> {
    return this.#entries.keys();
  }
}
