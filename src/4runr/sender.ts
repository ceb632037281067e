/** Sends calls of tools with the tokens of one agent. */
import type { agentOperations, wire } from "../../gen/4runr/index.js";
import { toolActions } from "../../gen/4runr/tools.js";
import { linkSignals } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import type { Emitter } from "../core/emitter.js";
import { type Logger, logsAt, warnOnce } from "../core/logger.js";
import { Lru } from "../core/lru.js";
import type { RetryRule } from "../core/retry-policy.js";
import type { HttpAnswer } from "../http/answer.js";
import { isRenewable } from "./error-table.js";
import { GatewayCircuitOpenError, GatewayProtocolError, GatewayRateLimitError } from "./errors.js";
import { extractCorrelationId, generateCorrelationId } from "./ids.js";
import { maskParams } from "./mask-params.js";
import type { GatewayClientOptions } from "./options.js";
import { isKnownAction } from "./params.js";
import { givenProof, type Proof, preparedParams, proofOf } from "./prepare.js";
import type { RateWindow } from "./rate.js";
import { type HeldToken, TokenManager, type TokenRequest } from "./token.js";
import type { Transport } from "./transport.js";
import type { GatewayEvents, ProxyOptions, ToolCall } from "./types.js";

/** A call on its way out. */
export interface PreparedCall {
  readonly call: ToolCall;
  readonly options: ProxyOptions;
  readonly async: boolean;
}

/** Makes the calls that an agent needs. */
export type AgentTransport = Transport<keyof typeof agentOperations>;

/** What {@link ToolSender} works with. */
export interface SenderContext {
  readonly agentId: string;
  readonly options: GatewayClientOptions;
  readonly transport: AgentTransport;
  readonly events: Emitter<GatewayEvents>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rate: RateWindow | undefined;
  /** Fires when the client lets go of everything. */
  readonly signal: AbortSignal;
}

/** An action that is not known here is not repeated. */
const UNKNOWN_ACTION: RetryRule = { idempotent: false };

/** Sends calls; see {@link ToolSender.send}. */
export class ToolSender {
  readonly #context: SenderContext;
  readonly #tokens: TokenManager;
  readonly #tokenRequests = new Lru<string, TokenRequest>(200);

  constructor(context: SenderContext) {
    this.#context = context;
    this.#tokens = new TokenManager({
      clock: context.clock,
      issue: ({ tools, permissions, expiresAt }) => this.#issue(tools, permissions, expiresAt),
    });
  }

  /** A new token. */
  async freshToken(
    request: Partial<TokenRequest> & Pick<TokenRequest, "tools">,
    signal?: AbortSignal,
  ): Promise<string> {
    const { tools, permissions = this.#permissions, ttlMs = this.#ttlMs } = request;
    return (await this.#tokens.fresh({ tools, permissions, ttlMs }, signal)).token;
  }

  /** Forgets all tokens. */
  clear(): void {
    this.#tokens.clear();
  }

  get #permissions(): readonly string[] {
    return this.#context.options.permissions ?? ["read", "write"];
  }

  get #ttlMs(): number {
    return this.#context.options.tokenTtlMs ?? 600_000;
  }

  /**
   * Sends a call with a token that is good, and gives the body of the answer.
   *
   * @throws GatewayError, AbortError
   */
  async send(
    prepared: PreparedCall,
    idempotencyKey: string | undefined,
    clientIntent: string | undefined,
  ): Promise<unknown> {
    const { options, call, async } = prepared;
    const { tool, action, correlationId } = call;
    const intent = options.intent ?? clientIntent;
    const params = preparedParams(call, intent, this.#context.options);
    if (logsAt(this.#context.logger, "debug")) {
      this.#context.logger.debug("calling a tool", {
        tool,
        action,
        correlationId,
        params: maskParams(params),
      });
    }
    const body = { tool, action, params, ...(intent && { intent }), ...(async && { async }) };
    const headers = {
      "x-correlation-id": correlationId,
      ...(intent && { "x-agent-intent": encodeURIComponent(intent) }),
      ...(idempotencyKey !== undefined && { "idempotency-key": encodeURIComponent(idempotencyKey) }),
    };
    const actions = toolActions as Readonly<Record<string, Readonly<Record<string, RetryRule>>>>;
    const rule = isKnownAction(tool, action) ? actions[tool]![action]! : UNKNOWN_ACTION;
    const request = this.#tokenRequest(tool);
    const own = options.agentToken === undefined;
    let held = own ? await this.#tokens.get(request, options.signal) : this.#tokens.find(options.agentToken!);
    for (let renewed = !own; ; renewed = true) {
      this.#tokens.checkAge(held);
      try {
        return await this.#sendWith(held, { body, headers, rule, prepared });
      } catch (error) {
        // Refused for the token: nothing was carried out, so once more with a fresh one does no harm.
        if (renewed || !isRenewable(error)) throw error;
        this.#tokens.discard(held);
        held = await this.#tokens.get(request, options.signal);
      }
    }
  }

  async #sendWith(
    held: HeldToken,
    sent: { body: object; headers: Record<string, string>; rule: RetryRule; prepared: PreparedCall },
  ): Promise<unknown> {
    const { options, call } = sent.prepared;
    const { rate } = this.#context;
    const proof = this.#proof(held, options);
    const link =
      options.signal && linkSignals([options.signal, this.#context.signal], { clock: this.#context.clock });
    try {
      const { body } = await this.#context.transport.call("proxyRequest", {
        body: { agent_token: held.token, ...sent.body, ...proof },
        headers: sent.headers,
        rule: sent.rule,
        signal: link?.signal ?? this.#context.signal,
        timeoutMs: options.timeoutMs,
        clientCorrelationId: call.correlationId,
        secrets: proof.proof_payload === undefined ? [held.token] : [held.token, proof.proof_payload],
        beforeTry: rate && ((signal) => rate.enter(signal)),
        onAnswer: (answer) => this.#onAnswer(answer, held, call),
      });
      return body;
    } catch (error) {
      if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError) {
        this.#context.events.emit("limit", { source: "gateway", waitMs: error.retryAfterMs });
      }
      throw error;
    } finally {
      link?.dispose();
    }
  }

  #proof(held: HeldToken, options: ProxyOptions): Proof {
    const given = givenProof(options);
    if (given !== undefined || this.#context.options.proof !== true) return given ?? {};
    const proof = proofOf(held, this.#context.agentId, options.tokenId);
    if (proof !== undefined) return proof;
    warnOnce(this.#context.logger, "proof", "this token cannot be proved, so its revocation has no effect");
    return {};
  }

  async #issue(tools: readonly string[], permissions: readonly string[], expiresAt: string) {
    const clientCorrelationId = generateCorrelationId(this.#context.clock.now());
    const { body } = await this.#context.transport.call("generateToken", {
      body: { agent_id: this.#context.agentId, tools, permissions, expires_at: expiresAt },
      headers: { "x-correlation-id": clientCorrelationId },
      clientCorrelationId,
      signal: this.#context.signal,
    });
    const { agent_token, token_id } = (body ?? {}) as Partial<wire.components["schemas"]["IssuedToken"]>;
    if (typeof agent_token !== "string" || agent_token === "") {
      throw new GatewayProtocolError("the answer holds no token", { clientCorrelationId });
    }
    return { token: agent_token, tokenId: token_id };
  }

  #onAnswer({ headers, body }: HttpAnswer, held: HeldToken, call: ToolCall): void {
    const { tool, action, correlationId: clientCorrelationId } = call;
    const { metadata } = (body ?? {}) as Partial<wire.components["schemas"]["ProxyAnswer"]>;
    this.#context.events.emit("answer", {
      tool,
      action,
      correlationId: extractCorrelationId(headers),
      clientCorrelationId,
      responseTimeMs: metadata?.response_time_ms,
    });
    if (headers.get("x-token-rotation-recommended") !== "true") return;
    this.#tokens.markForRenewal(held);
    const expiresAt = headers.get("x-token-expires-at") ?? undefined;
    this.#context.events.emit("rotation", { clientCorrelationId, expiresAt });
  }

  /** The same object for the same tool, which the token manager then knows at a glance. */
  #tokenRequest(tool: string): TokenRequest {
    let request = this.#tokenRequests.get(tool);
    if (request === undefined) {
      request = { tools: [tool], permissions: this.#permissions, ttlMs: this.#ttlMs };
      this.#tokenRequests.set(tool, request);
    }
    return request;
  }
}
