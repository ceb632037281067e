/** The operator's client: agents, tokens, policies, logs, credentials, and what they come to. */
import type * as api from "../../gen/4runr/index.js";
import { keyMap } from "../../gen/4runr/keys.js";
import { operationTable } from "../../gen/4runr/operations.js";
import { systemClock } from "../core/clock.js";
import { optionOrEnv } from "../core/env.js";
import type { PathValues, QueryValues } from "../core/http-url.js";
import { fromWire, toWire } from "../core/keys.js";
import { formatTime } from "../core/time.js";
import { denialOf } from "./error-table.js";
import { GatewayNotFoundError, GatewayUnsupportedError, GatewayValidationError } from "./errors.js";
import { decisionFor, type Explanation, summaryOf } from "./explain.js";
import { generateCorrelationId } from "./ids.js";
import type { PolicyRules, PolicyVerdict } from "./policy.js";
import { judgePolicy } from "./policy.js";
import { countQuota, type QuotaState, quotaState } from "./quota.js";
import { Transport, type TransportOptions } from "./transport.js";

/** Options of a single call. */
export interface AdminCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

/** What {@link GatewayAdmin.generateToken} asks for. */
export interface AdminTokenRequest {
  readonly agentId: string;
  readonly tools: readonly string[];
  /** Default: `["read", "write"]`. */
  readonly permissions?: readonly string[] | undefined;
  /** Default: ten minutes. The gateway has no longest time. */
  readonly ttlMs?: number | undefined;
}

/** A call that {@link GatewayAdmin.wouldAllow} judges. */
export interface WouldAllowCall {
  readonly agentId: string;
  readonly tool: string;
  readonly action: string;
  /** As they will be sent; with an `intent`, if the call will have one. Default: none. */
  readonly params?: unknown;
  /** Default: now. */
  readonly at?: Date | undefined;
  /** Minutes the gateway's local time is ahead of UTC. Default: 0. */
  readonly utcOffsetMinutes?: number | undefined;
}

interface Given {
  readonly path?: PathValues;
  readonly query?: QueryValues | undefined;
  readonly body?: unknown;
}

/**
 * A client for the operator of a gateway. No operation of the gateway asks who calls, so keep it off the network of
 * your agents. Times are UTC; names are camelCase, made from the wire's by the generated key map.
 *
 * Every method throws GatewayError (see its subclasses) or AbortedError.
 */
export class GatewayAdmin {
  readonly #transport: Transport<api.OperationId>;
  readonly #options: TransportOptions;

  /** @throws GatewayValidationError without a base URL; ValidationError for a bad one */
  constructor(options: TransportOptions = {}) {
    const baseUrl = optionOrEnv(options.baseUrl, "GATEWAY_URL");
    if (baseUrl === undefined)
      throw new GatewayValidationError("baseUrl is missing, and GATEWAY_URL is not set");
    this.#options = options;
    this.#transport = new Transport(operationTable, { ...options, baseUrl });
  }

  /** Creates an agent. The private key is in this answer and nowhere else; no operation asks for it. */
  createAgent(agent: api.NewAgent, options?: AdminCallOptions): Promise<api.CreatedAgent> {
    return this.#call("createAgent", { body: agent }, options);
  }

  async agents(options?: AdminCallOptions): Promise<api.Agent[]> {
    return (await this.#call<api.ListAgentsResponse>("listAgents", {}, options)).agents;
  }

  async agent(agentId: string, options?: AdminCallOptions): Promise<api.Agent> {
    return (await this.#call<api.GetAgentResponse>("getAgent", { path: { agent_id: agentId } }, options))
      .agent;
  }

  /** Makes a token for an agent. `tokenId` is what {@link GatewayAdmin.revokeToken} takes. */
  generateToken(request: AdminTokenRequest, options?: AdminCallOptions): Promise<api.IssuedToken> {
    const { agentId, tools, permissions = ["read", "write"], ttlMs = 600_000 } = request;
    const expiresAt = formatTime(this.#now().getTime() + ttlMs);
    return this.#call("generateToken", { body: { agentId, tools, permissions, expiresAt } }, options);
  }

  /** The records of an agent's tokens that are not marked as revoked, with the tokens themselves. */
  async tokenRecords(agentId: string, options?: AdminCallOptions): Promise<api.TokenRecord[]> {
    const path = { agent_id: agentId };
    return (await this.#call<api.ListTokenRecordsResponse>("listTokenRecords", { path }, options)).tokens;
  }

  /** Every token ever made, without the tokens themselves. */
  tokenRegistry(options?: AdminCallOptions): Promise<api.RegisteredToken[]> {
    return this.#call("listTokenRegistry", {}, options);
  }

  /**
   * Revokes a token by its `tokenId`. The gateway then refuses it in calls that carry the id, so only clients in
   * proof mode are stopped. May be repeated.
   */
  revokeToken(tokenId: string, options?: AdminCallOptions): Promise<api.RevokeTokenResponse> {
    return this.#call("revokeToken", { path: { token_id: tokenId } }, options);
  }

  /** Takes a record off the list of an agent's tokens. The token keeps working. */
  async hideTokenRecord(recordId: string, options?: AdminCallOptions): Promise<void> {
    await this.#call("revokeTokenRecord", { path: { record_id: recordId } }, options);
  }

  /** Creates a policy for an agent or for a role; exactly one of them is given. */
  async createPolicy(policy: api.NewPolicy, options?: AdminCallOptions): Promise<api.Policy> {
    const created = await this.#call<api.CreatedPolicy>("createPolicy", { body: policy }, options);
    // The answer alone holds the spec as text.
    const spec = JSON.parse(created.spec) as api.PolicySpec;
    return { ...created, spec };
  }

  policies(query: api.ListPoliciesQuery = {}, options?: AdminCallOptions): Promise<api.Policy[]> {
    return this.#call("listPolicies", { query: { ...query } }, options);
  }

  policy(policyId: string, options?: AdminCallOptions): Promise<api.Policy> {
    return this.#call("getPolicy", { path: { policy_id: policyId } }, options);
  }

  updatePolicy(policyId: string, change: api.PolicyChange, options?: AdminCallOptions): Promise<api.Policy> {
    return this.#call("updatePolicy", { path: { policy_id: policyId }, body: change }, options);
  }

  async deletePolicy(policyId: string, options?: AdminCallOptions): Promise<void> {
    await this.#call("deletePolicy", { path: { policy_id: policyId } }, options);
  }

  /** What is enforced for an agent: its own policies and those of its role, as one. */
  mergedPolicy(agentId: string, options?: AdminCallOptions): Promise<api.MergedPolicy> {
    return this.#call("getMergedPolicy", { path: { agent_id: agentId } }, options);
  }

  /** Decisions of policies, newest first; at most 100. */
  policyLogs(query: api.ListPolicyLogsQuery = {}, options?: AdminCallOptions): Promise<api.PolicyLog[]> {
    return this.#call("listPolicyLogs", { query: { ...query } }, options);
  }

  /** Calls that reached the policies, newest first. Default: 20. */
  async requestLogs(
    query: api.ListRequestLogsQuery = {},
    options?: AdminCallOptions,
  ): Promise<api.RequestLog[]> {
    const page = await this.#call<api.RequestLogPage>("listRequestLogs", { query: { ...query } }, options);
    return page.logs;
  }

  /** Which tools the gateway has and whether they are configured. */
  status(options?: AdminCallOptions): Promise<api.ProxyStatus> {
    return this.#call("getProxyStatus", {}, options);
  }

  health(options?: AdminCallOptions): Promise<api.Health> {
    return this.#call("getHealth", {}, options);
  }

  /** Stores a credential of a tool; it is used after {@link GatewayAdmin.activateCredential}. */
  setCredential(credential: api.NewCredential, options?: AdminCallOptions): Promise<api.CredentialAnswer> {
    return this.#call("setCredential", { body: credential }, options);
  }

  activateCredential(id: string, options?: AdminCallOptions): Promise<api.CredentialAnswer> {
    return this.#call("activateCredential", { body: { id } }, options);
  }

  credentials(options?: AdminCallOptions): Promise<api.Credential[]> {
    return this.#call("listCredentials", {}, options);
  }

  async deleteCredential(id: string, options?: AdminCallOptions): Promise<void> {
    await this.#call("deleteCredential", { path: { tool: id } }, options);
  }

  /**
   * What the gateway knows of one call: its log line, the decision of the policies, what the monitor saw.
   * `correlationId` is the gateway's own, as errors and the `answer` event carry it.
   */
  async explain(correlationId: string, options?: AdminCallOptions): Promise<Explanation> {
    const [logs, telemetry] = await Promise.all([
      this.requestLogs({ limit: 10_000 }, options),
      this.#telemetry(correlationId, options),
    ]);
    const request = logs.find(({ corrId }) => corrId === correlationId);
    const decisions = request ? await this.policyLogs({ agentId: request.agentId, limit: 100 }, options) : [];
    const decision = request && decisionFor(request, decisions);
    return {
      correlationId,
      summary: summaryOf(request, decision),
      ...(request && { request }),
      ...(decision && { decision }),
      ...(decision?.decision === "deny" && { denial: denialOf(decision.reason ?? "") }),
      ...(telemetry && { telemetry }),
    };
  }

  /**
   * Whether the policies would let a call pass, by the gateway's own rules and without spending a call. Quotas are
   * counted from the last 100 decisions about the agent.
   */
  async wouldAllow(call: WouldAllowCall, options?: AdminCallOptions): Promise<PolicyVerdict> {
    const { agentId, tool, action, params = {}, at = this.#now(), utcOffsetMinutes } = call;
    const [{ mergedSpec }, logs] = await Promise.all([
      this.mergedPolicy(agentId, options),
      this.policyLogs({ agentId, limit: 100 }, options),
    ]);
    return judgePolicy(
      mergedSpec as PolicyRules,
      { tool, action, params },
      {
        now: at,
        utcOffsetMinutes,
        quota: (quota) => countQuota(quota, logs, at, utcOffsetMinutes),
      },
    );
  }

  /** The quotas of an agent, what is left of each, and when each begins anew. */
  async quotas(
    agentId: string,
    at: { readonly now?: Date | undefined; readonly utcOffsetMinutes?: number | undefined } = {},
    options?: AdminCallOptions,
  ): Promise<QuotaState[]> {
    const { now = this.#now(), utcOffsetMinutes } = at;
    const [{ mergedSpec }, logs] = await Promise.all([
      this.mergedPolicy(agentId, options),
      this.policyLogs({ agentId, limit: 100 }, options),
    ]);
    const quotas = (mergedSpec as PolicyRules).quotas ?? [];
    return quotas.map((quota) => quotaState(quota, countQuota(quota, logs, now, utcOffsetMinutes)));
  }

  #now(): Date {
    return new Date((this.#options.clock ?? systemClock).now());
  }

  async #telemetry(
    correlationId: string,
    options?: AdminCallOptions,
  ): Promise<api.TelemetryAnswer["data"] | undefined> {
    const path = { correlation_id: correlationId };
    try {
      return (await this.#call<api.TelemetryAnswer>("getTelemetry", { path }, options)).data;
    } catch (error) {
      if (error instanceof GatewayNotFoundError || error instanceof GatewayUnsupportedError) return undefined;
      throw error;
    }
  }

  async #call<T>(operation: api.OperationId, given: Given, options: AdminCallOptions = {}): Promise<T> {
    const clientCorrelationId = generateCorrelationId(this.#now().getTime());
    const { shapes } = operationTable[operation];
    const { status, body } = await this.#transport.call(operation, {
      ...given,
      body: given.body === undefined ? undefined : toWire(given.body, shapes?.request, keyMap),
      headers: { "x-correlation-id": clientCorrelationId },
      clientCorrelationId,
      ...options,
    });
    return fromWire(body, shapes?.responses?.[status], keyMap) as T;
  }
}
