/** A script of faults: which answers of a counterpart go wrong, and how. */
import type { ServedOperation } from "./router.js";

/** What goes wrong. */
export type GatewayFaultKind =
  /** The connection is cut: before the gateway has done anything, or after it has done everything. */
  | { readonly kind: "drop"; readonly after?: boolean | undefined }
  /** The request is held back for so long before it is worked on. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Answered with this, and not worked on. For example 401, 500 or 503. */
  | {
      readonly kind: "status";
      readonly status: number;
      /** Default: `{error: "injected <status>"}`. A string is sent as it is. */
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** Worked on, and answered with the right status and a body that is not JSON. */
  | { readonly kind: "malformed" }
  /** Worked on; the second half of the body comes so much later than the first. */
  | { readonly kind: "slow"; readonly ms: number };

/** A fault, and the requests that it is for. */
export interface ScriptedFault {
  readonly fault: GatewayFaultKind;
  /** Only requests for this operation. Default: any. */
  readonly operation?: ServedOperation | undefined;
  /** Only proxied calls of this tool. Default: any. */
  readonly tool?: string | undefined;
  /** So many fitting requests pass before the fault begins. Default: 0. */
  readonly skip?: number | undefined;
  /** So many requests it is for. Default: 1. */
  readonly times?: number | undefined;
}

interface Rule extends ScriptedFault {
  seen: number;
}

/** Faults to come. */
export class FaultScript {
  #rules: Rule[] = [];

  /** Adds a fault; the returned function takes it away. Earlier ones come first, one for each request. */
  add(fault: ScriptedFault): () => void {
    const rule: Rule = { ...fault, seen: 0 };
    this.#rules.push(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  /** Forgets all faults. */
  clear(): void {
    this.#rules = [];
  }

  /** Faults that have not come, or not often enough. */
  get pending(): number {
    return this.#rules.length;
  }

  /** The fault for a request, if there is one. Every fitting rule counts the request. */
  next(operation: ServedOperation | undefined, tool: string | undefined): GatewayFaultKind | undefined {
    let chosen: GatewayFaultKind | undefined;
    for (const rule of this.#rules) {
      const { skip = 0 } = rule;
      const fits =
        (rule.operation === undefined || rule.operation === operation) &&
        (rule.tool === undefined || rule.tool === tool);
      if (!fits) continue;
      if (rule.seen >= skip && chosen !== undefined) continue;
      rule.seen++;
      if (rule.seen > skip) chosen = rule.fault;
    }
    this.#rules = this.#rules.filter(({ seen, skip = 0, times = 1 }) => seen < skip + times);
    return chosen;
  }
}
