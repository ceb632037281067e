/** The client of an agent: tokens kept and renewed, calls of tools, jobs. */
import type { wire } from "../../gen/4runr/index.js";
import { toolActions } from "../../gen/4runr/index.js";
import { linkSignals } from "../core/abort.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter, type Listener } from "../core/emitter.js";
import { optionOrEnv } from "../core/env.js";
import type { HttpAnswer } from "../core/http-answer.js";
import { type Logger, safeLogger, silentLogger, warnOnce } from "../core/logger.js";
import { Lru } from "../core/lru.js";
import { compose, type Next } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import type { RetryNotice } from "../core/retry.js";
import type { RetryRule } from "../core/retry-policy.js";
import { Dedupe } from "./dedupe.js";
import { isRenewable } from "./error-table.js";
import {
  GatewayCircuitOpenError,
  GatewayProtocolError,
  GatewayRateLimitError,
  GatewayValidationError,
} from "./errors.js";
import { extractCorrelationId, generateCorrelationId, sortedJson } from "./ids.js";
import { Jobs } from "./jobs.js";
import { maskParams } from "./mask-params.js";
import type { GatewayClientOptions, TokenOptions } from "./options.js";
import { isKnownAction } from "./params.js";
import { givenProof, type Proof, preparedParams, proofOf } from "./prepare.js";
import { RateWindow } from "./rate.js";
import { type HeldToken, TokenManager, type TokenRequest } from "./token.js";
import { Transport } from "./transport.js";
import type {
  AnyParams,
  GatewayEvents,
  JobResponse,
  ProxyOptions,
  ProxyParams,
  ProxyResult,
  ToolCall,
  ToolName,
} from "./types.js";

interface Prepared {
  readonly call: ToolCall;
  readonly options: ProxyOptions;
  readonly async: boolean;
}

/** An action that is not known here is not repeated. */
const UNKNOWN_ACTION: RetryRule = { idempotent: false };

/** A client of the token gateway, for one agent. */
export class GatewayClient implements AsyncDisposable {
  readonly agentId: string;
  readonly #options: GatewayClientOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #tokens: TokenManager;
  readonly #events: Emitter<GatewayEvents>;
  readonly #tokenRequests = new Lru<string, TokenRequest>(200);
  readonly #jobs = new Jobs();
  readonly #dedupe = new Dedupe();
  readonly #rate: RateWindow | undefined;
  readonly #close: StagedClose;
  readonly #abort = new AbortController();
  readonly #inHand = new Set<Promise<unknown>>();
  #intent: string | undefined;

  /** @throws GatewayValidationError without an agent id or a base URL; ValidationError for a bad base URL */
  constructor(options: GatewayClientOptions = {}) {
    const baseUrl = optionOrEnv(options.baseUrl, "GATEWAY_URL");
    const agentId = optionOrEnv(options.agentId, "AGENT_ID");
    if (baseUrl === undefined)
      throw new GatewayValidationError("baseUrl is missing, and GATEWAY_URL is not set");
    if (agentId === undefined)
      throw new GatewayValidationError("agentId is missing, and AGENT_ID is not set");
    // Not kept, so that it can never be printed or sent.
    const { agentPrivateKeyPem: _, ...rest } = options;
    this.agentId = agentId;
    this.#options = rest;
    this.#intent = options.defaultIntent;
    // One listener that stays, so that no call has to add the first one to the signal and remove it again.
    onAbort(this.#abort.signal, () => {});
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: this.#logger });
    this.#transport = new Transport({ ...rest, baseUrl }, (notice, operation, correlationId) =>
      this.#onRetry(notice, operation, correlationId),
    );
    this.#tokens = new TokenManager({
      clock: this.#clock,
      issue: ({ tools, permissions, expiresAt }) => this.#issue(tools, permissions, expiresAt),
    });
    const { rateLimit = false } = options;
    if (rateLimit !== false) {
      this.#rate = new RateWindow(rateLimit === true ? {} : rateLimit, this.#clock, (waitMs) =>
        this.#events.emit("limit", { source: "local", waitMs }),
      );
    }
    this.#close = new StagedClose(
      {
        drain: async () => void (await Promise.allSettled(this.#inHand)),
        abort: (reason) => this.#abort.abort(reason),
        force: () => {
          this.#abort.abort();
          this.#tokens.clear();
          this.#events.end();
        },
      },
      {
        graceMs: options.closeGraceMs,
        what: "the gateway client",
        clock: this.#clock,
        logger: this.#logger,
      },
    );
  }

  /** What further calls are for; policies may ask for one. Undefined or an empty text for none. */
  setIntent(intent: string | undefined): void {
    this.#intent = intent;
  }

  /** Calls `listener` for every event of this name until the returned function is called. */
  on<Name extends keyof GatewayEvents>(event: Name, listener: Listener<GatewayEvents[Name]>): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * A new token, for use with {@link GatewayClient.proxy}. Calls without one get a token of their own, so this is
   * seldom needed.
   *
   * @throws GatewayError, AbortedError, ClosedError
   */
  getToken(options: TokenOptions): Promise<string> {
    return this.#work(async () => {
      const { tools, permissions = this.#permissions, ttlMinutes, signal } = options;
      const ttlMs = ttlMinutes === undefined ? this.#ttlMs : ttlMinutes * 60_000;
      if (!(ttlMs > 0)) throw new GatewayValidationError("ttlMinutes must be more than 0");
      return (await this.#tokens.fresh({ tools, permissions, ttlMs }, signal)).token;
    });
  }

  /**
   * Calls a tool and gives its result. "ok" means that the tool answered.
   *
   * Without a token the client uses and renews its own. An action that the spec calls idempotent is tried again
   * after a failure; any other only when the failure proves that nothing was carried out. With an idempotency key
   * a call that is made twice is sent once.
   *
   * @throws GatewayError (see its subclasses), AbortedError, ClosedError
   */
  proxy<Tool extends ToolName, Action extends string>(
    tool: Tool,
    action: Action,
    params: ProxyParams<Tool, Action>,
    agentToken?: string | ProxyOptions,
    proofPayload?: unknown,
  ): Promise<ProxyResult<Tool, Action>> {
    const options = asOptions(agentToken, proofPayload);
    return this.#work(async () => {
      const answer = await this.#call(tool, action, params, options, false);
      return dataOf(answer) as ProxyResult<Tool, Action>;
    });
  }

  /**
   * Calls a tool in the background, where the gateway can do that. No gateway does so far: then the call is done
   * when this returns, and its result is kept here for {@link GatewayClient.getJob}.
   */
  proxyAsync<Tool extends ToolName, Action extends string>(
    tool: Tool,
    action: Action,
    params: ProxyParams<Tool, Action>,
    agentToken?: string | ProxyOptions,
  ): Promise<{ readonly jobId: string }> {
    const options = asOptions(agentToken);
    return this.#work(async () => {
      const answer = await this.#call(tool, action, params, options, true);
      const { job_id } = (answer ?? {}) as Partial<wire.components["schemas"]["QueuedJob"]>;
      return { jobId: typeof job_id === "string" ? job_id : this.#jobs.keep(dataOf(answer)) };
    });
  }

  /**
   * How far a job has come.
   *
   * @throws GatewayUnsupportedError when the gateway has no jobs and the job is not one of this client
   */
  getJob(jobId: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<JobResponse> {
    return this.#work(async () => {
      const kept = this.#jobs.find(jobId);
      if (kept !== undefined) return kept;
      const clientCorrelationId = generateCorrelationId(this.#clock.now());
      const { body } = await this.#transport.call("getJob", {
        path: { job_id: jobId },
        headers: { "x-correlation-id": clientCorrelationId },
        clientCorrelationId,
        signal: options.signal,
      });
      const { status, result, error } = (body ?? {}) as Partial<JobResponse>;
      if (typeof status !== "string") throw new GatewayProtocolError("the answer is no job");
      return { jobId, status, ...(result != null && { result }), ...(error != null && { error }) };
    });
  }

  /** Takes no further calls, waits for those in hand up to the grace time, then cuts them short. May be called twice. */
  close(): Promise<void> {
    return this.#close.close();
  }

  /** The same as {@link GatewayClient.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #permissions(): readonly string[] {
    return this.#options.permissions ?? ["read", "write"];
  }

  get #ttlMs(): number {
    return this.#options.tokenTtlMs ?? 600_000;
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

  /** Keeps account of a call, for `close`. */
  async #work<T>(run: () => Promise<T>): Promise<T> {
    this.#close.throwIfClosed();
    const work = run();
    this.#inHand.add(work);
    try {
      return await work;
    } finally {
      this.#inHand.delete(work);
    }
  }

  async #call(
    tool: string,
    action: string,
    given: AnyParams,
    options: ProxyOptions,
    async: boolean,
  ): Promise<unknown> {
    const correlationId = options.correlationId ?? generateCorrelationId(this.#clock.now());
    const prepared = { options, async, call: { tool, action, params: given, correlationId } };
    const { middleware = [] } = this.#options;
    const send: Next<ToolCall, unknown> = (call) => this.#dedupedSend({ ...prepared, call });
    return middleware.length === 0 ? send(prepared.call) : compose(middleware, send)(prepared.call);
  }

  #dedupedSend(prepared: Prepared): Promise<unknown> {
    const { tool, action, params } = prepared.call;
    const key = prepared.options.idempotencyKey ?? params.idempotency_key ?? params.idempotencyKey;
    if (typeof key !== "string" || key === "") return this.#send(prepared, undefined);
    return this.#dedupe.once(`${tool}:${action}:${key}`, sortedJson(params), () => this.#send(prepared, key));
  }

  async #send(prepared: Prepared, idempotencyKey: string | undefined): Promise<unknown> {
    const { options, call, async } = prepared;
    const { tool, action, correlationId } = call;
    const intent = options.intent ?? this.#intent;
    const params = preparedParams(call, intent, this.#options);
    if (this.#logger !== silentLogger) {
      this.#logger.debug("calling a tool", { tool, action, correlationId, params: maskParams(params) });
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
    sent: { body: object; headers: Record<string, string>; rule: RetryRule; prepared: Prepared },
  ): Promise<unknown> {
    const { options, call } = sent.prepared;
    const rate = this.#rate;
    const proof = this.#proof(held, options);
    const link = options.signal && linkSignals([options.signal, this.#abort.signal], { clock: this.#clock });
    try {
      const { body } = await this.#transport.call("proxyRequest", {
        body: { agent_token: held.token, ...sent.body, ...proof },
        headers: sent.headers,
        rule: sent.rule,
        signal: link?.signal ?? this.#abort.signal,
        timeoutMs: options.timeoutMs,
        clientCorrelationId: call.correlationId,
        secrets: proof.proof_payload === undefined ? [held.token] : [held.token, proof.proof_payload],
        beforeTry: rate && ((signal) => rate.enter(signal)),
        onAnswer: (answer) => this.#onAnswer(answer, held, call),
      });
      return body;
    } catch (error) {
      if (error instanceof GatewayRateLimitError || error instanceof GatewayCircuitOpenError) {
        this.#events.emit("limit", { source: "gateway", waitMs: error.retryAfterMs });
      }
      throw error;
    } finally {
      link?.dispose();
    }
  }

  #proof(held: HeldToken, options: ProxyOptions): Proof {
    const given = givenProof(options);
    if (given !== undefined || this.#options.proof !== true) return given ?? {};
    const proof = proofOf(held, this.agentId, options.tokenId);
    if (proof !== undefined) return proof;
    warnOnce(this.#logger, "proof", "this token cannot be proved, so its revocation has no effect");
    return {};
  }

  async #issue(tools: readonly string[], permissions: readonly string[], expiresAt: string) {
    const clientCorrelationId = generateCorrelationId(this.#clock.now());
    const { body } = await this.#transport.call("generateToken", {
      body: { agent_id: this.agentId, tools, permissions, expires_at: expiresAt },
      headers: { "x-correlation-id": clientCorrelationId },
      clientCorrelationId,
      signal: this.#abort.signal,
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
    this.#events.emit("answer", {
      tool,
      action,
      correlationId: extractCorrelationId(headers),
      clientCorrelationId,
      responseTimeMs: metadata?.response_time_ms,
    });
    if (headers.get("x-token-rotation-recommended") !== "true") return;
    this.#tokens.markForRenewal(held);
    const expiresAt = headers.get("x-token-expires-at") ?? undefined;
    this.#events.emit("rotation", { clientCorrelationId, expiresAt });
  }

  #onRetry(notice: RetryNotice, operation: string, clientCorrelationId: string | undefined): void {
    this.#events.emit("retry", { ...notice, operation, clientCorrelationId });
  }
}

function asOptions(given: string | ProxyOptions | undefined, proofPayload?: unknown): ProxyOptions {
  const options = typeof given === "string" ? { agentToken: given } : (given ?? {});
  return proofPayload === undefined ? options : { ...options, proofPayload };
}

/** The tool's result in an answer. @throws GatewayProtocolError when there is none */
function dataOf(answer: unknown): unknown {
  if (typeof answer === "object" && answer !== null && Object.hasOwn(answer, "data")) {
    return (answer as { data: unknown }).data;
  }
  throw new GatewayProtocolError("the answer holds no result");
}
