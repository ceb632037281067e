/** What goes wrong on purpose, in the same words for every local server. */
import { type Clock, sleep } from "../../core/clock.js";
import { type HttpAnswer, json, type Pieces } from "./answer.js";

/** Which requests a fault affects. */
export interface FaultTiming<Point extends string = string> {
  /** The operation id of the spec. Default: any. */
  readonly on?: Point | undefined;
  /** Let so many fitting requests pass first. Default: 0. */
  readonly after?: number | undefined;
  /** Strike so many; `Infinity` strikes all. Default: 1. */
  readonly times?: number | undefined;
}

/** What can go wrong with a request. */
export type FaultKind =
  | {
      /** Answered with this status, and not worked on. */
      readonly kind: "status";
      readonly status: number;
      /** Text goes as it is, anything else as JSON. Default: `{ error: "injected <status>" }`. */
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** Worked on only so much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** The connection is cut, before the work or after it, so that only the answer is lost. Default: before. */
  | { readonly kind: "drop"; readonly when?: "before" | "after" | undefined }
  /** Worked on; the body of the answer is not JSON. */
  | { readonly kind: "malformed" }
  /** Worked on; the body of the answer comes in pieces. */
  | ({ readonly kind: "split" } & Pieces)
  /** Worked on; then the server goes down, and comes up again so much later. Default: at once. */
  | { readonly kind: "restart"; readonly downMs?: number | undefined };

/** A fault of requests to a server whose operations are `Point`. */
export type Fault<Point extends string = string> = FaultTiming<Point> & FaultKind;

interface Armed<Own> {
  readonly fault: Own;
  after: number;
  times: number;
}

/** The faults to inject. */
export class FaultScript<Own extends FaultTiming> {
  #armed: Armed<Own>[] = [];

  /** Adds faults; the returned function takes them back. Earlier ones strike first, one each request. */
  add(...faults: readonly Own[]): () => void {
    const added = faults.map((fault) => ({ fault, after: fault.after ?? 0, times: fault.times ?? 1 }));
    this.#armed.push(...added);
    return () => {
      this.#armed = this.#armed.filter((armed) => !added.includes(armed));
    };
  }

  /** Forgets all that is still to come. */
  clear(): void {
    this.#armed = [];
  }

  /** How many strikes are left. */
  get pending(): number {
    return this.#armed.reduce((sum, { times }) => sum + times, 0);
  }

  /** What strikes here now. Counts the request; `fits` says whether a fault's other conditions hold. */
  next(on: string | undefined, fits: (fault: Own) => boolean = () => true): Own | undefined {
    if (this.#armed.length === 0) return undefined;
    let struck: Own | undefined;
    for (const armed of this.#armed) {
      const { fault } = armed;
      if ((fault.on !== undefined && fault.on !== on) || !fits(fault)) continue;
      if (armed.after > 0) armed.after--;
      else if (struck === undefined) {
        struck = fault;
        armed.times--;
      }
    }
    this.#armed = this.#armed.filter(({ times }) => times > 0);
    return struck;
  }
}

/** The connection is to be cut without an answer. */
export class DroppedConnection extends Error {}

/** Lets `work` answer, as far as the fault lets it. @throws DroppedConnection */
export async function withFault(
  fault: FaultKind | undefined,
  work: () => HttpAnswer | Promise<HttpAnswer>,
  clock: Clock,
  restart: (options: { readonly downMs?: number | undefined }) => Promise<void>,
): Promise<HttpAnswer> {
  switch (fault?.kind) {
    case "status": {
      const { status, body = { error: `injected ${status}` }, headers } = fault;
      const text = typeof body === "string" ? body : undefined;
      const answer = text === undefined ? json(status, body) : { status, headers: TEXT, text };
      return { ...answer, headers: { ...answer.headers, ...headers } };
    }
    case "delay":
      await sleep(fault.delayMs, { clock, unref: true });
      return work();
    case "drop":
      if (fault.when === "after") await work();
      throw new DroppedConnection("cut by a fault");
    case "restart":
      await work();
      void restart({ downMs: fault.downMs });
      throw new DroppedConnection("cut by a restart");
    case "malformed": {
      const answer = await work();
      return { ...answer, text: answer.text && malformed(answer.text) };
    }
    case "split":
      return { ...(await work()), pieces: fault };
    default:
      return work();
  }
}

/** A JSON text that is not valid any more. */
export function malformed(text: string): string {
  return `${text.slice(0, -1)}<`;
}

const TEXT = { "content-type": "text/plain; charset=utf-8" };
