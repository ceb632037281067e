/** What a gateway client can be given. */
import type { Middleware } from "../core/middleware.js";
import type { CallOptions } from "../http/index.js";
import type { GatewayOptions } from "./gateway.js";
import type { RateLimit } from "./rate.js";
import type { ToolTable } from "./tool-table.js";
import type { ToolCall } from "./types.js";

/** Options of a gateway client. `Own` are the actions of {@link GatewayClientOptions.tools}. */
export interface GatewayClientOptions<Own extends object = object> extends GatewayOptions {
  /**
   * Tools of your own, as `agentwire gen` writes them: their calls are typed, checked and retried by their entries,
   * and `mock://` answers them. An action of the same name takes the place of the gateway's. Default: none.
   */
  readonly tools?: ToolTable<Own> | undefined;
  /** Default: AGENT_ID. */
  readonly agentId?: string | undefined;
  /**
   * Accepted because the vendor's clients ask for it, and neither read nor kept: no operation of the gateway uses
   * it, so a text that is not PEM is not an error.
   */
  readonly agentPrivateKeyPem?: string | undefined;
  /** The intent of calls, until you call `setIntent`. */
  readonly defaultIntent?: string | undefined;
  /** Lifetime of the tokens that the client requests, in milliseconds. Default: 600000 (ten minutes). */
  readonly tokenTtlMs?: number | undefined;
  /** Permissions of the tokens that the client requests. Default: `["read", "write"]`. */
  readonly permissions?: readonly string[] | undefined;
  /** Sends the token's id and payload with each call, so that a revoked token is refused. Default: false. */
  readonly proof?: boolean | undefined;
  /** Derives parameters that the gateway checks or a tool reads under another name; per tool if a function. Default: true. */
  readonly bridgeParams?: boolean | ((tool: string) => boolean) | undefined;
  /** Checks parameters before the call is sent, so that invalid ones do not count against limits. Default: true. */
  readonly checkParams?: boolean | undefined;
  /** Model of `openai` calls that name none; "" adds none. Default: `gpt-4o-mini`. */
  readonly defaultModel?: string | undefined;
  /** Puts the intent into `params`, where policies look; per tool if a function. Default: true. */
  readonly intentInParams?: boolean | ((tool: string) => boolean) | undefined;
  /** Delays calls so that the gateway's limit of 5 in 60 s is not exceeded. Default: off. */
  readonly rateLimit?: boolean | RateLimit | undefined;
  /** Wraps every tool call; the first one is the outermost. It sees the tool's result, but no token. */
  readonly middleware?: readonly Middleware<ToolCall, unknown>[] | undefined;
  /** How many idempotency keys are remembered; the oldest are forgotten first. Default: 1,000. */
  readonly idempotencyKeys?: number | undefined;
  /** How long `close` waits for calls in flight, in milliseconds. Default: 10000. */
  readonly graceMs?: number | undefined;
}

/** What `getToken` asks for. */
export interface TokenOptions extends Pick<CallOptions, "signal" | "timeoutMs" | "totalTimeoutMs"> {
  readonly tools: readonly string[];
  /** Default: those of the client. */
  readonly permissions?: readonly string[] | undefined;
  /** Default: that of the client, ten minutes. */
  readonly ttlMinutes?: number | undefined;
}
