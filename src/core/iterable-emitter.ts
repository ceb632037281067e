/** An emitter whose events can also be read with `for await`. */
import { Emitter } from "./emitter.js";
import { EventBuffer } from "./event-buffer.js";
import { type Logger, safeLogger } from "./logger.js";

/** One event of `events()`: its name and its payload. */
export type EmittedEvent<Events extends object> = {
  [Name in keyof Events]: { readonly type: Name; readonly data: Events[Name] };
}[keyof Events];

/** Options of {@link IterableEmitter.events}. */
export interface EventsOptions {
  /** Ends the iteration, without an error, when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Events kept for a slow reader; a further one replaces the oldest, with a warning. Default: 1,000. */
  readonly capacity?: number | undefined;
}

/** What {@link Emitter} is, and `events()`. Apart from it, because few clients hand out their events this way. */
export class IterableEmitter<Events extends object> extends Emitter<Events> {
  readonly #logger: Logger;
  readonly #buffers = new Set<EventBuffer<EmittedEvent<Events>>>();

  constructor(options: { readonly logger?: Logger | false | undefined } = {}) {
    super(options);
    this.#logger = safeLogger(options.logger);
  }

  override emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    for (const buffer of this.#buffers) buffer.push({ type: event, data: payload });
    super.emit(event, payload);
  }

  /**
   * All events from now on, for `for await`. Leaving the loop, the signal, or {@link IterableEmitter.end} ends it.
   */
  events(options: EventsOptions = {}): AsyncIterableIterator<EmittedEvent<Events>> {
    let dropped = 0;
    const buffer = new EventBuffer<EmittedEvent<Events>>({
      ...options,
      onDrop: () => {
        if (dropped++ === 0)
          this.#logger.warn("a reader of events() is too slow; dropping the oldest events");
      },
      onEnd: () => this.#buffers.delete(buffer),
    });
    if (!options.signal?.aborted) this.#buffers.add(buffer);
    return buffer;
  }

  /** Ends every `events()` iteration after what it has buffered. Listeners stay. */
  end(): void {
    for (const buffer of [...this.#buffers]) buffer.end();
  }

  protected override isRead(): boolean {
    return this.#buffers.size > 0;
  }
}
