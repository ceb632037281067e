/** The proxied call: every check in the gateway's order, then the tool. */
import { toolActions, type wire } from "../../../gen/4runr/index.js";
import { found, refusal } from "../http/refusal.js";
import { issueTexts, zodParse } from "../http/zod.js";
import { strictly } from "./agents.js";
import { schemas } from "./body-checks.js";
import type { Gateway, GatewayCall } from "./context.js";
import { GatewayFault, members } from "./http.js";
import { judge } from "./policies.js";
import { ToolFailure, type ToolParams } from "./tools.js";

type Agent = wire.components["schemas"]["Agent"];

/** Tokens with less time left than this are to be replaced. */
const rotationMs = 300_000;

/** What is called. */
interface Target {
  readonly correlationId: string;
  readonly tool: string;
  readonly action: string;
  readonly params: unknown;
}

/** `POST /api/proxy-request`. */
export async function proxyRequest({ body, headers }: GatewayCall, gateway: Gateway): Promise<unknown> {
  if (gateway.shuttingDown) throw refusal(503, "Service is shutting down");
  const correlationId = gateway.ids("correlation");
  headers["x-correlation-id"] = correlationId;
  const { agent_token, token_id, proof_payload, tool, action, params } = members(body);
  if (!agent_token || !tool || !action || !params) {
    const names = "agent_token, tool, action, and params";
    throw refusal(400, `Missing required fields: ${names} are required.`);
  }
  if (token_id) checkProof(gateway, String(token_id), proof_payload);
  const target = { correlationId, tool: String(tool), action: String(action), params };
  const agent = checkToken(gateway, agent_token, target, headers);
  checkPolicy(gateway, agent, target);
  checkParams(target);
  // In live mode no stored credential can be read, so only the tool that needs none is left.
  if (!gateway.isMock && target.tool !== "http_fetch") {
    throw refusal(503, `${target.tool} not configured - no active credential found`);
  }
  await strictly(gateway, "proxyRequest", body);
  const retry_after = gateway.rateLimit.take(agent.id);
  if (retry_after !== undefined) {
    log(gateway, agent.id, target, 429, 0, "Rate limit exceeded");
    throw refusal(429, "Rate limit exceeded", { retry_after });
  }
  return run(gateway, agent, target);
}

function checkProof({ registry, mint }: Gateway, tokenId: string, proof: unknown): void {
  if (!proof) {
    throw refusal(400, "Token provenance validation requires proof_payload when token_id is provided.");
  }
  const entry = found(registry.get(tokenId), refusal(403, "Token not found in registry"));
  if (entry.isRevoked) throw refusal(403, "Token has been revoked");
  if (typeof proof !== "string") throw new GatewayFault("the proof is not a text");
  if (mint.hash(proof) !== entry.payloadHash) throw refusal(403, "Token proof verification failed");
}

/** Whose token it is. */
function checkToken(
  gateway: Gateway,
  token: unknown,
  target: Target,
  headers: GatewayCall["headers"],
): Agent {
  if (typeof token !== "string") throw new GatewayFault("the token is not a text");
  const { metrics, agents, clock, mint } = gateway;
  const countToken = (agent_id: string, success: string) =>
    metrics.count("token_validations", { agent_id, success });
  const { agent_id: id, expires_at } = mint.read(token, () => countToken("unknown", "false"));
  countToken(id, "true");
  if (expires_at !== undefined) {
    const leftMs = new Date(expires_at).getTime() - clock.now();
    if (leftMs < 0) {
      metrics.count("token_expirations", { agent_id: id });
      log(gateway, id, target, 403, 0, "Token expired");
      throw refusal(403, "Token expired");
    }
    if (leftMs < rotationMs) {
      headers["x-token-rotation-recommended"] = "true";
      headers["x-token-expires-at"] = String(expires_at);
    }
  }
  const agent = found(agents.get(id), refusal(403, "Agent not found"));
  if (agent.status !== "active") throw refusal(403, "Agent is not active");
  return agent;
}

function checkPolicy(gateway: Gateway, agent: Agent, target: Target): void {
  const { tool, action } = target;
  let verdict: ReturnType<typeof judge>;
  try {
    verdict = judge(gateway, agent, target);
  } catch (cause) {
    // A URL that cannot be read under a policy with guards makes the real gateway stumble.
    throw cause instanceof TypeError ? new GatewayFault("a URL cannot be read", { cause }) : cause;
  }
  if (verdict.allowed) return;
  gateway.metrics.count("policy_denials", { agent_id: agent.id, tool, action });
  log(gateway, agent.id, target, 403, 0, `Policy denied: ${verdict.reason}`);
  throw refusal(403, "Policy denied", { reason: verdict.reason });
}

function checkParams({ tool, action, params }: Target): void {
  const tools: Readonly<Record<string, Readonly<Record<string, { readonly params: string }>>>> = toolActions;
  const own = Object.hasOwn(tools, tool) ? tools[tool]! : {};
  const details = Object.hasOwn(own, action)
    ? issueTexts(zodParse(schemas, schemas.at(own[action]!.params), params).issues)
    : [`No validator found for ${tool}:${action}`];
  if (details.length > 0) throw refusal(400, "Parameter validation failed", { details });
}

async function run(gateway: Gateway, agent: Agent, target: Target): Promise<unknown> {
  const { clock, tools, metrics, spans } = gateway;
  const { tool, action, params, correlationId } = target;
  const { id: agent_id, name: agent_name } = agent;
  const [startedAt, startTime] = [clock.monotonic(), clock.now()];
  const span = { id: gateway.ids("span"), correlationId, agentId: agent_id, tool, action, type: "tool_call" };
  const at = spans.push({ ...span, startTime, input: params, metadata: {}, children: [] }) - 1;
  const tookMs = (): number => Math.round(clock.monotonic() - startedAt);
  try {
    const data = (await tools.run(tool, action, params as ToolParams)) ?? null;
    const response_time_ms = tookMs();
    // Counted when the tool is done and again when the answer is out.
    for (let times = 0; times < 2; times++) metrics.count("requests", { tool, action, code: "200" });
    log(gateway, agent_id, target, 200, response_time_ms);
    const [endTime, output] = [clock.now(), { result: data, success: true }];
    spans[at] = { ...spans[at]!, endTime, duration: endTime - startTime, output };
    return { success: true, data, metadata: { agent_id, agent_name, tool, action, response_time_ms } };
  } catch (error) {
    const failure = error instanceof ToolFailure ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    const { status = 502, body = message } = failure ?? {};
    metrics.count("requests", { tool, action, code: String(status) });
    log(gateway, agent_id, target, status, tookMs(), message);
    throw refusal(status, "External API request failed", { details: body ?? message });
  }
}

function log(
  gateway: Gateway,
  agentId: string,
  { tool, action, correlationId: corrId }: Target,
  statusCode: number,
  responseTime: number,
  errorMessage?: string,
): void {
  gateway.requestLogs.push({
    ...{ id: gateway.ids("requestLog"), corrId, agentId, tool, action, responseTime, statusCode },
    success: statusCode === 200,
    ...(errorMessage !== undefined && { errorMessage }),
    createdAt: gateway.now(),
  });
}
