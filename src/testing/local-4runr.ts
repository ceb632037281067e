/**
 * The 4Runr token gateway for demos, tests and local development: verifiable tokens, policies, rate limit, circuit
 * breaker and mock tools respond as the real gateway in mock mode does. It keeps everything in memory. Requires Node.
 */
import type { wire } from "../../gen/4runr/index.js";
import { mockTools } from "../4runr/mock-tools.js";
import { errorText } from "../core/errors.js";
import { type GatewayAnswer, refused } from "./four-runr/answer.js";
import type { GatewayContext } from "./four-runr/context.js";
import { parseBody, preflight, toHttp } from "./four-runr/gateway-http.js";
import { gatewayIds } from "./four-runr/ids.js";
import { Metrics } from "./four-runr/metrics.js";
import type {
  FourRunrFault,
  Local4RunrEvents,
  Local4RunrOptions,
  LocalAgent,
  RegisterOptions,
} from "./four-runr/options.js";
import { RateLimit } from "./four-runr/rate-limit.js";
import { dispatch, type ServedOperation, servedOperations } from "./four-runr/router.js";
import { GatewayStore } from "./four-runr/store.js";
import { TokenMint } from "./four-runr/tokens.js";
import { ToolRunner } from "./four-runr/tool-runner.js";
import { brokenLiveTools, withActions } from "./four-runr/tools.js";
import type { HttpAnswer } from "./http/answer.js";
import { type LocalRequest, LocalServer } from "./http/local-server.js";

/** The largest body that the gateway reads. */
const maxBodyBytes = 1_048_576;

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

/** A gateway in this process. */
export class Local4Runr extends LocalServer<FourRunrFault, Local4RunrEvents> {
  readonly #options: Local4RunrOptions;
  #gateway: GatewayContext;

  private constructor(options: Local4RunrOptions) {
    super(options, { what: "the local gateway", operations: servedOperations, maxBodyBytes });
    this.#options = options;
    this.#gateway = this.#make();
  }

  /** Rejects with a `ConnectionError` if the port is taken, with an `UnsupportedError` outside Node. */
  static async start(options: Local4RunrOptions = {}): Promise<Local4Runr> {
    return new Local4Runr(options).listen();
  }

  /** Leads clients here; those of an agent come from {@link Local4Runr.register}. */
  get env(): Readonly<Record<string, string>> {
    return { GATEWAY_URL: this.url };
  }

  /** Whether one call of a tool in five fails. */
  get chaos(): boolean {
    return this.#gateway.settings.chaos;
  }

  set chaos(on: boolean) {
    this.#gateway.settings.chaos = on;
  }

  /** Creates an agent with a policy of its own, as two requests would. */
  async register(options: RegisterOptions = {}): Promise<LocalAgent> {
    const { name = "agent", role = "tester", spec = everything } = options;
    const created = await this.#ask("createAgent", { name, created_by: "agentwire", role });
    const { agent_id: agentId, private_key: privateKeyPem } =
      created as wire.components["schemas"]["CreatedAgent"];
    await this.#ask("createPolicy", { name: `policy of ${name}`, agentId, spec });
    return {
      agentId,
      privateKeyPem,
      env: { ...this.env, AGENT_ID: agentId, AGENT_PRIVATE_KEY: privateKeyPem },
    };
  }

  /** Forgets agents, tokens, policies, logs and counts. */
  forget(): void {
    this.#gateway = this.#make();
  }

  /** Goes down and comes up again. Everything is forgotten, as by the real gateway when it starts. */
  override restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.forget();
    return super.restart(options);
  }

  protected override stopIntake(): void {
    this.#gateway.settings.shuttingDown = true;
  }

  protected override isStruck({ tool }: FourRunrFault, { text = "" }: LocalRequest): boolean {
    return tool === undefined || new RegExp(`"tool"\\s*:\\s*${JSON.stringify(tool)}`).test(text);
  }

  protected override async answer(request: LocalRequest): Promise<HttpAnswer> {
    const { headers, method, pathname: path, operation } = request;
    const answer = toHttp(preflight(request) ?? (await this.#serve(request)), headers.origin);
    this.emitter.emit("request", {
      ...{ method, path, operation, status: answer.status },
      correlationId: answer.headers["x-correlation-id"],
    });
    return answer;
  }

  async #serve(request: LocalRequest): Promise<GatewayAnswer> {
    const { method, pathname: path, params, operation } = request;
    const parsed = parseBody(request);
    if ("refusal" in parsed) return parsed.refusal;
    const query = Object.fromEntries(request.query);
    try {
      const given = { method: method === "HEAD" ? "GET" : method, path, query, params, body: parsed.value };
      return await dispatch(operation as ServedOperation | undefined, given, this.#gateway);
    } catch (error) {
      this.logger.error("the local gateway failed", { path, reason: errorText(error) });
      this.emitter.emit("error", error);
      return refused(500, "Internal server error");
    }
  }

  #make(): GatewayContext {
    const { clock } = this;
    const options = this.#options;
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
      rateLimit: new RateLimit(clock, options.rateLimit),
      tools: new ToolRunner({
        clock,
        random,
        tools: withActions(own, options.tools),
        breaker: options.breaker,
        chaos: () => settings.chaos,
        onCall: (call) => this.emitter.emit("call", call),
      }),
      metrics: new Metrics(clock.now()),
      startedAt: clock.monotonic(),
    };
  }

  async #ask(operation: ServedOperation, body: unknown): Promise<unknown> {
    const request = { method: "POST", path: "", query: {}, params: {}, body };
    const { status, body: given } = await dispatch(operation, request, this.#gateway);
    if (status < 300) return given;
    throw new TypeError(`the local gateway refused ${operation}: ${JSON.stringify(given)}`);
  }
}
