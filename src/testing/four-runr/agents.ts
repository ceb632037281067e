/** Agents and their tokens. */
import { found, refusal } from "../http/refusal.js";
import { checkWhole } from "./body-checks.js";
import type { Gateway, Handlers } from "./context.js";
import { members } from "./http.js";

/** Operations on agents and tokens. */
export const agentHandlers = {
  async createAgent({ body }, gateway) {
    const { name, created_by, role } = members(body);
    if (!name || !created_by || !role) {
      throw refusal(400, "Missing required fields: name, created_by, and role are required.");
    }
    await strictly(gateway, "createAgent", body);
    const { publicKey, privateKey } = await gateway.mint.keyPair();
    const id = gateway.ids("agent");
    addAgent(gateway, {
      id,
      name: String(name),
      role: String(role),
      createdBy: String(created_by),
      publicKey,
    });
    return { agent_id: id, private_key: privateKey };
  },

  listAgents: (_, { agents }) => ({ agents: [...agents.values()] }),

  getAgent: ({ params }, { agents }) => ({
    agent: found(agents.get(params.agent_id!), refusal(404, "Agent not found.")),
  }),

  async generateToken({ body }, gateway) {
    const { agent_id, tools, permissions, expires_at } = members(body);
    if (!agent_id || !tools || !permissions || !expires_at) {
      const names = "agent_id, tools, permissions, and expires_at";
      throw refusal(400, `Missing required fields: ${names} are required.`);
    }
    if (!Array.isArray(tools) || !Array.isArray(permissions)) {
      throw refusal(400, "Tools and permissions must be arrays.");
    }
    const expiry = readDate(expires_at, gateway.utcOffsetMinutes);
    if (Number.isNaN(expiry)) throw refusal(400, "Invalid expires_at date format. Use ISO 8601 format.");
    if (expiry <= gateway.clock.now()) throw refusal(400, "Token expiry date must be in the future.");
    const agent = found(gateway.agents.get(String(agent_id)), refusal(404, "Agent not found."));
    if (agent.status !== "active") throw refusal(400, "Agent is not active.");
    await strictly(gateway, "generateToken", body);
    const { ids, mint } = gateway;
    const [agentId, agent_name, createdAt] = [agent.id, agent.name, gateway.now()];
    const { token, payloadHash } = mint.issue({
      ...{ agent_id: agentId, agent_name, tools, permissions, expires_at: expires_at as string },
      ...{ nonce: ids("nonce"), issued_at: createdAt },
    });
    const common = { agentId, expiresAt: new Date(expiry).toISOString() };
    const [tokenId, id] = [ids("token"), ids("tokenRecord")];
    gateway.tokenRecords.set(id, { id, ...common, encrypted: token, revoked: false, createdAt });
    const entry = { id: ids("registry"), tokenId, ...common, issuedAt: createdAt };
    gateway.registry.set(tokenId, { ...entry, isRevoked: false, payloadHash });
    gateway.metrics.count("token_generations", { agent_id: agentId });
    return { agent_token: token, token_id: tokenId, expires_at, agent_name };
  },

  listTokenRecords: ({ params }, { tokenRecords }) => ({
    tokens: [...tokenRecords.values()].filter(
      ({ agentId, revoked }) => agentId === params.agent_id && !revoked,
    ),
  }),

  revokeTokenRecord({ params }, { tokenRecords }) {
    const record = found(tokenRecords.get(params.record_id!), refusal(404, "Token not found."));
    tokenRecords.set(record.id, { ...record, revoked: true });
    return { message: "Token revoked successfully.", token_id: record.id };
  },

  listTokenRegistry: (_, { registry }) =>
    [...registry.values()].map(({ payloadHash: _hash, ...entry }) => entry),

  revokeToken({ params }, gateway) {
    const entry = found(gateway.registry.get(params.token_id!), refusal(404, "Token not found"));
    const revokedAt = gateway.now();
    gateway.registry.set(entry.tokenId, { ...entry, isRevoked: true, revokedAt });
    return { message: "Token revoked successfully", tokenId: entry.tokenId, revokedAt };
  },
} satisfies Handlers;

/** Adds an active agent. */
export function addAgent(
  gateway: Gateway,
  agent: Readonly<Record<"id" | "name" | "role" | "createdBy" | "publicKey", string>>,
): void {
  gateway.agents.set(agent.id, { ...agent, status: "active", createdAt: gateway.now() });
  gateway.metrics.count("agent_creations", { agent_id: agent.id });
}

/** Refuses what the spec forbids beyond the gateway's own checks, unless that is switched off. */
export async function strictly(
  { options }: Gateway,
  operation: "createAgent" | "generateToken" | "proxyRequest",
  body: unknown,
): Promise<void> {
  if (options.strict ?? true) await checkWhole(operation, body);
}

/** Unix time in milliseconds, or NaN. A date-time without offset is in the gateway's local time. */
function readDate(value: unknown, utcOffsetMinutes: number): number {
  const naive = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(value);
  if (naive) return Date.parse(`${value}Z`) - utcOffsetMinutes * 60_000;
  return new Date(value as string | number).getTime();
}
