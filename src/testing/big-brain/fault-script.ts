/** What goes wrong on purpose, and when. */
import type { PostOperation } from "./frame-check.js";

/** Where a fault can strike: a request, or a lease frame that is about to be written. */
export type FaultPoint = PostOperation | "openEvents" | "lease";

/** Which of the requests or frames at a point a fault strikes. */
export interface FaultTiming {
  readonly on: FaultPoint;
  /** Let so many pass first. Default: 0. */
  readonly after?: number | undefined;
  /** Strike so many times. Default: 1. */
  readonly times?: number | undefined;
  /** Only this neuron. Default: all. */
  readonly neuronId?: string | undefined;
}

/** One thing that goes wrong. */
export type Fault = FaultTiming &
  (
    | {
        /** The request is answered with this status and not taken. Requests only. */
        readonly kind: "status";
        readonly status: number;
        /** Default: `{"code":"FAULT"}`. */
        readonly body?: string | undefined;
        readonly headers?: Readonly<Record<string, string>> | undefined;
      }
    /** The request is taken, or the frame written, so much later, in ms. */
    | { readonly kind: "delay"; readonly delayMs: number }
    /** The connection of the request breaks, before it is taken or after it (so that only the answer is lost). */
    | { readonly kind: "reset"; readonly when: "before" | "after" }
    /** The neuron's stream ends once this happened: broken off, or ended in order. Default: broken off. */
    | { readonly kind: "drop-stream"; readonly how?: "reset" | "end" | undefined }
    /** The lease frame is written twice. On `lease` only. */
    | { readonly kind: "duplicate" }
    /** The lease is cancelled so much later, in ms. On `lease` only. Default: 0. */
    | { readonly kind: "cancel"; readonly afterMs?: number | undefined; readonly reason?: string | undefined }
    /** The frame is written in pieces of so many bytes. On `lease` only. */
    | { readonly kind: "split"; readonly bytes: number }
    /** The gateway goes down once this happened, and comes up again so much later, in ms. Default: 0. */
    | { readonly kind: "restart"; readonly downMs?: number | undefined }
  );

/** Faults of one kind. */
export type FaultOf<Kind extends Fault["kind"]> = Extract<Fault, { readonly kind: Kind }>;

interface Armed {
  readonly fault: Fault;
  after: number;
  times: number;
}

/** The faults that are still to come. */
export class FaultScript {
  readonly #armed: Armed[] = [];

  /** Adds faults. The order counts only among those that strike the same request. */
  add(...faults: readonly Fault[]): this {
    for (const fault of faults) {
      this.#armed.push({ fault, after: fault.after ?? 0, times: fault.times ?? 1 });
    }
    return this;
  }

  /** Forgets all that is still to come. */
  clear(): void {
    this.#armed.length = 0;
  }

  /** How many strikes are left. */
  get pending(): number {
    return this.#armed.reduce((sum, { times }) => sum + times, 0);
  }

  /** What strikes here now. Counts this request or frame. */
  strike(on: FaultPoint, neuronId: string | undefined): Fault[] {
    if (this.#armed.length === 0) return [];
    const struck: Fault[] = [];
    for (const armed of [...this.#armed]) {
      const { fault } = armed;
      if (fault.on !== on) continue;
      if (fault.neuronId !== undefined && fault.neuronId !== neuronId) continue;
      if (armed.after-- > 0) continue;
      struck.push(fault);
      if (--armed.times <= 0) this.#armed.splice(this.#armed.indexOf(armed), 1);
    }
    return struck;
  }
}

/** The first fault of one kind among those that struck. */
export function faultOf<Kind extends Fault["kind"]>(
  struck: readonly Fault[],
  kind: Kind,
): FaultOf<Kind> | undefined {
  return struck.find((fault): fault is FaultOf<Kind> => fault.kind === kind);
}
