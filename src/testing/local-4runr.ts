/**
 * The 4Runr token gateway over HTTP on this machine, for demos, tests and local development: tokens that
 * verify, policies, rate limit, circuit breaker and mock tools answer as the real gateway in mock mode does.
 * Everything is in memory. Runs on Node.
 */
import type { wire } from "../../gen/4runr/index.js";
import { mockTools } from "../4runr/mock-tools.js";
import { type Clock, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter } from "../core/emitter.js";
import { ClosedError, errorText } from "../core/errors.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { type GatewayAnswer, refused } from "./four-runr/answer.js";
import { BodyChecks } from "./four-runr/body-checks.js";
import type { GatewayContext } from "./four-runr/context.js";
import type { FourRunrFault } from "./four-runr/faults.js";
import { preflight, readRequest, toHttp } from "./four-runr/gateway-http.js";
import { gatewayIds } from "./four-runr/ids.js";
import { Metrics } from "./four-runr/metrics.js";
import type {
  Local4RunrEvents,
  Local4RunrOptions,
  LocalAgent,
  RegisterOptions,
} from "./four-runr/options.js";
import { RateLimit } from "./four-runr/rate-limit.js";
import { dispatch, findRoute } from "./four-runr/router.js";
import { GatewayStore } from "./four-runr/store.js";
import { TokenMint } from "./four-runr/tokens.js";
import { ToolRunner } from "./four-runr/tool-runner.js";
import { brokenLiveTools, withActions } from "./four-runr/tools.js";
import { type HttpAnswer, send } from "./http/answer.js";
import { FaultScript, withFault } from "./http/faults.js";
import { type Exchanges, exchanges } from "./http/observe.js";
import { type HttpRequest, type HttpResponse, LoopbackServer, plainHeaders } from "./http/server.js";

const everything: wire.components["schemas"]["PolicySpec"] = {
  scopes: [
    "serpapi:search",
    "http_fetch:get",
    "http_fetch:head",
    "openai:chat",
    "openai:complete",
    "gmail_send:send",
    "gmail_send:profile",
  ],
};

/** A gateway in this process, on loopback. */
export class Local4Runr {
  /** What goes wrong on purpose. */
  readonly faults = new FaultScript<FourRunrFault>();
  readonly #options: Local4RunrOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: Emitter<Local4RunrEvents>;
  readonly #server: LoopbackServer;
  readonly #closing: StagedClose;
  readonly #exchanges: Exchanges;
  #gateway: GatewayContext;
  #started = false;

  /** @throws UnsupportedError where the platform is not Node */
  constructor(options: Local4RunrOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    this.faults.add(...(options.faults ?? []));
    this.#exchanges = exchanges({ ...options, clock: this.#clock });
    this.#gateway = this.#make();
    const { port, origins, clock, logger } = options;
    this.#server = new LoopbackServer((message, response) => this.#serve(message, response), {
      port,
      origins,
      clock,
      logger,
    });
    this.#closing = new StagedClose(
      {
        stopIntake: () => {
          this.#gateway.settings.shuttingDown = true;
        },
        drain: () => this.#server.drain(),
        force: () => this.#server.close(),
      },
      { what: "the local gateway", graceMs: 1_000, logger: options.logger },
    );
  }

  /** Where it listens, without a slash at the end. @throws ClosedError before {@link Local4Runr.start} */
  get url(): string {
    if (!this.#started) throw new ClosedError("the local gateway was not started");
    return this.#server.url;
  }

  /** Whether one call of a tool in five fails. */
  get chaos(): boolean {
    return this.#gateway.settings.chaos;
  }

  set chaos(on: boolean) {
    this.#gateway.settings.chaos = on;
  }

  /** Starts to listen on 127.0.0.1. Resolves with the URL. Rejects with a `ConnectionError` when the port is taken. */
  async start(): Promise<string> {
    this.#closing.throwIfClosed();
    await this.#server.start();
    this.#started = true;
    this.#logger.info("local gateway listens", { url: this.url });
    return this.url;
  }

  /** Makes an agent with a policy of its own. The same could be done over HTTP. */
  async register(options: RegisterOptions = {}): Promise<LocalAgent> {
    const { name = "agent", role = "tester", spec = everything } = options;
    const created = await this.#ask("/api/create-agent", { name, created_by: "agentwire", role });
    const { agent_id: agentId, private_key: privateKeyPem } =
      created as wire.components["schemas"]["CreatedAgent"];
    await this.#ask("/api/policies", { name: `policy of ${name}`, agentId, spec });
    const env = { GATEWAY_URL: this.url, AGENT_ID: agentId, AGENT_PRIVATE_KEY: privateKeyPem };
    return { agentId, privateKeyPem, env };
  }

  /** Forgets agents, tokens, policies, logs and counts. */
  forget(): void {
    this.#gateway = this.#make();
  }

  /**
   * Cuts all connections and listens on the same port again `downMs` later (default: at once). All is forgotten, as by
   * the real gateway when it starts anew.
   */
  restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.forget();
    return this.#server.restart(options);
  }

  /** Calls `listener` for every event until the returned function is called. */
  on<Name extends keyof Local4RunrEvents>(
    event: Name,
    listener: (payload: Local4RunrEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /** Stops listening; requests in hand have a second to end. Repeated calls are fine. */
  close(): Promise<void> {
    return this.#closing.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #make(): GatewayContext {
    const { options, clock } = { options: this.#options, clock: this.#clock };
    const ids = options.ids ?? gatewayIds(() => clock.now());
    const { upstream = "mock", random = Math.random } = options;
    const own =
      upstream === "mock"
        ? mockTools(
            () => clock.now(),
            () => ids("mail"),
          )
        : brokenLiveTools();
    const settings = {
      upstream,
      strict: options.strict ?? true,
      testBypass: options.testBypass ?? false,
      utcOffsetMinutes: options.utcOffsetMinutes ?? 0,
      chaos: options.chaos ?? false,
      shuttingDown: false,
    };
    return {
      settings,
      clock,
      ids,
      store: new GatewayStore(),
      mint: new TokenMint(options.signingSecret ?? "local-4runr-signing-secret"),
      checks: new BodyChecks(),
      rateLimit: new RateLimit(clock, options.rateLimit),
      tools: new ToolRunner({
        clock,
        random,
        tools: withActions(own, options.tools),
        breaker: options.breaker,
        chaos: () => settings.chaos,
        onCall: (call) => this.#events.emit("call", call),
      }),
      metrics: new Metrics(clock.now()),
      startedAt: clock.monotonic(),
    };
  }

  async #serve(message: HttpRequest, response: HttpResponse): Promise<void> {
    const { origin } = message.headers;
    const asked = preflight(message);
    if (asked) return send(response, toHttp(asked, origin), this.#clock);
    const read = await readRequest(message);
    const { method = "GET" } = message;
    const path = "request" in read ? read.request.path : read.path;
    const operation = findRoute(method, path)?.operation;
    const tool = "request" in read ? (read.request.body as { tool?: unknown } | undefined)?.tool : undefined;
    const fault = this.faults.next(operation, (of) => of.tool === undefined || of.tool === tool);
    const headers = plainHeaders(message);
    const exchange = this.#exchanges(operation, {
      method,
      path: message.url ?? path,
      headers,
      body: read.text,
    });
    const tell = ({ status, headers }: Pick<HttpAnswer, "status" | "headers">): void =>
      this.#events.emit("request", {
        ...{ method, path, operation, status },
        correlationId: headers["x-correlation-id"],
      });
    const work = async (): Promise<HttpAnswer> => {
      const answer = toHttp(await this.#answer(read), origin);
      tell(answer);
      return answer;
    };
    const answer = await withFault(fault, work, {
      clock: this.#clock,
      faultBody: (status) => ({ error: `injected ${status}` }),
      restart: (how) => this.restart(how),
    }).catch((error: unknown) => {
      exchange({ type: "end" });
      throw error;
    });
    exchange({ type: "response", ...answer, body: answer.text ?? "" });
    if (fault?.kind === "status") tell(answer);
    await send(response, answer, this.#clock);
  }

  async #answer(read: Awaited<ReturnType<typeof readRequest>>): Promise<GatewayAnswer> {
    if ("refusal" in read) return read.refusal;
    try {
      return await dispatch(read.request, this.#gateway);
    } catch (error) {
      this.#logger.error("the local gateway failed", { path: read.request.path, reason: errorText(error) });
      this.#events.emit("error", error);
      return refused(500, "Internal server error");
    }
  }

  async #ask(path: string, body: unknown): Promise<unknown> {
    const request = { method: "POST", path, query: {}, body };
    const { status, body: given } = await dispatch(request, this.#gateway);
    if (status < 300) return given;
    throw new TypeError(`the local gateway refused ${path}: ${JSON.stringify(given)}`);
  }
}
