/** What every operation of the gateway works with. */
import type { OperationId, wire } from "../../../gen/4runr/index.js";
import { mockTools } from "../../4runr/mock-tools.js";
import type { Clock } from "../../core/clock.js";
import { gatewayIds, type IdSource } from "./ids.js";
import { Metrics } from "./metrics.js";
import type { Local4RunrEvents, Local4RunrOptions } from "./options.js";
import { RateLimit } from "./rate-limit.js";
import { TokenMint } from "./tokens.js";
import { ToolRunner } from "./tool-runner.js";
import { brokenLiveTools, withActions } from "./tools.js";

type Schemas = wire.components["schemas"];

/** An entry of the token registry; the hash never leaves the gateway. */
type RegistryEntry = Schemas["RegisteredToken"] & { readonly payloadHash: string };

/** A tool's credential without its secret, which is not kept. */
export type StoredCredential = Schemas["Credential"] & { readonly deactivatedAt?: string };

/** One call of a tool, as the gateway's monitor sees it. */
export interface Span {
  readonly id: string;
  readonly correlationId: string;
  readonly [member: string]: unknown;
}

/** A gateway, and everything it keeps in memory: gone with the process, as it is for the real one. Lists are oldest first. */
export class Gateway {
  readonly ids: IdSource;
  readonly mint: TokenMint;
  readonly rateLimit: RateLimit;
  readonly tools: ToolRunner;
  readonly metrics: Metrics;
  readonly startedAt: number;
  readonly utcOffsetMinutes: number;
  /** Whether the tools answer. */
  readonly isMock: boolean;
  /** `FF_CHAOS`. May change at any time. */
  chaos: boolean;
  /** From then on every proxied call is answered 503. */
  shuttingDown = false;
  readonly agents = new Map<string, Schemas["Agent"]>();
  readonly tokenRecords = new Map<string, Schemas["TokenRecord"]>();
  /** By `token_id`. */
  readonly registry = new Map<string, RegistryEntry>();
  readonly policies = new Map<string, Schemas["Policy"]>();
  readonly credentials = new Map<string, StoredCredential>();
  /** Calls counted against quotas, by policy, action and window. */
  readonly quotas = new Map<string, { current: number; readonly resetAt: Date }>();
  /** Faults asked for through the admin route; they have no effect on calls. */
  readonly chaosRoutes = new Map<string, { readonly mode: string; readonly pct: number }>();
  readonly requestLogs: Schemas["RequestLog"][] = [];
  readonly policyLogs: Schemas["PolicyLog"][] = [];
  readonly spans: Span[] = [];

  constructor(
    readonly options: Local4RunrOptions,
    readonly clock: Clock,
    onCall: (call: Local4RunrEvents["call"]) => void,
  ) {
    this.ids = options.ids ?? gatewayIds(() => clock.now());
    this.isMock = (options.upstream ?? "mock") === "mock";
    this.utcOffsetMinutes = options.utcOffsetMinutes ?? 0;
    this.chaos = options.chaos ?? false;
    this.mint = new TokenMint(options.signingSecret ?? "local-4runr-signing-secret");
    this.rateLimit = new RateLimit(clock, options.rateLimit);
    this.metrics = new Metrics(clock.now());
    this.startedAt = clock.monotonic();
    const mock = mockTools(
      () => clock.now(),
      () => this.ids("mail"),
    );
    this.tools = new ToolRunner({
      ...{ clock, random: options.random ?? Math.random, breaker: options.breaker, onCall },
      tools: withActions(this.isMock ? mock : brokenLiveTools(), options.tools),
      chaos: () => this.chaos,
    });
  }

  /** The moment as the gateway writes it. */
  now(): string {
    return new Date(this.clock.now()).toISOString();
  }
}

/** A request whose body is read. */
export interface GatewayCall {
  /** Values of the `{parameters}` of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** `undefined` when there was none. */
  readonly body: unknown;
  /** Headers of the response, with lower-case names, whatever it is. */
  readonly headers: Record<string, string>;
}

/** Handlers by operation. Each returns the body of a success; a response that is not one is thrown as a refusal. */
export type Handlers = { readonly [Id in OperationId]?: (call: GatewayCall, gateway: Gateway) => unknown };

/** The last `limit` of a list, newest first; all of them for a limit that is not a number. */
export function newest<T>(list: readonly T[], limit: number): T[] {
  const reversed = list.toReversed();
  return Number.isNaN(limit) ? reversed : reversed.slice(0, Math.max(limit, 0));
}
