/**
 * The 4Runr token gateway over HTTP on this machine, for demos, tests and local development: tokens that
 * verify, policies, rate limit, circuit breaker and mock tools answer as the real gateway in mock mode does.
 * Everything is in memory. Runs on Node.
 */
import type * as NodeHttp from "node:http";
import type { AddressInfo } from "node:net";
import type { wire } from "../../gen/4runr/index.js";
import { mockTools } from "../4runr/mock-tools.js";
import { type Clock, sleep, systemClock } from "../core/clock.js";
import { StagedClose } from "../core/close.js";
import { Emitter } from "../core/emitter.js";
import { ClosedError, errorText } from "../core/errors.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { type GatewayAnswer, refused } from "./four-runr/answer.js";
import { BodyChecks } from "./four-runr/body-checks.js";
import type { GatewayContext } from "./four-runr/context.js";
import { FaultScript } from "./four-runr/faults.js";
import { preflight, readRequest, send } from "./four-runr/gateway-http.js";
import { gatewayIds } from "./four-runr/ids.js";
import { Metrics } from "./four-runr/metrics.js";
import { nodeModule } from "./four-runr/node-module.js";
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

const everything: wire.PolicySpec = {
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
  /** Faults of the connection and of answers. */
  readonly faults = new FaultScript();
  readonly #options: Local4RunrOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: Emitter<Local4RunrEvents>;
  readonly #server: NodeHttp.Server;
  readonly #closing: StagedClose;
  #gateway: GatewayContext;
  #url: string | undefined;

  /** @throws UnsupportedError where the platform is not Node */
  constructor(options: Local4RunrOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#events = new Emitter({ logger: options.logger });
    for (const fault of options.faults ?? []) this.faults.add(fault);
    this.#gateway = this.#make();
    const http = nodeModule<typeof NodeHttp>("node:http");
    this.#server = http.createServer((message, response) => void this.#serve(message, response));
    this.#closing = new StagedClose(
      {
        stopIntake: () => {
          this.#gateway.settings.shuttingDown = true;
        },
        drain: () => this.#stopListening(),
        force: () => this.#server.closeAllConnections(),
      },
      { what: "the local gateway", graceMs: 1_000, logger: options.logger },
    );
  }

  /** Where it listens, without a slash at the end. @throws ClosedError before {@link Local4Runr.start} */
  get url(): string {
    if (this.#url === undefined) throw new ClosedError("the local gateway was not started");
    return this.#url;
  }

  /** Whether one call of a tool in five fails. */
  get chaos(): boolean {
    return this.#gateway.settings.chaos;
  }

  set chaos(on: boolean) {
    this.#gateway.settings.chaos = on;
  }

  /** Starts to listen on 127.0.0.1. Resolves with the URL. */
  async start(): Promise<string> {
    this.#closing.throwIfClosed();
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port ?? 0, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    this.#logger.info("local gateway listens", { url: this.#url });
    return this.#url;
  }

  /** Makes an agent with a policy of its own. The same could be done over HTTP. */
  async register(options: RegisterOptions = {}): Promise<LocalAgent> {
    const { name = "agent", role = "tester", spec = everything } = options;
    const created = await this.#ask("/api/create-agent", { name, created_by: "agentwire", role });
    const { agent_id: agentId, private_key: privateKeyPem } = created as wire.CreatedAgent;
    await this.#ask("/api/policies", { name: `policy of ${name}`, agentId, spec });
    const env = { GATEWAY_URL: this.url, AGENT_ID: agentId, AGENT_PRIVATE_KEY: privateKeyPem };
    return { agentId, privateKeyPem, env };
  }

  /** Forgets agents, tokens, policies, logs and counts, as the real gateway does when it starts anew. */
  restart(): void {
    this.#gateway = this.#make();
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

  async #serve(message: NodeHttp.IncomingMessage, response: NodeHttp.ServerResponse): Promise<void> {
    try {
      const asked = preflight(message);
      const origin = message.headers.origin;
      if (asked) return await send(response, asked, { origin, fault: undefined, clock: this.#clock });
      const read = await readRequest(message);
      const { method = "GET" } = message;
      const path = "request" in read ? read.request.path : read.path;
      const operation = findRoute(method, path)?.operation;
      const tool =
        "request" in read ? (read.request.body as { tool?: unknown } | undefined)?.tool : undefined;
      const fault = this.faults.next(operation, typeof tool === "string" ? tool : undefined);
      if (fault?.kind === "drop" && !fault.after) return void message.socket.destroy();
      if (fault?.kind === "delay") await sleep(fault.ms, { clock: this.#clock });
      const given = await this.#answer(read, fault);
      this.#events.emit("request", {
        method,
        path,
        operation,
        status: given.status,
        correlationId: given.headers?.["x-correlation-id"],
      });
      if (fault?.kind === "drop") return void message.socket.destroy();
      await send(response, given, { origin, fault, clock: this.#clock });
    } catch (error) {
      this.#logger.debug("a request ended early", { reason: errorText(error) });
      message.socket.destroy();
    }
  }

  async #answer(
    read: Awaited<ReturnType<typeof readRequest>>,
    fault: ReturnType<FaultScript["next"]>,
  ): Promise<GatewayAnswer> {
    if (fault?.kind === "status") {
      const { status, headers, body = { error: `injected ${status}` } } = fault;
      return { status, body, ...(headers && { headers }) };
    }
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

  /** Ends when the last request in hand has ended. */
  #stopListening(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }
}
