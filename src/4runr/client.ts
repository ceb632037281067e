/** The client of an agent: tokens kept and renewed, calls of tools, jobs. */
import { FourRunrClient } from "../../gen/4runr/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Cut, within } from "../core/cut.js";
import { Emitter, type Listener } from "../core/emitter.js";
import { optionOrEnv } from "../core/env.js";
import { AgentwireError, copyWith, TimeoutError } from "../core/errors.js";
import { uuid } from "../core/ids.js";
import { hasMembersOnly } from "../core/json.js";
import { safeLogger } from "../core/logger.js";
import { Lru } from "../core/lru.js";
import { compose, type Next } from "../core/middleware.js";
import { atLeastOne, checkOption, checkOptions, milliseconds, type OptionRule } from "../core/options.js";
import { limitOf } from "../http/client.js";
import {
  type CallOptions,
  type HttpClient,
  type ResponseInfo,
  ResponsePromise,
  type SendOptions,
} from "../http/index.js";
import { Dedupe } from "./dedupe.js";
import { asGatewayError, checked } from "./error-table.js";
import { GatewayConflictError, GatewayProtocolError, GatewayValidationError } from "./errors.js";
import { gatewayHttp } from "./gateway.js";
import { generateCorrelationId, sortedJson } from "./ids.js";
import type { GatewayClientOptions, TokenOptions } from "./options.js";
import { RateWindow } from "./rate.js";
import { type Sending, type ToolAnswer, ToolSender } from "./sender.js";
import { Sends } from "./sends.js";
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

/** What goes with a call through the middleware, unseen. */
const inner = Symbol("sending");

interface Inner extends Omit<Sending, "idempotencyKey" | "sends"> {
  readonly current: Current;
  /** Set when the gateway has answered. */
  answer?: ToolAnswer;
}

/** The call whose result is waited for: one's own, or the first with the same idempotency key. */
interface Current {
  sends: Sends;
}

/** The options of a call, with its id. */
type Call = ProxyOptions & { readonly correlationId: string };

type View = ToolCall & { readonly [inner]?: Inner };

const OPTIONS: { readonly [Name in keyof GatewayClientOptions]?: OptionRule } = {
  agentId: "string",
  tools: "object",
  defaultIntent: "string",
  permissions: "list",
  middleware: "list",
  idempotencyKeys: atLeastOne,
  tokenTtlMs: { above: 0 },
  graceMs: milliseconds,
};

/** A client of the token gateway, for one agent. `Own` describes the actions of the `tools` option. */
export class GatewayClient<Own extends object = object> implements AsyncDisposable {
  readonly agentId: string;
  readonly #options: GatewayClientOptions;
  readonly #clock: Clock;
  readonly #http: HttpClient;
  readonly #api: FourRunrClient;
  readonly #sender: ToolSender;
  readonly #run: Next<View, unknown>;
  readonly #events: Emitter<GatewayEvents>;
  /** Results of calls in the background that were done at once, because no gateway has jobs. */
  readonly #jobs = new Lru<string, JobResponse>(1_000);
  readonly #dedupe: Dedupe<ToolAnswer>;
  readonly #close: StagedClose;
  readonly #closing = new Cut([]);
  readonly #inHand = new Set<Promise<unknown>>();
  #intent: string | undefined;

  /** @throws GatewayValidationError without an agent id or a base URL, and for an option that is not valid */
  constructor(options: GatewayClientOptions<Own> = {}) {
    // The key is not kept, so that it can never be printed or sent.
    checked(() => checkOptions(options, OPTIONS));
    const { agentPrivateKeyPem: _, agentId: given, middleware = [], rateLimit = false, ...rest } = options;
    const { clock = systemClock, idempotencyKeys = 1_000 } = rest;
    this.#http = gatewayHttp(rest, (notice, { operation, correlationId }) => {
      const { error: thrown } = notice;
      const error = thrown instanceof AgentwireError ? asGatewayError(thrown) : thrown;
      this.#events.emit("retry", { ...notice, error, operation: operation.id, correlationId });
    });
    const agentId = optionOrEnv(given, "AGENT_ID");
    if (agentId === undefined)
      throw new GatewayValidationError("agentId is required: pass agentId, or set AGENT_ID");
    const logger = safeLogger(rest.logger);
    this.agentId = agentId;
    this.#options = rest;
    this.#intent = rest.defaultIntent;
    this.#clock = clock;
    this.#api = new FourRunrClient(this.#http);
    this.#events = new Emitter({ logger });
    this.#dedupe = new Dedupe(idempotencyKeys);
    const rate =
      rateLimit === false
        ? undefined
        : checked(
            () =>
              new RateWindow(rateLimit === true ? {} : rateLimit, clock, (waitMs) =>
                this.#events.emit("limit", { source: "local", waitMs }),
              ),
          );
    this.#sender = new ToolSender({
      agentId,
      options: rest,
      http: this.#http,
      api: this.#api,
      events: this.#events,
      clock,
      logger,
      rate,
    });
    this.#run = checked(() => compose<View, unknown>(middleware, (call) => this.#send(call)));
    this.#close = new StagedClose(
      {
        stopIntake: () => rate?.close(),
        drain: async () => void (await Promise.allSettled(this.#inHand)),
        abort: (reason) => this.#closing.cut(reason),
        force: async () => {
          this.#sender.clear();
          await this.#http.close({ graceMs: 0 });
        },
      },
      { graceMs: rest.graceMs, what: "the gateway client", clock, logger },
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
    return this.#work(options, async (cut) => {
      const { tools, permissions, ttlMinutes } = options;
      checkOption("tools", tools, "list");
      checkOptions(options, { permissions: "list", ttlMinutes: { above: 0 } });
      const ttlMs = ttlMinutes === undefined ? undefined : ttlMinutes * 60_000;
      return this.#sender.freshToken(
        { tools, ...(permissions && { permissions }), ...(ttlMs !== undefined && { ttlMs }) },
        { timeoutMs: options.timeoutMs, cut },
      );
    });
  }

  /**
   * Calls a tool and returns its result; `withResponse()` gives status, headers and the gateway's id of the call with it.
   *
   * Without a token the client uses and renews its own. An action that the spec calls idempotent is tried again
   * after a failure; any other only when the failure proves that nothing was carried out. With an idempotency key
   * a call that is made twice is sent once.
   *
   * @throws GatewayError (see its subclasses), AbortError, ClosedError
   */
  proxy<Tool extends ToolName<Own>, Action extends string>(
    tool: Tool,
    action: Action,
    params: ProxyParams<Tool, Action, Own>,
    agentToken?: string | ProxyOptions,
    proofPayload?: unknown,
  ): ResponsePromise<ProxyResult<Tool, Action, Own>> {
    const options = this.#asOptions(agentToken, proofPayload);
    return ResponsePromise.of(
      this.#tool(options, async (cut, current) => {
        const { result, answer } = await this.#call(tool, action, params, options, false, cut, current);
        if (answer === undefined) return { ...UNANSWERED, data: result };
        const { data } = answer;
        return { ...answer, data: "jobId" in data ? await this.#resultOf(data.jobId, cut) : result };
      }),
    ) as ResponsePromise<ProxyResult<Tool, Action, Own>>;
  }

  /**
   * Calls a tool in the background, where the gateway can do that. No gateway does so far: then the call is done
   * when this returns, and its result is kept here for {@link GatewayClient.getJob}.
   */
  proxyAsync<Tool extends ToolName<Own>, Action extends string>(
    tool: Tool,
    action: Action,
    params: ProxyParams<Tool, Action, Own>,
    agentToken?: string | ProxyOptions,
  ): Promise<{ readonly jobId: string }> {
    const options = this.#asOptions(agentToken);
    return this.#tool(options, async (cut, current) => {
      const { result, answer } = await this.#call(tool, action, params, options, true, cut, current);
      const isQueued = answer !== undefined && "jobId" in answer.data;
      if (isQueued) return { jobId: answer.data.jobId };
      const jobId = `local-${uuid()}`;
      this.#jobs.set(jobId, { jobId, status: "done", result });
      return { jobId };
    });
  }

  /**
   * How far a job has come.
   *
   * @throws GatewayUnsupportedError when the gateway has no jobs and the job is not one of this client
   */
  getJob(jobId: string, options: CallOptions = {}): Promise<JobResponse> {
    return this.#work(options, (cut) => this.#job(jobId, { ...options, cut }));
  }

  /**
   * Takes no further calls, waits for those in flight up to the grace time, then cuts them short; those that the local
   * limiter holds back end at once. May be called twice.
   */
  close(): Promise<void> {
    return this.#close.close();
  }

  /** The same as {@link GatewayClient.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #job(jobId: string, options: SendOptions): Promise<JobResponse> {
    const kept = this.#jobs.get(jobId);
    if (kept !== undefined) return kept;
    const { status, result, error } = await this.#api.getJob(jobId, options);
    return { jobId, status, ...(result != null && { result }), ...(error != null && { error }) };
  }

  #asOptions(given: string | ProxyOptions | undefined, proofPayload?: unknown): Call {
    const options = typeof given === "string" ? { agentToken: given } : given;
    const correlationId = options?.correlationId ?? generateCorrelationId(this.#clock.now());
    return { ...options, correlationId, ...(proofPayload !== undefined && { proofPayload }) };
  }

  /** Keeps account of a call, for `close`, bounds it, and puts its errors into the gateway's family. */
  async #work<T>(options: CallOptions, run: (cut: Cut) => Promise<T>): Promise<T> {
    let work: Promise<T> | undefined;
    try {
      this.#close.throwIfClosed();
      work = this.#bounded(options, run);
      this.#inHand.add(work);
      return await work;
    } catch (error) {
      if (!(error instanceof AgentwireError)) throw error;
      const ours = asGatewayError(error);
      throw copyWith(ours, { correlationId: options.correlationId ?? ours.correlationId });
    } finally {
      if (work !== undefined) this.#inHand.delete(work);
    }
  }

  /** The same for the call of a tool, whose errors count its requests. */
  async #tool<T>(options: Call, run: (cut: Cut, current: Current) => Promise<T>): Promise<T> {
    const current: Current = { sends: new Sends() };
    try {
      return await this.#work(options, (cut) => run(cut, current));
    } catch (error) {
      if (!(error instanceof AgentwireError) || error instanceof GatewayConflictError) throw error;
      const { attempts, tokenRequests } = current.sends;
      throw copyWith(error, {
        attempts: attempts || error.attempts || tokenRequests || undefined,
        sent: attempts === 0 ? false : error.sent,
      });
    }
  }

  #bounded<T>(options: CallOptions, run: (cut: Cut) => Promise<T>): Promise<T> {
    const ms = limitOf(options.totalTimeoutMs ?? this.#options.totalTimeoutMs, "totalTimeoutMs");
    const late = (): Error =>
      new TimeoutError(`the call took longer than ${ms} ms in total (totalTimeoutMs)`);
    return within([options.signal, this.#closing], { ms, clock: this.#clock, late }, run);
  }

  async #call(
    tool: string,
    action: string,
    params: unknown,
    options: Call,
    isAsync: boolean,
    cut: Cut,
    current: Current,
  ): Promise<{ readonly result: unknown; readonly answer: ToolAnswer | undefined }> {
    // An invalid key would let the call be sent twice.
    checkOptions(options, { idempotencyKey: "string", intent: "string" });
    if (!hasMembersOnly(params)) {
      const found = typeof params === "object" ? (params?.constructor?.name ?? "null") : typeof params;
      throw new GatewayValidationError(`params must be an object, found ${found}`);
    }
    const sending: Inner = { options, intent: options.intent ?? this.#intent, isAsync, cut, current };
    const result = await this.#run({
      tool,
      action,
      params: params as AnyParams,
      correlationId: options.correlationId,
      // A signal costs more than the rest, and few look at it.
      get signal() {
        return cut.signal;
      },
      [inner]: sending,
    });
    return { result, answer: sending.answer };
  }

  /** The innermost layer: a call with an idempotency key is sent once. */
  async #send(call: View): Promise<unknown> {
    const sending = call?.[inner];
    if (sending === undefined)
      throw new GatewayValidationError(
        "middleware must pass on the call it was given, or a spread copy of it",
      );
    const { params } = call;
    const key = sending.options.idempotencyKey ?? params.idempotency_key ?? params.idempotencyKey;
    if (typeof key === "string" && key !== "") sending.answer = await this.#once(key, call, sending);
    else {
      const { sends } = sending.current;
      sending.answer = await this.#sender.send(call, { ...sending, sends, idempotencyKey: undefined });
    }
    return dataOf(sending.answer, call.correlationId);
  }

  /** The answer to the first call with a key, for each caller a copy of its own. */
  async #once(key: string, call: ToolCall, sending: Inner): Promise<ToolAnswer> {
    const { tool, action, params, correlationId } = call;
    const { cut, current, options } = sending;
    let isFirst = false;
    const keyed = this.#dedupe.once(`${tool}:${action}:${key}`, sortedJson(params), (end, sends) => {
      isFirst = true;
      return this.#sender.send(call, { ...sending, sends, cut: end, idempotencyKey: key });
    });
    current.sends = keyed.sends;
    // Of the requests of another call, only the wait for them can be bounded.
    const ms = isFirst ? Infinity : limitOf(options.timeoutMs, "timeoutMs");
    const late = (): Error =>
      new TimeoutError(`the call with this idempotency key took longer than ${ms} ms (timeoutMs)`);
    const { data, headers, ...answer } = await within([cut], { ms, clock: this.#clock, late }, (end) =>
      keyed.flight.join(end, { correlationId }),
    );
    return { ...answer, data: structuredClone(data), headers: new Headers(headers) };
  }

  /** The result of a call that was queued under the same idempotency key. */
  async #resultOf(jobId: string, cut: Cut): Promise<unknown> {
    const { status, result } = await this.#job(jobId, { cut });
    if (status === "done") return result;
    throw new GatewayConflictError(
      `this idempotency key was used for a call in the background, job ${jobId}, which is ${status}: see getJob`,
      { details: { jobId, status } },
    );
  }
}

/** A middleware that answers by itself has no response. */
const UNANSWERED: ResponseInfo = { status: 200, headers: new Headers(), requestId: undefined, attempts: 0 };

/** The tool's result in an answer; undefined for a call that was queued. @throws GatewayProtocolError without either */
function dataOf(answer: ToolAnswer, correlationId: string): unknown {
  const { data } = answer;
  if (Object.hasOwn(data, "data")) return (data as { readonly data: unknown }).data;
  if ("jobId" in data && typeof data.jobId === "string") return undefined;
  const message = `unexpected response to proxyRequest: expected a result in data, found HTTP ${answer.status} without one`;
  const { status, headers, requestId, attempts } = answer;
  const came = { status, headers, requestId, attempts, body: data, correlationId };
  throw new GatewayProtocolError(message, { code: "UNEXPECTED_RESPONSE", ...came });
}
