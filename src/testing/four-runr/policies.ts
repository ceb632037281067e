/** Policies: storing, listing and judging by them. */
import type { wire } from "../../../gen/4runr/index.js";
import {
  denyAll,
  judgePolicy,
  mergePolicies,
  type PolicyCall,
  type PolicyRules,
  type PolicyVerdict,
  type QuotaCount,
  quotaResetAt,
} from "../../4runr/policy.js";
import { found, refusal } from "../http/refusal.js";
import { zodParse } from "../http/zod.js";
import { checkOuter, queryBoolean, queryNumber, requestSchema, schemas } from "./body-checks.js";
import { type Gateway, type Handlers, newest } from "./context.js";

type Schemas = wire.components["schemas"];

const notFound = refusal(404, "Policy not found");

/** Operations on policies. */
export const policyHandlers = {
  async createPolicy({ body }, gateway) {
    const { name, description, agentId, role, spec } = await readPolicy<Schemas["NewPolicy"]>(
      "createPolicy",
      body,
    );
    if (!agentId && !role) throw refusal(400, "Either agentId or role must be provided");
    if (agentId && role) throw refusal(400, "Cannot specify both agentId and role");
    if (agentId && !gateway.agents.has(agentId)) throw refusal(404, "Agent not found");
    const now = gateway.now();
    const policy: Schemas["Policy"] = {
      id: gateway.ids("policy"),
      name,
      ...(description !== undefined && { description }),
      ...(agentId ? { agentId } : { role: role! }),
      spec,
      specHash: specHash(gateway, spec),
      ...{ active: true, createdAt: now, updatedAt: now },
    };
    gateway.policies.set(policy.id, policy);
    return { ...policy, spec: JSON.stringify(spec) };
  },

  listPolicies({ query }, { policies }) {
    const active = queryBoolean(query, "active");
    const { agentId, role } = query;
    return [...policies.values()].filter(
      (policy) =>
        (!agentId || policy.agentId === agentId) &&
        (!role || policy.role === role) &&
        (active === undefined || policy.active === active),
    );
  },

  getPolicy: ({ params }, { policies }) => found(policies.get(params.policy_id!), notFound),

  async updatePolicy({ params, body }, gateway) {
    const change = await readPolicy<Schemas["PolicyChange"]>("updatePolicy", body);
    const known = found(gateway.policies.get(params.policy_id!), notFound);
    const hashed = change.spec && { specHash: specHash(gateway, change.spec) };
    const changed = { ...known, ...change, ...hashed, updatedAt: gateway.now() };
    gateway.policies.set(known.id, changed);
    return changed;
  },

  deletePolicy({ params }, { policies }) {
    if (!policies.delete(params.policy_id!)) throw notFound;
  },

  getMergedPolicy({ params }, gateway) {
    const agent = found(gateway.agents.get(params.agent_id!), refusal(404, "Agent not found"));
    return { agentId: agent.id, agentRole: agent.role, ...merged(gateway, agent) };
  },

  listPolicyLogs({ query }, { policyLogs }) {
    const limit = queryNumber(query, "limit", [1, 100]) ?? 50;
    const { policyId, agentId } = query;
    const logs = policyLogs.filter((log) =>
      policyId ? log.policyId === policyId : !agentId || log.agentId === agentId,
    );
    return newest(logs, limit);
  },
} satisfies Handlers;

async function readPolicy<Policy>(operation: "createPolicy" | "updatePolicy", body: unknown) {
  await checkOuter(operation, body);
  const { value, issues } = zodParse(schemas, schemas.at(requestSchema(operation)), body);
  if (issues.length > 0) throw refusal(400, "Validation error", { details: issues });
  return value as Policy;
}

/** The gateway's hash of a spec: members whose name is not also one of the outermost members are not in it. */
function specHash({ mint }: Gateway, spec: object): string {
  return mint.hash(JSON.stringify(spec, Object.keys(spec).sort()));
}

function merged(
  { policies }: Gateway,
  agent: Schemas["Agent"],
): { readonly mergedSpec: PolicyRules; readonly sourcePolicies: readonly string[] } {
  const active = [...policies.values()].filter((policy) => policy.active);
  const own = active.filter(({ agentId }) => agentId === agent.id);
  const sources = [...own, ...active.filter(({ role }) => role === agent.role)];
  const mergedSpec = sources.length === 0 ? denyAll : mergePolicies(sources.map(({ spec }) => spec));
  return { mergedSpec, sourcePolicies: sources.map(({ id }) => id) };
}

/** Two kinds of denials are written down by a name of their own. */
const named: Readonly<Record<string, string>> = { scope: "scope_not_allowed", intent: "intent_mismatch" };

/** Judges a call by the agent's policies, counts it against its quotas, and writes the decision down. */
export function judge(gateway: Gateway, agent: Schemas["Agent"], call: PolicyCall): PolicyVerdict {
  const { mergedSpec, sourcePolicies } = merged(gateway, agent);
  const { ids, policyLogs, utcOffsetMinutes } = gateway;
  const policyId = sourcePolicies[0] ?? "default";
  const now = new Date(gateway.clock.now());
  const verdict = judgePolicy(mergedSpec, call, {
    now,
    utcOffsetMinutes,
    quota: ({ action, limit, window }) => take(gateway, `${policyId} ${action}`, window, limit, now),
  });
  const { tool, action } = call;
  policyLogs.push({
    ...{ id: ids("policyLog"), policyId, agentId: agent.id, tool, action },
    ...(verdict.allowed
      ? { decision: "allow" }
      : { decision: "deny", reason: named[verdict.kind] ?? verdict.reason }),
    createdAt: now.toISOString(),
  });
  return verdict;
}

/** Where a quota stood before this call, which counts if it is still within the quota. Windows are fixed ones. */
function take(
  { quotas, utcOffsetMinutes }: Gateway,
  owner: string,
  window: string,
  limit: number,
  now: Date,
): QuotaCount {
  const key = `${owner} ${window} ${windowStart(window, now, utcOffsetMinutes)}`;
  const count = quotas.get(key) ?? { current: 0, resetAt: quotaResetAt(window, now, utcOffsetMinutes) };
  quotas.set(key, count);
  const before = { ...count };
  if (count.current < limit) count.current++;
  return before;
}

/** The window that a moment falls into: an hour, a week from Sunday, or a day for any other word. */
function windowStart(window: string, now: Date, utcOffsetMinutes: number): string {
  const local = new Date(now.getTime() + utcOffsetMinutes * 60_000);
  if (window === "1h") return local.toISOString().slice(0, 13);
  if (window === "7d") local.setUTCDate(local.getUTCDate() - local.getUTCDay());
  return local.toISOString().slice(0, 10);
}
