/** What every operation of the gateway works with. */
import type { OperationId } from "../../../gen/4runr/index.js";
import type { Clock } from "../../core/clock.js";
import type { GatewayAnswer, GatewayRequest } from "./answer.js";
import type { IdSource } from "./ids.js";
import type { Metrics } from "./metrics.js";
import type { RateLimit } from "./rate-limit.js";
import type { GatewayStore } from "./store.js";
import type { TokenMint } from "./tokens.js";
import type { ToolRunner } from "./tool-runner.js";

/** How the gateway was started. */
export interface GatewaySettings {
  /** `UPSTREAM_MODE`. */
  readonly upstream: "mock" | "live";
  /** `FF_TEST_BYPASS`. */
  readonly testBypass: boolean;
  /** Refuse what the real gateway lets pass although the spec forbids it. */
  readonly strict: boolean;
  /** Minutes that the gateway's local time is ahead of UTC. */
  readonly utcOffsetMinutes: number;
  /** `FF_CHAOS`. May change at any time. */
  chaos: boolean;
  /** From then on every proxied call is answered 503. */
  shuttingDown: boolean;
}

/** The parts of a gateway. */
export interface GatewayContext {
  readonly settings: GatewaySettings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly store: GatewayStore;
  readonly mint: TokenMint;
  readonly rateLimit: RateLimit;
  readonly tools: ToolRunner;
  readonly metrics: Metrics;
  /** When the gateway was made, by the clock's `monotonic`. */
  readonly startedAt: number;
}

/** Does one operation. */
export type Handler = (
  request: GatewayRequest,
  gateway: GatewayContext,
) => GatewayAnswer | Promise<GatewayAnswer>;

/** Handlers by operation. */
export type Handlers = { readonly [Id in OperationId]?: Handler };

/** The moment as the gateway writes it. */
export function timestamp({ clock }: GatewayContext): string {
  return new Date(clock.now()).toISOString();
}
