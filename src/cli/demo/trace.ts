/** What went over the protocols, as it was seen. */

/** The four protocols. */
export type Wire = "cap" | "neuron" | "4runr" | "aureus";

/** One thing that went over a protocol. */
export interface DemoHop {
  readonly wire: Wire;
  /** Milliseconds since the first one. */
  readonly atMs: number;
  /** A subject with its payload, a request, a frame. */
  readonly what: string;
  /** Who sent it, how long it took, what it said. */
  readonly note: string;
  /** Whether it was as it should be: a signature that verifies, a status below 400. */
  readonly good: boolean;
}

/** Collects hops. */
export class DemoTrace {
  readonly hops: DemoHop[] = [];
  readonly #onHop: (hop: DemoHop) => void;
  #started: number | undefined;

  constructor(onHop: (hop: DemoHop) => void = () => {}) {
    this.#onHop = onHop;
  }

  /** Notes a hop that happened now, or at a moment of `performance.now()`. */
  add(wire: Wire, what: string, note: string, good = true, at = performance.now()): void {
    this.#started ??= at;
    const hop = { wire, atMs: at - this.#started, what, note, good };
    this.hops.push(hop);
    this.#onHop(hop);
  }

  /** A `fetch` whose requests are noted. */
  fetch(wire: Wire): typeof fetch {
    return async (input, init) => {
      const began = performance.now();
      const url = new URL(input instanceof Request ? input.url : input);
      const response = await fetch(input, init);
      const took = (performance.now() - began).toFixed(1);
      const what = `${init?.method ?? "GET"} ${url.pathname}`;
      this.add(wire, what, `${response.status} after ${took} ms`, response.status < 400);
      return response;
    };
  }
}
