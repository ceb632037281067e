/** Faults that a test orders from the local server. */
import { type Clock, sleep } from "../../core/clock.js";
import { json, type LocalAnswer } from "./exchange.js";

/** What goes wrong, and when. */
export interface AureusFault {
  /** The operation id of the spec, such as `executeWorkflow` or `login`. Default: any. */
  readonly operation?: string;
  /** How many matching requests it hits; `Infinity` hits all. Default: 1. */
  readonly times?: number;
  /** Waits so long before anything else, in milliseconds. */
  readonly delayMs?: number;
  /** Answers this instead of doing what was asked. */
  readonly status?: number;
  /** The body of that answer: text goes as it is, anything else as JSON. Default: `{error: "fault"}`. */
  readonly body?: unknown;
  /** Headers of that answer, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection: `before` nothing is done, `after` it is done and only the answer is lost. */
  readonly drop?: "before" | "after";
}

/** The connection is to be cut without an answer. */
export class DroppedConnection extends Error {}

/** The faults that are ordered and not yet used up. */
export class Faults {
  readonly #clock: Clock;
  readonly #ordered: { readonly fault: AureusFault; left: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Orders a fault. Those ordered first hit first. The returned function takes it back. */
  order(fault: AureusFault): () => void {
    const entry = { fault, left: fault.times ?? 1 };
    this.#ordered.push(entry);
    return () => {
      entry.left = 0;
    };
  }

  /** Lets `work` answer, unless a fault hits. @throws DroppedConnection */
  async apply(operation: string | undefined, work: () => Promise<LocalAnswer>): Promise<LocalAnswer> {
    const entry = this.#ordered.find(
      ({ fault, left }) => left > 0 && (fault.operation === undefined || fault.operation === operation),
    );
    if (entry === undefined) return work();
    entry.left--;
    const { fault } = entry;
    if (fault.delayMs !== undefined) await sleep(fault.delayMs, { clock: this.#clock });
    if (fault.drop === "before") throw new DroppedConnection();
    if (fault.drop === "after") {
      await work();
      throw new DroppedConnection();
    }
    return fault.status === undefined ? work() : answerOf(fault, fault.status);
  }
}

function answerOf(fault: AureusFault, status: number): LocalAnswer {
  const { body = { error: "fault" }, headers = {} } = fault;
  const answer =
    typeof body === "string"
      ? { status, headers: { "content-type": "text/plain" }, text: body }
      : json(status, body);
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
