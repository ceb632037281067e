/**
 * Takes received messages in, a slice per turn of the event loop.
 *
 * A NATS client hands over all the messages of a chunk in one turn, and what is published meanwhile leaves
 * after it. Checking a signature takes longer than sending a packet, so without slices a fast sender and its
 * receiver would take turns at working instead of working at the same time.
 */
import { Line } from "../worker/slots.js";
import type { BusMessage } from "./bus.js";

const nextTurn: (run: () => void) => void =
  typeof setImmediate === "function" ? setImmediate : (run) => setTimeout(run, 0);

/** A queue in front of `take`. */
export class Intake {
  readonly #slice: number;
  readonly #take: (message: BusMessage) => void;
  #queue = new Line<BusMessage>();
  #left: number;
  #armed = false;
  #idle: (() => void)[] = [];

  /**
   * @param take Called in the order of arrival; it must not throw.
   * @param slice Messages taken per turn: enough to make the turn cheap, few enough to let answers out.
   */
  constructor(take: (message: BusMessage) => void, slice: number) {
    this.#take = take;
    this.#slice = slice;
    this.#left = slice;
  }

  /** Takes a message now, or in a later turn when this one has had its share. */
  push(message: BusMessage): void {
    if (this.#left > 0 && this.#queue.size === 0) {
      this.#left--;
      this.#take(message);
    } else this.#queue.add(message);
    this.#arm();
  }

  /** Resolves when no message waits. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#queue.size === 0) resolve();
      else this.#idle.push(resolve);
    });
  }

  /** Forgets the messages that wait. */
  clear(): void {
    this.#queue = new Line();
    this.#tellIdle();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    // One turn is left to what the messages taken so far have given rise to, such as the publishing of results.
    nextTurn(() => nextTurn(() => this.#turn()));
  }

  #turn(): void {
    this.#armed = false;
    this.#left = this.#slice;
    for (let { first } = this.#queue; first !== undefined && this.#left > 0; first = this.#queue.first) {
      this.#queue.remove(first);
      this.#left--;
      this.#take(first.value);
    }
    if (this.#queue.size > 0) this.#arm();
    else this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
