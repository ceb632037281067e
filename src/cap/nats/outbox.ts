/**
 * Sends what is published in one turn of the event loop together.
 *
 * The clients write to their socket in the microtask after a publish. What a worker publishes for the jobs of
 * one chunk comes in as many microtasks, so each result would be a system call and a TCP segment of its own.
 */
import type { NatsConnection } from "./connection.js";

interface Outgoing {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string | undefined;
}

const afterThisTurn: (run: () => void) => void =
  typeof setImmediate === "function" ? setImmediate : (run) => setTimeout(run, 0);

/** Publications that have not been handed to the client yet. */
export class Outbox {
  readonly #connection: NatsConnection;
  readonly #onError: (error: unknown, subject: string) => void;
  #waiting: Outgoing[] = [];

  /** `onError` is notified of a publication the client refuses. */
  constructor(connection: NatsConnection, onError: (error: unknown, subject: string) => void) {
    this.#connection = connection;
    this.#onError = onError;
  }

  /** Sends a message at the end of this turn. */
  add(subject: string, data: Uint8Array, reply: string | undefined): void {
    if (this.#waiting.push({ subject, data, reply }) === 1) afterThisTurn(() => this.empty());
  }

  /** Hands over everything now: before a flush, a request or the end. */
  empty(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { subject, data, reply } of waiting) {
      try {
        if (reply === undefined) this.#connection.publish(subject, data);
        else this.#connection.publish(subject, data, { reply });
      } catch (error) {
        this.#onError(error, subject);
      }
    }
  }
}
