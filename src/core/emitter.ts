/** Typed events whose listeners cannot hurt the one who emits. */
import { EventBuffer } from "./event-buffer.js";
import { type Logger, safeLogger } from "./logger.js";

/** Called with what was emitted. What it throws is logged, not passed on. */
export type Listener<Payload> = (payload: Payload) => void;

/** One event as `events()` hands it out: its name and what was emitted with it. */
export type EmittedEvent<Events extends object> = {
  [Name in keyof Events]: { readonly type: Name; readonly data: Events[Name] };
}[keyof Events];

/** Options of {@link Emitter.events}. */
export interface EventsOptions {
  /** Ends the iteration, without an error, when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Events kept for a slow reader; a further one replaces the oldest, with a warning. Default: 1,000. */
  readonly capacity?: number | undefined;
}

/** `Events` maps the names of events to what is emitted with each. */
export class Emitter<Events extends object> {
  readonly #logger: Logger;
  readonly #listeners = new Map<keyof Events, Set<{ call: Listener<never> }>>();
  readonly #buffers = new Set<EventBuffer<EmittedEvent<Events>>>();

  constructor(options: { readonly logger?: Logger | undefined } = {}) {
    this.#logger = safeLogger(options.logger);
  }

  /** Calls `listener` for every event of this name until the returned function is called. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    const entry = { call: listener };
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
    };
  }

  /** Calls `listener` for the next event of this name only. */
  once<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const off = this.on(event, (payload) => {
      off();
      listener(payload);
    });
    return off;
  }

  /** How many listeners an event has. Iterations with `events()` do not count. */
  listenerCount(event: keyof Events): number {
    return this.#listeners.get(event)?.size ?? 0;
  }

  /**
   * Tells every listener, in the order in which they came. Never throws: what a listener throws, or rejects
   * with, is logged. An event named `error` that nobody listens to is logged as an error.
   */
  emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    for (const buffer of this.#buffers) buffer.push({ type: event, data: payload });
    const listeners = this.#listeners.get(event);
    if (event === "error" && !listeners?.size && this.#buffers.size === 0) {
      this.#logger.error("an error that nobody listens to", { error: payload });
    }
    if (!listeners) return;
    for (const { call } of [...listeners]) {
      try {
        const result: unknown = (call as Listener<Events[Name]>)(payload);
        if (result instanceof Promise) result.catch((error: unknown) => this.#blame(event, error));
      } catch (error) {
        this.#blame(event, error);
      }
    }
  }

  /**
   * All events from now on, for `for await`. Leaving the loop, the signal, or {@link Emitter.end} ends it.
   */
  events(options: EventsOptions = {}): AsyncIterableIterator<EmittedEvent<Events>> {
    let dropped = 0;
    const buffer = new EventBuffer<EmittedEvent<Events>>({
      ...options,
      onDrop: () => {
        if (dropped++ === 0) this.#logger.warn("a reader of events is too slow; the oldest are dropped");
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

  #blame(event: keyof Events, error: unknown): void {
    this.#logger.error("a listener failed", { event: String(event), error });
  }
}
