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
import { zodParse } from "../http/zod.js";
import { answer, type GatewayAnswer, refused } from "./answer.js";
import { checkOuter, queryBoolean, queryNumber, requestSchema, schemas } from "./body-checks.js";
import { type GatewayContext, type Handlers, timestamp } from "./context.js";
import { newest, type StoredPolicy } from "./store.js";

/** Operations on policies. */
export const policyHandlers = {
  async createPolicy({ body }, gateway) {
    const read = await readPolicy<wire.components["schemas"]["NewPolicy"]>("createPolicy", body);
    if ("status" in read) return read;
    const { name, description, agentId, role, spec } = read.policy;
    if (!agentId && !role) return refused(400, "Either agentId or role must be provided");
    if (agentId && role) return refused(400, "Cannot specify both agentId and role");
    if (agentId && !gateway.store.agents.has(agentId)) return refused(404, "Agent not found");
    const now = timestamp(gateway);
    const policy: StoredPolicy = {
      id: gateway.ids("policy"),
      name,
      ...(description !== undefined && { description }),
      ...(agentId ? { agentId } : { role: role! }),
      spec,
      specHash: specHash(gateway, spec),
      active: true,
      createdAt: now,
      updatedAt: now,
    };
    gateway.store.policies.set(policy.id, policy);
    return answer(201, { ...policy, spec: JSON.stringify(spec) });
  },

  listPolicies({ query }, { store }) {
    const active = queryBoolean(query, "active");
    if (typeof active === "object") return active;
    const { agentId, role } = query;
    return answer(
      200,
      [...store.policies.values()].filter(
        (policy) =>
          (!agentId || policy.agentId === agentId) &&
          (!role || policy.role === role) &&
          (active === undefined || policy.active === active),
      ),
    );
  },

  getPolicy({ params }, { store }) {
    const policy = store.policies.get(params.policy_id!);
    return policy ? answer(200, policy) : refused(404, "Policy not found");
  },

  async updatePolicy({ params, body }, gateway) {
    const read = await readPolicy<wire.components["schemas"]["PolicyChange"]>("updatePolicy", body);
    if ("status" in read) return read;
    const known = gateway.store.policies.get(params.policy_id!);
    if (known === undefined) return refused(404, "Policy not found");
    const { spec } = read.policy;
    const changed = {
      ...known,
      ...read.policy,
      ...(spec && { specHash: specHash(gateway, spec) }),
      updatedAt: timestamp(gateway),
    };
    gateway.store.policies.set(known.id, changed);
    return answer(200, changed);
  },

  deletePolicy({ params }, { store }) {
    return store.policies.delete(params.policy_id!) ? { status: 204 } : refused(404, "Policy not found");
  },

  getMergedPolicy({ params }, gateway) {
    const agent = gateway.store.agents.get(params.agent_id!);
    if (agent === undefined) return refused(404, "Agent not found");
    const { mergedSpec, sourcePolicies } = merged(gateway, agent);
    return answer(200, { agentId: agent.id, agentRole: agent.role, mergedSpec, sourcePolicies });
  },

  listPolicyLogs({ query }, { store }) {
    const limit = queryNumber(query, "limit", [1, 100]);
    if (typeof limit === "object") return limit;
    const { policyId, agentId } = query;
    const logs = store.policyLogs.filter((log) =>
      policyId ? log.policyId === policyId : !agentId || log.agentId === agentId,
    );
    return answer(200, newest(logs, limit ?? 50));
  },
} satisfies Handlers;

async function readPolicy<Policy>(
  operation: "createPolicy" | "updatePolicy",
  body: unknown,
): Promise<GatewayAnswer | { readonly policy: Policy }> {
  const broken = await checkOuter(operation, body);
  if (broken) return broken;
  const { value, issues } = zodParse(schemas, schemas.at(requestSchema(operation)), body);
  if (issues.length > 0) return refused(400, "Validation error", { details: issues });
  return { policy: value as Policy };
}

/** The gateway's hash of a spec: members whose name is not also one of the outermost members are not in it. */
function specHash({ mint }: GatewayContext, spec: object): string {
  return mint.hash(JSON.stringify(spec, Object.keys(spec).sort()));
}

interface Merged {
  readonly mergedSpec: PolicyRules;
  readonly sourcePolicies: readonly string[];
}

function merged({ store }: GatewayContext, agent: wire.components["schemas"]["Agent"]): Merged {
  const active = [...store.policies.values()].filter((policy) => policy.active);
  const own = active.filter(({ agentId }) => agentId === agent.id);
  const sources = [...own, ...active.filter(({ role }) => role === agent.role)];
  const mergedSpec = sources.length === 0 ? denyAll : mergePolicies(sources.map(({ spec }) => spec));
  return { mergedSpec, sourcePolicies: sources.map(({ id }) => id) };
}

/** Judges a call by the agent's policies, counts it against its quotas, and writes the decision down. */
export function judge(
  gateway: GatewayContext,
  agent: wire.components["schemas"]["Agent"],
  call: PolicyCall,
): PolicyVerdict {
  const { mergedSpec, sourcePolicies } = merged(gateway, agent);
  const { settings, store, ids } = gateway;
  const policyId = sourcePolicies[0] ?? "default";
  const now = new Date(gateway.clock.now());
  const verdict = judgePolicy(mergedSpec, call, {
    now,
    utcOffsetMinutes: settings.utcOffsetMinutes,
    quota: ({ action, limit, window }) => take(gateway, `${policyId} ${action}`, window, limit, now),
  });
  // Two kinds are written down by a name of their own.
  const named = { scope: "scope_not_allowed", intent: "intent_mismatch" } as const;
  store.policyLogs.push({
    id: ids("policyLog"),
    policyId,
    agentId: agent.id,
    tool: call.tool,
    action: call.action,
    decision: verdict.allowed ? "allow" : "deny",
    ...(!verdict.allowed && {
      reason: verdict.kind in named ? named[verdict.kind as keyof typeof named] : verdict.reason,
    }),
    createdAt: now.toISOString(),
  });
  return verdict;
}

/** Where a quota stood before this call, which counts if it is still within the quota. Windows are fixed ones. */
function take(
  { store, settings }: GatewayContext,
  owner: string,
  window: string,
  limit: number,
  now: Date,
): QuotaCount {
  const key = `${owner} ${window} ${windowStart(window, now, settings.utcOffsetMinutes)}`;
  const count = store.quotas.get(key) ?? {
    current: 0,
    resetAt: quotaResetAt(window, now, settings.utcOffsetMinutes),
  };
  store.quotas.set(key, count);
  const before = { current: count.current, resetAt: count.resetAt };
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
