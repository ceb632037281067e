/** The types of a proxied call: known tools are checked by the compiler, unknown ones are allowed. */
import type { ToolActions } from "../../gen/4runr/index.js";
import type { CallOptions } from "../http/index.js";

/** A tool of the gateway or of your own; any other name is allowed too. */
export type ToolName<Own extends object = object> =
  | keyof ToolActions
  | Extract<keyof Own, string>
  | (string & {});

/** Parameters of an action that this package does not know. */
export type AnyParams = Readonly<Record<string, unknown>>;

/** Members that may be left out because the client derives them (`q` gives `query`, `text` gives `body`). */
type Derived = "query" | "body";

type Loosened<Params> = {
  [Name in keyof Params as Name extends Derived ? never : Name]: Params[Name];
} & { [Name in Extract<keyof Params, Derived>]?: Params[Name] };

/** The member `Part` of an action, or `Unknown` for one that `Actions` does not have. */
type PartOf<Actions, Tool, Action, Part extends "params" | "result", Unknown> = Tool extends keyof Actions
  ? Action extends keyof Actions[Tool]
    ? Actions[Tool][Action] extends Readonly<Record<Part, infer Value>>
      ? Value
      : Unknown
    : Unknown
  : Unknown;

/** The parameters of an action, typed if the action is known. */
export type ProxyParams<Tool extends string, Action extends string, Own extends object = object> = PartOf<
  Own,
  Tool,
  Action,
  "params",
  Readonly<Loosened<PartOf<ToolActions, Tool, Action, "params", AnyParams>>>
>;

/** The result of an action, typed if the action is known. */
export type ProxyResult<Tool extends string, Action extends string, Own extends object = object> = PartOf<
  Own,
  Tool,
  Action,
  "result",
  PartOf<ToolActions, Tool, Action, "result", unknown>
>;

/** Options of one call. */
export interface ProxyOptions extends CallOptions {
  /** A token to use in place of the client's own. It is never renewed for you. */
  readonly agentToken?: string | undefined;
  /** The id of `agentToken`, for proof. Known without saying for a token that came from `getToken`. */
  readonly tokenId?: string | undefined;
  /** Text, or JSON data, sent as `proof_payload` in place of the token's own payload. */
  readonly proofPayload?: unknown;
  /** Default: that of the client. */
  readonly intent?: string | undefined;
  /** With it, a call that is made twice is sent once. Default: `params.idempotency_key` or `params.idempotencyKey`. */
  readonly idempotencyKey?: string | undefined;
}

/** A call, as middleware sees it. It contains no credentials. */
export interface ToolCall {
  readonly tool: string;
  readonly action: string;
  readonly params: AnyParams;
  readonly correlationId: string;
  /** Ends with the call. */
  readonly signal: AbortSignal;
}

/** State of a call that was made with `proxyAsync`. */
export interface JobResponse {
  readonly jobId: string;
  /** A newer gateway may have further words. */
  readonly status: "queued" | "running" | "done" | "failed" | (string & {});
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Events of a client. None of them contains a token. */
export interface GatewayEvents {
  /** The gateway answered a call. */
  answer: {
    readonly tool: string;
    readonly action: string;
    /** Ours. */
    readonly correlationId: string;
    /** The gateway's own id, for `GatewayAdmin.explain`. */
    readonly requestId: string | undefined;
    /** Milliseconds the gateway took, by its own word. */
    readonly responseTimeMs: number | undefined;
  };
  /** The gateway recommends a new token; the next call gets one. The call itself is done and is not made again. */
  rotation: { readonly correlationId: string; readonly expiresAt: string | undefined };
  /** A try failed and another one follows. */
  retry: {
    readonly operation: string;
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: unknown;
    readonly correlationId: string | undefined;
  };
  /** The gateway refused a call for its rate or an open breaker, or the local limiter made one wait. */
  limit: { readonly source: "gateway" | "local"; readonly waitMs: number | undefined };
}
