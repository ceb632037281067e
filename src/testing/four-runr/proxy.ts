/** The proxied call: every check in the gateway's order, then the tool. */
import { toolActions, type wire } from "../../../gen/4runr/index.js";
import { issueTexts, zodParse } from "../http/zod.js";
import { strictly } from "./agents.js";
import { answer, type GatewayAnswer, GatewayFault, members, refused } from "./answer.js";
import { schemas } from "./body-checks.js";
import { type GatewayContext, type Handler, timestamp } from "./context.js";
import { judge } from "./policies.js";
import type { TokenPayload } from "./tokens.js";
import { ToolFailure, type ToolParams } from "./tools.js";

/** Tokens with less time left than this are to be replaced. */
const rotationMs = 300_000;

/** `POST /api/proxy-request`. */
export const proxyRequest: Handler = async ({ body }, gateway) => {
  if (gateway.settings.shuttingDown) return refused(503, "Service is shutting down");
  const call = new ProxiedCall(gateway);
  const given = await call.answer(body).catch((error: unknown) => {
    if (error instanceof GatewayFault) return refused(500, "Internal server error during proxy request");
    throw error;
  });
  return { ...given, headers: { ...given.headers, ...call.headers } };
};

class ProxiedCall {
  readonly #gateway: GatewayContext;
  readonly #correlationId: string;
  readonly #headers: Record<string, string>;

  constructor(gateway: GatewayContext) {
    this.#gateway = gateway;
    this.#correlationId = gateway.ids("correlation");
    this.#headers = { "x-correlation-id": this.#correlationId };
  }

  /** On every answer, also when a later check fails. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  async answer(body: unknown): Promise<GatewayAnswer> {
    const { agent_token, token_id, proof_payload, tool, action, params } = members(body);
    if (!agent_token || !tool || !action || !params) {
      return refused(400, "Missing required fields: agent_token, tool, action, and params are required.");
    }
    const unproven = token_id ? this.#proof(String(token_id), proof_payload) : undefined;
    if (unproven) return unproven;
    if (typeof agent_token !== "string") throw new GatewayFault("the token is not a text");
    const verdict = this.#gateway.mint.read(agent_token);
    if (!verdict.ok) {
      if (verdict.error === "Token decoding failed") this.#countToken("unknown", false);
      return refused(verdict.status, verdict.error);
    }
    const { payload } = verdict;
    this.#countToken(payload.agent_id, true);
    const target = { tool: String(tool), action: String(action), params };
    if (this.#expired(payload, target)) return refused(403, "Token expired");
    const agent = this.#gateway.store.agents.get(payload.agent_id);
    if (agent === undefined) return refused(403, "Agent not found");
    if (agent.status !== "active") return refused(403, "Agent is not active");
    return (
      this.#deny(agent, target) ??
      this.#checkParams(target) ??
      this.#checkTool(target.tool) ??
      (await strictly(this.#gateway, "proxyRequest", body)) ??
      this.#limit(agent, target) ??
      this.#run(agent, target)
    );
  }

  #countToken(agentId: string, success: boolean): void {
    this.#gateway.metrics.count("token_validations", { agent_id: agentId, success: String(success) });
  }

  #proof(tokenId: string, proof: unknown): GatewayAnswer | undefined {
    if (!proof) {
      return refused(400, "Token provenance validation requires proof_payload when token_id is provided.");
    }
    const entry = this.#gateway.store.registry.get(tokenId);
    if (entry === undefined) return refused(403, "Token not found in registry");
    if (entry.isRevoked) return refused(403, "Token has been revoked");
    if (typeof proof !== "string") throw new GatewayFault("the proof is not a text");
    if (this.#gateway.mint.hash(proof) === entry.payloadHash) return undefined;
    return refused(403, "Token proof verification failed");
  }

  #expired(payload: TokenPayload, target: Target): boolean {
    if (payload.expires_at === undefined) return false;
    const leftMs = new Date(payload.expires_at).getTime() - this.#gateway.clock.now();
    if (leftMs < 0) {
      this.#gateway.metrics.count("token_expirations", { agent_id: payload.agent_id });
      this.#log(payload.agent_id, target, 403, 0, "Token expired");
      return true;
    }
    if (leftMs < rotationMs) {
      this.#headers["x-token-rotation-recommended"] = "true";
      this.#headers["x-token-expires-at"] = String(payload.expires_at);
    }
    return false;
  }

  #deny(agent: wire.components["schemas"]["Agent"], target: Target): GatewayAnswer | undefined {
    const verdict = judged(this.#gateway, agent, target);
    if (verdict.allowed) return undefined;
    const { tool, action } = target;
    this.#gateway.metrics.count("policy_denials", { agent_id: agent.id, tool, action });
    this.#log(agent.id, target, 403, 0, `Policy denied: ${verdict.reason}`);
    return refused(403, "Policy denied", { reason: verdict.reason });
  }

  #checkParams({ tool, action, params }: Target): GatewayAnswer | undefined {
    const own = Object.hasOwn(toolActions, tool) ? toolActions[tool as keyof typeof toolActions] : {};
    const entry = Object.hasOwn(own, action)
      ? (own as Readonly<Record<string, { readonly params: string }>>)[action]
      : undefined;
    const details = entry
      ? issueTexts(zodParse(schemas, schemas.at(entry.params), params).issues)
      : [`No validator found for ${tool}:${action}`];
    return details.length > 0 ? refused(400, "Parameter validation failed", { details }) : undefined;
  }

  /** In live mode no stored credential can be read, so only the tool that needs none is left. */
  #checkTool(tool: string): GatewayAnswer | undefined {
    if (this.#gateway.settings.upstream === "mock" || tool === "http_fetch") return undefined;
    return refused(503, `${tool} not configured - no active credential found`);
  }

  #limit(agent: wire.components["schemas"]["Agent"], target: Target): GatewayAnswer | undefined {
    const retryAfter = this.#gateway.rateLimit.take(agent.id);
    if (retryAfter === undefined) return undefined;
    this.#log(agent.id, target, 429, 0, "Rate limit exceeded");
    return refused(429, "Rate limit exceeded", { retry_after: retryAfter });
  }

  async #run(agent: wire.components["schemas"]["Agent"], target: Target): Promise<GatewayAnswer> {
    const { clock, tools, metrics } = this.#gateway;
    const { tool, action, params } = target;
    const startedAt = clock.monotonic();
    const span = this.#openSpan(agent, target);
    const tookMs = (): number => Math.round(clock.monotonic() - startedAt);
    try {
      const data = (await tools.run(tool, action, params as ToolParams)) ?? null;
      const response_time_ms = tookMs();
      // Counted when the tool is done and again when the answer is out.
      for (let times = 0; times < 2; times++) metrics.count("requests", { tool, action, code: "200" });
      this.#log(agent.id, target, 200, response_time_ms);
      span({ result: data, success: true });
      const { id: agent_id, name: agent_name } = agent;
      const metadata = { agent_id, agent_name, tool, action, response_time_ms };
      return answer(200, { success: true, data, metadata });
    } catch (error) {
      const status = error instanceof ToolFailure ? error.status : 502;
      const message = error instanceof Error ? error.message : String(error);
      metrics.count("requests", { tool, action, code: String(status) });
      this.#log(agent.id, target, status, tookMs(), message);
      const details = (error instanceof ToolFailure ? error.body : undefined) ?? message;
      return refused(status, "External API request failed", { details });
    }
  }

  /** Notes the call for the monitor; the returned function adds how it ended. */
  #openSpan(
    agent: wire.components["schemas"]["Agent"],
    { tool, action, params }: Target,
  ): (output: object) => void {
    const { store, clock, ids } = this.#gateway;
    const startTime = clock.now();
    const at = store.spans.push({
      id: ids("span"),
      correlationId: this.#correlationId,
      agentId: agent.id,
      tool,
      action,
      type: "tool_call",
      startTime,
      input: params,
      metadata: {},
      children: [],
    });
    return (output) => {
      const endTime = clock.now();
      store.spans[at - 1] = { ...store.spans[at - 1]!, endTime, duration: endTime - startTime, output };
    };
  }

  #log(
    agentId: string,
    { tool, action }: Target,
    statusCode: number,
    responseTime: number,
    errorMessage?: string,
  ): void {
    const { store, ids } = this.#gateway;
    store.requestLogs.push({
      id: ids("requestLog"),
      corrId: this.#correlationId,
      agentId,
      tool,
      action,
      responseTime,
      statusCode,
      success: statusCode === 200,
      ...(errorMessage !== undefined && { errorMessage }),
      createdAt: timestamp(this.#gateway),
    });
  }
}

interface Target {
  readonly tool: string;
  readonly action: string;
  readonly params: unknown;
}

/** A URL that cannot be read under a policy with guards makes the real gateway stumble. */
function judged(...[gateway, agent, target]: Parameters<typeof judge>): ReturnType<typeof judge> {
  try {
    return judge(gateway, agent, target);
  } catch (error) {
    if (error instanceof TypeError) throw new GatewayFault("a URL cannot be read", { cause: error });
    throw error;
  }
}
