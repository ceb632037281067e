/** Typed events whose listeners cannot hurt the one who emits. */
import { type Logger, safeLogger } from "./logger.js";

/** Called with the payload of an event. Its exceptions are logged and not passed on. */
export type Listener<Payload> = (payload: Payload) => void;

/** `Events` maps the names of events to what is emitted with each. */
export class Emitter<Events extends object> {
  readonly #logger: Logger;
  readonly #listeners = new Map<keyof Events, Set<{ call: Listener<never> }>>();

  constructor(options: { readonly logger?: Logger | false | undefined } = {}) {
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

  /**
   * Tells every listener, in the order in which they came. Never throws: what a listener throws, or rejects
   * with, is logged. An event named `error` that nobody listens to is logged as an error.
   */
  emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    const listeners = this.#listeners.get(event);
    if (event === "error" && !listeners?.size && !this.isRead()) {
      this.#logger.error("unhandled error event", { error: payload });
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

  /** True when someone learns of every event in another way than by a listener. */
  protected isRead(): boolean {
    return false;
  }

  #blame(event: keyof Events, error: unknown): void {
    this.#logger.error("a listener failed", { event: String(event), error });
  }
}
