/** The connections to one origin. */
import type { Clock } from "../clock.js";
import { Connection, type ConnectionOwner, type Origin, type Sockets } from "./connection.js";

/** Somebody who waits for a connection; undefined when the pool was closed. */
export type Taker = (connection: Connection | undefined) => void;

/** Hands out connections: one that is free, else a new one, else the next that becomes free. */
export class Pool {
  readonly #open: () => Connection;
  readonly #maxSockets: number;
  readonly #all = new Set<Connection>();
  readonly #waiting = new Set<Taker>();
  #free: Connection[] = [];
  #closed = false;

  constructor(origin: Origin, sockets: Sockets, maxSockets: number, clock: Clock) {
    const now = (): number => clock.monotonic();
    const owner: ConnectionOwner = {
      onIdle: (connection) => this.#onIdle(connection),
      onGone: (connection) => this.#onGone(connection),
    };
    this.#open = () => new Connection(origin, sockets, now, owner);
    this.#maxSockets = maxSockets;
  }

  /** Calls `taker` once, now or later, unless the returned function is called before. */
  take(taker: Taker): () => void {
    if (this.#closed) taker(undefined);
    else {
      const connection = this.#takeFree() ?? (this.#all.size < this.#maxSockets ? this.#add() : undefined);
      if (connection !== undefined) taker(connection);
      else this.#waiting.add(taker);
    }
    return () => void this.#waiting.delete(taker);
  }

  /** One connection turned out to be dead: ends the others that lie idle, which are dead as well, most likely. */
  dropFree(): void {
    for (const connection of this.#free.splice(0)) connection.destroy();
  }

  /** Ends every connection, those in use as well. */
  close(): void {
    this.#closed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const connection of [...this.#all]) connection.destroy();
    for (const taker of waiting) taker(undefined);
  }

  #add(): Connection {
    const connection = this.#open();
    this.#all.add(connection);
    return connection;
  }

  #takeFree(): Connection | undefined {
    for (let at = this.#free.pop(); at !== undefined; at = this.#free.pop()) {
      if (at.fresh) return at;
      at.destroy();
    }
    return undefined;
  }

  #next(): Taker | undefined {
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next);
    return next;
  }

  #onIdle(connection: Connection): void {
    const next = this.#next();
    if (next !== undefined) next(connection);
    else this.#free.push(connection);
  }

  #onGone(connection: Connection): void {
    this.#all.delete(connection);
    this.#free = this.#free.filter((one) => one !== connection);
    if (!this.#closed && this.#all.size < this.#maxSockets) this.#next()?.(this.#add());
  }
}
