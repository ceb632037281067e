/** The client of an agent: tokens kept and renewed, calls of tools, jobs. */
import type { wire } from "../../gen/4runr/index.js";
import { agentOperations } from "../../gen/4runr/operations.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter, type Listener } from "../core/emitter.js";
import { optionOrEnv } from "../core/env.js";
import { safeLogger } from "../core/logger.js";
import { compose, type Next } from "../core/middleware.js";
import { onAbort } from "../core/on-abort.js";
import type { RetryNotice } from "../core/retry.js";
import { Dedupe } from "./dedupe.js";
import { GatewayProtocolError, GatewayValidationError } from "./errors.js";
import { generateCorrelationId, sortedJson } from "./ids.js";
import { Jobs } from "./jobs.js";
import type { GatewayClientOptions, TokenOptions } from "./options.js";
import { type RateLimit, RateWindow } from "./rate.js";
import { type AgentTransport, type PreparedCall, ToolSender } from "./sender.js";
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

/** A client of the token gateway, for one agent. */
export class GatewayClient implements AsyncDisposable {
  readonly agentId: string;
  readonly #options: GatewayClientOptions;
  readonly #clock: Clock;
  readonly #transport: AgentTransport;
  readonly #sender: ToolSender;
  readonly #events: Emitter<GatewayEvents>;
  readonly #jobs = new Jobs();
  readonly #dedupe = new Dedupe();
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
    const logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger });
    this.#transport = new Transport(
      agentOperations,
      { ...rest, baseUrl },
      (notice, operation, correlationId) => this.#onRetry(notice, operation, correlationId),
    );
    const { rateLimit = false } = options;
    this.#sender = new ToolSender({
      agentId,
      options: rest,
      transport: this.#transport,
      events: this.#events,
      clock: this.#clock,
      logger,
      signal: this.#abort.signal,
      rate: rateLimit === false ? undefined : this.#rateWindow(rateLimit === true ? {} : rateLimit),
    });
    this.#close = new StagedClose(
      {
        drain: async () => void (await Promise.allSettled(this.#inHand)),
        abort: (reason) => this.#abort.abort(reason),
        force: () => {
          this.#abort.abort();
          this.#sender.clear();
        },
      },
      {
        graceMs: options.graceMs,
        what: "the gateway client",
        clock: this.#clock,
        logger,
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
   * @throws GatewayError, AbortError, ClosedError
   */
  getToken(options: TokenOptions): Promise<string> {
    return this.#work(async () => {
      const { tools, permissions, ttlMinutes, signal } = options;
      const ttlMs = ttlMinutes === undefined ? undefined : ttlMinutes * 60_000;
      if (ttlMs !== undefined && !(ttlMs > 0)) {
        throw new GatewayValidationError("ttlMinutes must be more than 0");
      }
      return this.#sender.freshToken(
        { tools, ...(permissions && { permissions }), ...(ttlMs !== undefined && { ttlMs }) },
        signal,
      );
    });
  }

  /**
   * Calls a tool and gives its result. "ok" means that the tool answered.
   *
   * Without a token the client uses and renews its own. An action that the spec calls idempotent is tried again
   * after a failure; any other only when the failure proves that nothing was carried out. With an idempotency key
   * a call that is made twice is sent once.
   *
   * @throws GatewayError (see its subclasses), AbortError, ClosedError
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

  #dedupedSend(prepared: PreparedCall): Promise<unknown> {
    const { tool, action, params } = prepared.call;
    const key = prepared.options.idempotencyKey ?? params.idempotency_key ?? params.idempotencyKey;
    if (typeof key !== "string" || key === "") return this.#sender.send(prepared, undefined, this.#intent);
    return this.#dedupe.once(`${tool}:${action}:${key}`, sortedJson(params), () =>
      this.#sender.send(prepared, key, this.#intent),
    );
  }

  #rateWindow(limit: RateLimit): RateWindow {
    return new RateWindow(limit, this.#clock, (waitMs) =>
      this.#events.emit("limit", { source: "local", waitMs }),
    );
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
