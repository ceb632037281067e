/**
 * The 4Runr token gateway for demos, tests and local development: verifiable tokens, policies, rate limit, circuit
 * breaker and mock tools respond as the real gateway in mock mode does. It keeps everything in memory. Requires Node.
 */
import type { wire } from "../../gen/4runr/index.js";
import { errorText } from "../core/errors.js";
import { addAgent } from "./four-runr/agents.js";
import { Gateway } from "./four-runr/context.js";
import { frameworkError, parseBody, preflight } from "./four-runr/http.js";
import type {
  FourRunrFault,
  Local4RunrEvents,
  Local4RunrOptions,
  LocalAgent,
  RegisterOptions,
} from "./four-runr/options.js";
import { carryOut, dispatch, type ServedOperation, servedOperations } from "./four-runr/router.js";
import { type HttpAnswer, json } from "./http/answer.js";
import { type LocalRequest, LocalServer } from "./http/local-server.js";
import { Refusal, refusal } from "./http/refusal.js";

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
  #gateway: Gateway;

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
    return this.#gateway.chaos;
  }

  set chaos(on: boolean) {
    this.#gateway.chaos = on;
  }

  /** Creates an agent with a policy of its own, as two requests would. */
  async register(options: RegisterOptions = {}): Promise<LocalAgent> {
    const { name = "agent", role = "tester", spec = everything } = options;
    const gateway = this.#gateway;
    const ask = (operation: ServedOperation, body: unknown) =>
      carryOut(operation, { query: {}, params: {}, headers: {}, body }, gateway);
    let { agentId, privateKeyPem } = options;
    if (agentId === undefined || privateKeyPem === undefined) {
      const created = await ask("createAgent", { name, created_by: "agentwire", role });
      ({ agent_id: agentId, private_key: privateKeyPem } =
        created as wire.components["schemas"]["CreatedAgent"]);
    } else {
      const publicKey = gateway.mint.publicKey(privateKeyPem);
      addAgent(gateway, { id: agentId, name, role, createdBy: "agentwire", publicKey });
    }
    await ask("createPolicy", { name: `policy of ${name}`, agentId, spec });
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
    this.#gateway.shuttingDown = true;
  }

  protected override isStruck({ tool }: FourRunrFault, { text = "" }: LocalRequest): boolean {
    return tool === undefined || new RegExp(`"tool"\\s*:\\s*${JSON.stringify(tool)}`).test(text);
  }

  protected override async answer(request: LocalRequest): Promise<HttpAnswer> {
    const { method, pathname: path, operation } = request;
    const { origin } = request.headers;
    const cors = origin === undefined ? {} : { "access-control-allow-origin": origin };
    const given = preflight(request) ?? (await this.#serve(request));
    const headers: Record<string, string> = { vary: "Origin", ...cors, ...given.headers };
    const correlationId = headers["x-correlation-id"];
    this.emitter.emit("request", { method, path, operation, status: given.status, correlationId });
    return { ...given, headers };
  }

  async #serve(request: LocalRequest): Promise<HttpAnswer> {
    const { method, pathname: path, params, operation } = request;
    const headers: Record<string, string> = {};
    try {
      const body = parseBody(request);
      if (operation === undefined) {
        throw frameworkError(404, `Route ${method === "HEAD" ? "GET" : method}:${path} not found`);
      }
      const call = { query: Object.fromEntries(request.query), params, body, headers };
      const answer = await dispatch(operation as ServedOperation, call, this.#gateway);
      return { ...answer, headers: { ...answer.headers, ...headers } };
    } catch (error) {
      if (error instanceof Refusal) return json(error.status, error.body);
      this.logger.error("the local gateway failed", { path, reason: errorText(error) });
      this.emitter.emit("error", error);
      const { status, body } = refusal(500, "Internal server error");
      return json(status, body);
    }
  }

  #make(): Gateway {
    return new Gateway(this.#options, this.clock, (call) => this.emitter.emit("call", call));
  }
}
