/** Requests over a NATS connection that may break under them. */
import { type AgentwireError, ClosedError } from "../../core/errors.js";
import type { Bus } from "../bus.js";
import { ConnectionLostError } from "../errors.js";
import { natsBus } from "../nats/bus.js";
import type { NatsConnection, NatsMessage, NatsSubscription } from "../nats/connection.js";
import { connectionOf } from "../nats/connection-of.js";
import { natsError } from "../nats/errors.js";

/** Headers of a message, as far as they are read here. A status of the server has a code and no data. */
export interface NatsHeaders {
  readonly code: number;
  readonly description: string;
}

/** A message of either client with its headers. */
export interface HeadedMessage extends NatsMessage {
  readonly headers?: NatsHeaders;
}

/** A connection of either client, with what streams need beside a bus. */
export interface JetStreamConnection extends Omit<NatsConnection, "subscribe" | "request"> {
  /** Inboxes begin with the prefix that the connection was made with. */
  readonly options?: { readonly inboxPrefix?: string };
  subscribe(
    subject: string,
    options?: { queue?: string; callback?: (error: Error | null, message: HeadedMessage) => void },
  ): NatsSubscription;
  request(
    subject: string,
    payload?: Uint8Array,
    options?: { timeout: number; headers?: never },
  ): Promise<NatsMessage>;
}

/** Options of {@link Link.request}. */
export interface LinkRequest {
  readonly timeoutMs: number;
  /** What the client's own `headers()` makes. */
  readonly headers?: unknown;
}

/** A bus, the connection behind it, and those who want to know when it breaks. */
export class Link {
  readonly bus: Bus;
  readonly connection: JetStreamConnection;
  readonly #lost = new Set<(error: Error) => void>();
  readonly #onBack = new Set<() => void>();
  readonly #hurry: () => void;
  #connected: boolean;

  /** @throws ValidationError `NOT_NATS` for a bus that is none of NATS. */
  constructor(given: Bus | NatsConnection) {
    this.bus = "onStatus" in given ? given : natsBus(given);
    const { connection, hurry } = connectionOf(this.bus);
    this.connection = connection as JetStreamConnection;
    this.#hurry = hurry;
    this.#connected = this.bus.status() === "connected";
    this.bus.onStatus((status) => {
      const before = this.#connected;
      this.#connected = status === "connected" || status === "draining";
      if (before === this.#connected) return;
      // The clients let a request that was under way wait for its whole time.
      if (before) for (const lose of [...this.#lost]) lose(this.#error());
      else for (const tell of [...this.#onBack]) tell();
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Calls `listener` whenever the connection was made anew, until the returned function is called. */
  onBack(listener: () => void): () => void {
    const entry = () => listener();
    this.#onBack.add(entry);
    return () => void this.#onBack.delete(entry);
  }

  /**
   * Sends a request and resolves with its answer.
   *
   * @throws ConnectionLostError as soon as the connection breaks; what `natsError` makes of the client's errors.
   */
  async request(subject: string, data: Uint8Array, options: LinkRequest): Promise<NatsMessage> {
    if (!this.#connected) throw this.#error();
    const { timeoutMs: timeout, headers } = options;
    let lose!: (error: Error) => void;
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
      this.#lost.add(reject);
    });
    try {
      this.#hurry(); // what was published before arrives before
      const answer = this.connection.request(subject, data, {
        timeout,
        ...(headers === undefined ? {} : { headers: headers as never }),
      });
      return await Promise.race([answer, lost]);
    } catch (error) {
      throw natsError(error, "request", subject);
    } finally {
      this.#lost.delete(lose);
    }
  }

  #error(): AgentwireError {
    if (this.bus.status() === "closed") return new ClosedError("the NATS connection is closed");
    return new ConnectionLostError("the NATS connection is being made anew");
  }
}
