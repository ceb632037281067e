/** Agents and their tokens. */
import { answer, type GatewayAnswer, members, refused } from "./answer.js";
import { checkWhole } from "./body-checks.js";
import { type GatewayContext, type Handlers, timestamp } from "./context.js";

/** Operations on agents and tokens. */
export const agentHandlers = {
  async createAgent({ body }, gateway) {
    const { name, created_by, role } = members(body);
    if (!name || !created_by || !role) {
      return refused(400, "Missing required fields: name, created_by, and role are required.");
    }
    const broken = await strictly(gateway, "createAgent", body);
    if (broken) return broken;
    const { publicKey, privateKey } = await gateway.mint.keyPair();
    const id = gateway.ids("agent");
    gateway.store.agents.set(id, {
      id,
      name: String(name),
      role: String(role),
      createdBy: String(created_by),
      publicKey,
      status: "active",
      createdAt: timestamp(gateway),
    });
    gateway.metrics.count("agent_creations", { agent_id: id });
    return answer(201, { agent_id: id, private_key: privateKey });
  },

  listAgents: (_, { store }) => answer(200, { agents: [...store.agents.values()] }),

  getAgent({ params }, { store }) {
    const agent = store.agents.get(params.agent_id!);
    return agent ? answer(200, { agent }) : refused(404, "Agent not found.");
  },

  async generateToken({ body }, gateway) {
    const { agent_id, tools, permissions, expires_at } = members(body);
    if (!agent_id || !tools || !permissions || !expires_at) {
      return refused(
        400,
        "Missing required fields: agent_id, tools, permissions, and expires_at are required.",
      );
    }
    if (!Array.isArray(tools) || !Array.isArray(permissions)) {
      return refused(400, "Tools and permissions must be arrays.");
    }
    const expiry = readDate(expires_at, gateway.settings.utcOffsetMinutes);
    if (Number.isNaN(expiry)) {
      return refused(400, "Invalid expires_at date format. Use ISO 8601 format.");
    }
    if (expiry <= gateway.clock.now()) return refused(400, "Token expiry date must be in the future.");
    const agent = gateway.store.agents.get(String(agent_id));
    if (agent === undefined) return refused(404, "Agent not found.");
    if (agent.status !== "active") return refused(400, "Agent is not active.");
    const broken = await strictly(gateway, "generateToken", body);
    return broken ?? issue(gateway, agent, { tools, permissions, expires_at: expires_at as string, expiry });
  },

  listTokenRecords({ params }, { store }) {
    const records = [...store.tokenRecords.values()];
    return answer(200, {
      tokens: records.filter(({ agentId, revoked }) => agentId === params.agent_id && !revoked),
    });
  },

  revokeTokenRecord({ params }, { store }) {
    const record = store.tokenRecords.get(params.record_id!);
    if (record === undefined) return refused(404, "Token not found.");
    store.tokenRecords.set(record.id, { ...record, revoked: true });
    return answer(200, { message: "Token revoked successfully.", token_id: record.id });
  },

  listTokenRegistry: (_, { store }) =>
    answer(
      200,
      [...store.registry.values()].map(({ payloadHash: _hash, ...entry }) => entry),
    ),

  revokeToken({ params }, gateway) {
    const entry = gateway.store.registry.get(params.token_id!);
    if (entry === undefined) return refused(404, "Token not found");
    const revokedAt = timestamp(gateway);
    gateway.store.registry.set(entry.tokenId, { ...entry, isRevoked: true, revokedAt });
    return answer(200, { message: "Token revoked successfully", tokenId: entry.tokenId, revokedAt });
  },
} satisfies Handlers;

/** What the spec says beyond the gateway's own checks, unless it is switched off. */
export async function strictly(
  { settings }: GatewayContext,
  operation: "createAgent" | "generateToken" | "proxyRequest",
  body: unknown,
): Promise<GatewayAnswer | undefined> {
  return settings.strict ? checkWhole(operation, body) : undefined;
}

interface TokenWishes {
  readonly tools: readonly unknown[];
  readonly permissions: readonly unknown[];
  readonly expires_at: string;
  readonly expiry: number;
}

function issue(
  gateway: GatewayContext,
  agent: { readonly id: string; readonly name: string },
  { tools, permissions, expires_at, expiry }: TokenWishes,
): GatewayAnswer {
  const { ids, store, mint } = gateway;
  const now = timestamp(gateway);
  const { token, payloadHash } = mint.issue({
    agent_id: agent.id,
    agent_name: agent.name,
    tools,
    permissions,
    expires_at,
    nonce: ids("nonce"),
    issued_at: now,
  });
  const common = { agentId: agent.id, expiresAt: new Date(expiry).toISOString() };
  const tokenId = ids("token");
  const record = { id: ids("tokenRecord"), ...common, encrypted: token, revoked: false, createdAt: now };
  store.tokenRecords.set(record.id, record);
  store.registry.set(tokenId, {
    id: ids("registry"),
    tokenId,
    ...common,
    issuedAt: now,
    isRevoked: false,
    payloadHash,
  });
  gateway.metrics.count("token_generations", { agent_id: agent.id });
  return answer(201, { agent_token: token, token_id: tokenId, expires_at, agent_name: agent.name });
}

/** Unix time in milliseconds, or NaN. A date-time without offset is in the gateway's local time. */
export function readDate(value: unknown, utcOffsetMinutes: number): number {
  const naive = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(value);
  if (naive) return Date.parse(`${value}Z`) - utcOffsetMinutes * 60_000;
  return new Date(value as string | number).getTime();
}
