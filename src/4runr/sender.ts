/** Sends calls of tools with the tokens of one agent. */
import type { FourRunrClient, IssuedToken, ProxyAnswer, QueuedJob, wire } from "../../gen/4runr/index.js";
import { generateTokenOp } from "../../gen/4runr/operations.js";
import type { Clock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import type { Emitter } from "../core/emitter.js";
import { AgentwireError } from "../core/errors.js";
import { type Logger, logsAt, warnOnce } from "../core/logger.js";
import type { RetryRule } from "../core/retry-policy.js";
import { formatTime } from "../core/time.js";
import { isToken } from "../http/auth.js";
import { lowerCase } from "../http/headers.js";
import type { HttpClient, SendOptions, WithResponse } from "../http/index.js";
import { percentEncoded } from "../http/url.js";
import { isRenewable } from "./error-table.js";
import {
  GatewayCircuitOpenError,
  GatewayProtocolError,
  GatewayRateLimitError,
  GatewayValidationError,
} from "./errors.js";
import { maskParams } from "./mask-params.js";
import type { GatewayClientOptions } from "./options.js";
import { lacksMockInput } from "./params.js";
import { givenProof, type Proof, preparedParams, proofOf } from "./prepare.js";
import type { RateWindow } from "./rate.js";
import type { Sends } from "./sends.js";
import { type HeldToken, type TokenRequest, Tokens } from "./token.js";
import { findAction } from "./tool-table.js";
import type { GatewayEvents, ProxyOptions, ToolCall } from "./types.js";

/** What the gateway answers to a call of a tool. */
export type ToolAnswer = WithResponse<ProxyAnswer | QueuedJob>;

/** What {@link ToolSender} works with. */
export interface SenderContext {
  readonly agentId: string;
  readonly options: GatewayClientOptions;
  readonly http: HttpClient;
  readonly api: FourRunrClient;
  readonly events: Emitter<GatewayEvents>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rate: RateWindow | undefined;
}

/** How one call is sent. */
export interface Sending {
  readonly options: ProxyOptions;
  readonly intent: string | undefined;
  readonly isAsync: boolean;
  readonly idempotencyKey: string | undefined;
  /** Ends the call. */
  readonly cut: Cut;
  readonly sends: Sends;
}

/** A call as it is sent. */
type Prepared = Omit<ToolCall, "signal">;

/** An action that is not known here is not repeated. */
const UNKNOWN_ACTION: RetryRule = { idempotent: false };

/** Sends calls; see {@link ToolSender.send}. */
export class ToolSender {
  readonly #context: SenderContext;
  readonly #tokens: Tokens;
  /** True once the gateway has turned out to be in mock mode. */
  #mockInput = false;
  /** How far the gateway's clock is ahead of ours, in milliseconds. */
  #aheadMs = 0;

  constructor(context: SenderContext) {
    this.#context = context;
    this.#tokens = new Tokens((request, how) => this.#issue(request, how), context.clock);
  }

  /** A new token. */
  async freshToken(
    request: Pick<TokenRequest, "tools"> & Partial<TokenRequest>,
    options: SendOptions,
  ): Promise<string> {
    return (await this.#tokens.fresh(this.#tokenRequest(request), options)).token;
  }

  /** Forgets all tokens. */
  clear(): void {
    this.#tokens.clear();
  }

  /**
   * Sends a call with a token that is good.
   *
   * @throws GatewayError, AbortError
   */
  async send(call: ToolCall, sending: Sending): Promise<ToolAnswer> {
    const mockInput = this.#mockInput;
    try {
      return await this.#sendPrepared(call, sending, mockInput);
    } catch (error) {
      const { details } = error as { readonly details?: unknown };
      if (mockInput || !lacksMockInput(call.tool, call.action, details)) throw error;
      this.#mockInput = true;
      return this.#sendPrepared(call, sending, true);
    }
  }

  async #sendPrepared(call: ToolCall, sending: Sending, mockInput: boolean): Promise<ToolAnswer> {
    const { options, cut } = sending;
    const params = preparedParams(call, sending.intent, this.#context.options, mockInput);
    const { tool, action, correlationId } = call;
    if (logsAt(this.#context.logger, "debug")) {
      const shown = { tool, action, correlationId, params: maskParams(params) };
      this.#context.logger.debug("calling a tool", shown);
    }
    const prepared = { tool, action, params, correlationId };
    if (options.agentToken !== undefined)
      return this.#sendWith(this.#tokens.find(options.agentToken), prepared, sending);
    const request = this.#tokenRequest({ tools: [tool] });
    const { retry, timeoutMs } = options;
    const ownToken = () =>
      this.#context.http.attempt(generateTokenOp, { correlationId, retry, timeoutMs, cut }, (end) => {
        sending.sends.tokenRequests++;
        return this.#tokens.get(request, end);
      });
    const held = await ownToken();
    try {
      return await this.#sendWith(held, prepared, sending);
    } catch (error) {
      // Refused for the token: nothing was carried out, so repeating it with a fresh one does no harm.
      if (!isRenewable(error)) throw error;
      this.#tokens.drop(held);
      return this.#sendWith(await ownToken(), prepared, sending);
    }
  }

  async #sendWith(held: HeldToken, call: Prepared, sending: Sending): Promise<ToolAnswer> {
    const { api, events, rate } = this.#context;
    const { options, intent, idempotencyKey, isAsync } = sending;
    const { tool, action, params, correlationId } = call;
    const proof = this.#proof(held, options);
    const { proofPayload } = proof;
    const how: SendOptions = {
      correlationId,
      headers: {
        ...(intent && { "x-agent-intent": percentEncoded(intent, "intent") }),
        ...(idempotencyKey !== undefined && {
          "idempotency-key": percentEncoded(idempotencyKey, "idempotencyKey"),
        }),
        ...lowerCase(options.headers ?? {}),
      },
      retry: options.retry,
      timeoutMs: options.timeoutMs,
      rule: findAction(this.#context.options.tools, tool, action)?.rule ?? UNKNOWN_ACTION,
      cut: sending.cut,
      beforeAttempt: rate && ((cut) => rate.enter(cut)),
      onSend: sending.sends.left,
      onFailure: sending.sends.failed,
      secrets: proofPayload === undefined ? [held.token] : [held.token, proofPayload],
    };
    const body = {
      agentToken: held.token,
      tool,
      action,
      params,
      ...(intent && { intent }),
      ...(isAsync && { async: true }),
      ...proof,
    };
    try {
      const answer = await api.proxyRequest(body, how).withResponse();
      this.#heard(answer.headers, answer.data, held, call);
      return { ...answer, attempts: sending.sends.attempts };
    } catch (error) {
      if (error instanceof AgentwireError && error.headers !== undefined)
        this.#heard(error.headers, error.body, held, call);
      if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError)
        events.emit("limit", { source: "gateway", waitMs: error.retryAfterMs });
      throw error;
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

  async #issue(request: TokenRequest, options: SendOptions, isSecond = false): Promise<IssuedToken> {
    const { agentId, api, clock, logger } = this.#context;
    const { tools, permissions, ttlMs } = request;
    const expiresAt = formatTime(clock.now() + this.#aheadMs + ttlMs);
    try {
      const body = { agentId, tools: [...tools], permissions: [...permissions], expiresAt };
      const { data, ...came } = await api.generateToken(body, options).withResponse();
      // The token itself is not shown, however wrong it is.
      if (isToken(data.agentToken)) return data;
      const message = "unexpected response to generateToken: expected a token of visible ASCII characters";
      throw new GatewayProtocolError(message, { code: "UNEXPECTED_RESPONSE", ...came });
    } catch (error) {
      const aheadMs = clockDifference(error, clock);
      if (aheadMs === undefined || isSecond) throw error;
      warnOnce(
        logger,
        "clock",
        "this machine's clock differs from the gateway's, whose time is used for tokens",
        {
          aheadMs,
        },
      );
      this.#aheadMs = aheadMs;
      return this.#issue(request, options, true);
    }
  }

  #heard(headers: Headers, body: unknown, held: HeldToken, call: Prepared): void {
    const { events } = this.#context;
    const { tool, action, correlationId } = call;
    const { metadata } = (body ?? {}) as Partial<ProxyAnswer>;
    events.emit("answer", {
      tool,
      action,
      correlationId,
      requestId: headers.get("x-correlation-id") ?? undefined,
      responseTimeMs: metadata?.responseTimeMs,
    });
    if (headers.get("x-token-rotation-recommended") !== "true") return;
    this.#tokens.renewNext(held);
    events.emit("rotation", { correlationId, expiresAt: headers.get("x-token-expires-at") ?? undefined });
  }

  #tokenRequest(request: Pick<TokenRequest, "tools"> & Partial<TokenRequest>): TokenRequest {
    const { options } = this.#context;
    const { tools, permissions = options.permissions ?? ["read", "write"] } = request;
    return { tools, permissions, ttlMs: request.ttlMs ?? options.tokenTtlMs ?? 600_000 };
  }
}

/** How far the gateway's clock is ahead, if that is why it refused a token's end; undefined otherwise. */
function clockDifference(error: unknown, clock: Clock): number | undefined {
  if (!(error instanceof GatewayValidationError)) return undefined;
  const { error: text } = (error.body ?? {}) as Partial<wire.components["schemas"]["ErrorBody"]>;
  if (!/must be in the future/.test(`${text} ${error.message}`)) return undefined;
  const theirs = Date.parse(error.headers?.get("date") ?? "");
  return Number.isNaN(theirs) ? undefined : theirs - clock.now();
}
