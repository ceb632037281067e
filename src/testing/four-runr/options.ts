/** What `Local4Runr` is given and what it tells. */
import type { wire } from "../../../gen/4runr/index.js";
import type { RateLimit } from "../../4runr/rate.js";
import type { Fault } from "../http/faults.js";
import type { LocalServerOptions } from "../http/local-server.js";
import type { BreakerOptions } from "./breaker.js";
import type { IdSource } from "./ids.js";
import type { ServedOperation } from "./router.js";
import type { Tools } from "./tools.js";

/** A fault of `Local4Runr`. */
export type FourRunrFault = Fault<ServedOperation> & {
  /** Only proxied calls of this tool. Default: any. */
  readonly tool?: string | undefined;
};

/** Options of `Local4Runr`. */
export interface Local4RunrOptions extends LocalServerOptions<FourRunrFault> {
  /** What tokens are signed with. Default: a fixed text, for it guards nothing here. */
  readonly signingSecret?: string | undefined;
  /**
   * `mock`: the tools answer. `live`: as the real gateway in live mode does today, no call of a tool succeeds.
   * Default: "mock".
   */
  readonly upstream?: "mock" | "live" | undefined;
  /** Actions in place of the mock ones of the same name. Throw a `ToolFailure` for an upstream's own answer. */
  readonly tools?: Tools | undefined;
  /** Default: 5 calls in 60 s for each agent. */
  readonly rateLimit?: RateLimit | undefined;
  /** Default: open for 30 s after 5 failures. */
  readonly breaker?: BreakerOptions | undefined;
  /** One call of a tool in five fails, after 0.3 to 1.5 s. Default: false. */
  readonly chaos?: boolean | undefined;
  /**
   * Refuse a body that breaks the spec although the real gateway would take it, for example an agent whose
   * name is a number. Default: true.
   */
  readonly strict?: boolean | undefined;
  /** Whether `/api/test/mock` answers. Default: false. */
  readonly testBypass?: boolean | undefined;
  /** Minutes that the gateway's local time is ahead of UTC. Default: 0. */
  readonly utcOffsetMinutes?: number | undefined;
  /** Numbers from 0 to below 1, for chaos and jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Default: random ids in the gateway's own forms. */
  readonly ids?: IdSource | undefined;
}

/** Events of a `Local4Runr`. */
export interface Local4RunrEvents {
  /** A request was answered. */
  request: {
    readonly method: string;
    readonly path: string;
    /** `undefined` for a route that does not exist. */
    readonly operation: string | undefined;
    readonly status: number;
    readonly correlationId: string | undefined;
  };
  /** A tool was called; retries count. */
  call: { readonly tool: string; readonly action: string; readonly params: unknown };
  /** A mistake of the local server itself. */
  error: unknown;
}

/** An agent created with `Local4Runr.register`. */
export interface LocalAgent {
  readonly agentId: string;
  readonly privateKeyPem: string;
  /** What to set for a client that reads the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options of `Local4Runr.register`. */
export interface RegisterOptions {
  /** Default: "agent". */
  readonly name?: string | undefined;
  /** Default: "tester". */
  readonly role?: string | undefined;
  /** An agent that is known already, such as one that was kept. Default: a new id. */
  readonly agentId?: string | undefined;
  /** The private key of that agent, as PEM. Default: a new key. */
  readonly privateKeyPem?: string | undefined;
  /** What the agent may do. Default: every action of every tool, without other limits. */
  readonly spec?: wire.components["schemas"]["PolicySpec"] | undefined;
}
