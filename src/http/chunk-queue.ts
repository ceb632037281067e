/** A response body between the transport, which pushes, and a reader, who pulls. */

/** Stops and resumes the source. */
interface Source {
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** So many chunks may wait before the source is paused. */
const FULL = 16;

/** Chunks in order. A reader who stops early ends the request. */
export class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #source: Source;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    if (this.#chunks.length >= FULL) this.#source.pause();
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunks = this.#chunks;
        this.#chunks = [];
        if (chunks.length >= FULL) this.#source.resume();
        yield* chunks;
        if (this.#chunks.length > 0) continue;
        if (this.#error !== undefined) throw this.#error;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      if (!this.#ended && this.#error === undefined) this.#source.abort(new Error("the reader stopped"));
    }
  }
}
