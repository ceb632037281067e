/** A bounded queue between who pushes and who reads with `for await`. */

import { onAbort } from "./on-abort.js";

/** Options of {@link EventBuffer}. */
export interface EventBufferOptions {
  /** Entries kept for a slow reader; a further one replaces the oldest. Default: 1,000. */
  readonly capacity?: number | undefined;
  /** Ends the iteration when it fires. Not an error: the reader's loop just ends. */
  readonly signal?: AbortSignal | undefined;
  /** Called with every entry that was dropped because the reader was too slow. */
  readonly onDrop?: ((dropped: unknown) => void) | undefined;
  /** Called once when the iteration is over, however it ended; not when the signal had fired before. */
  readonly onEnd?: (() => void) | undefined;
}

/** An async iterator that is fed with {@link EventBuffer.push}. For one reader. */
export class EventBuffer<T> implements AsyncIterableIterator<T> {
  readonly #capacity: number;
  readonly #options: EventBufferOptions;
  readonly #items: T[] = [];
  readonly #readers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #ended: boolean;
  #off: (() => void) | undefined;

  constructor(options: EventBufferOptions = {}) {
    this.#capacity = Math.max(1, options.capacity ?? 1_000);
    this.#options = options;
    this.#ended = options.signal?.aborted ?? false;
    if (options.signal && !this.#ended) this.#off = onAbort(options.signal, () => this.#finish());
  }

  /** Gives an entry to the reader, now or when it asks. Does nothing after the end. */
  push(item: T): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader) {
      reader({ done: false, value: item });
      return;
    }
    this.#items.push(item);
    if (this.#items.length <= this.#capacity) return;
    const dropped = this.#items.shift();
    this.#options.onDrop?.(dropped);
  }

  /** Ends the iteration after the entries that are already buffered. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#off?.();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
    this.#options.onEnd?.();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#items.length > 0) return Promise.resolve({ done: false, value: this.#items.shift() as T });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** Called by the language when the reader leaves its loop early. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(): void {
    this.#items.length = 0;
    this.end();
  }
}
