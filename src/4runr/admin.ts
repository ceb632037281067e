/** The operator's client: the generated one, and what its answers come to. */
import { FourRunrClient, type PolicyLog, type TelemetryAnswer } from "../../gen/4runr/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import type { CallOptions, ClientOptions } from "../http/index.js";
import { denialOf } from "./error-table.js";
import { GatewayNotFoundError, GatewayUnsupportedError } from "./errors.js";
import { decisionFor, type Explanation, summaryOf } from "./explain.js";
import { type GatewayOptions, gatewayHttp } from "./gateway.js";
import { bridgeParams } from "./params.js";
import { judgePolicy, type PolicyRules, type PolicyVerdict } from "./policy.js";
import { countQuota, type QuotaState, quotaState } from "./quota.js";

/** Options of {@link GatewayAdmin}. */
export interface GatewayAdminOptions extends GatewayOptions, Pick<ClientOptions, "middleware"> {}

/** A call to be checked by {@link GatewayAdmin.wouldAllow}. */
export interface WouldAllowCall {
  readonly agentId: string;
  readonly tool: string;
  readonly action: string;
  /** As a client is given them; with an `intent`, if the call will have one. Default: none. */
  readonly params?: unknown;
  /** Whether the client derives parameters, as it does by default: they count for the size. Default: true. */
  readonly bridgeParams?: boolean | undefined;
  /** Default: now. */
  readonly at?: Date | undefined;
  /** Minutes the gateway's local time is ahead of UTC. Default: 0. */
  readonly utcOffsetMinutes?: number | undefined;
}

/** The most decisions that the gateway gives. */
const LOG_LIMIT = 100;

/**
 * A client for the operator of a gateway: every operation of the spec is a method, with the spec's own comment. No
 * operation of the gateway asks who calls, so keep it off the network of your agents. Times are UTC.
 *
 * Every method rejects with a GatewayError (see its subclasses), an AbortError or a ClosedError.
 */
export class GatewayAdmin extends FourRunrClient {
  readonly #clock: Clock;

  /** @throws GatewayValidationError without a base URL, and for an option that is not valid */
  constructor(options: GatewayAdminOptions = {}) {
    super(gatewayHttp(options));
    this.#clock = options.clock ?? systemClock;
  }

  /** Whether the gateway says that it can take calls. */
  async ready(options?: CallOptions): Promise<boolean> {
    return (await this.getReadiness(options).outcome()).ok;
  }

  /**
   * What the gateway knows of one call: its log line, the decision of the policies, what the monitor saw.
   * `requestId` is the gateway's own id, as results, errors and the `answer` event carry it.
   */
  async explain(requestId: string, options?: CallOptions): Promise<Explanation> {
    const [{ logs }, telemetry] = await Promise.all([
      this.listRequestLogs({ ...options, query: { limit: 10_000 } }),
      this.#telemetry(requestId, options),
    ]);
    const request = logs.find(({ corrId }) => corrId === requestId);
    const decisions = request ? await this.#decisions(request.agentId, options) : [];
    const decision = request && decisionFor(request, decisions);
    return {
      requestId,
      summary: summaryOf(request, decision),
      ...(request && { request }),
      ...(decision && { decision }),
      ...(decision?.decision === "deny" && { denial: denialOf(decision.reason ?? "") }),
      ...(telemetry && { telemetry }),
    };
  }

  /**
   * Whether the policies would let a call pass, by the gateway's own rules and without spending a call. Quotas are
   * counted from the last 100 decisions about the agent; `isLowerBound` says that there may have been more.
   */
  async wouldAllow(call: WouldAllowCall, options?: CallOptions): Promise<PolicyVerdict> {
    const { agentId, tool, action, params = {}, at = this.#now(), utcOffsetMinutes } = call;
    const isBridged = call.bridgeParams !== false && typeof params === "object" && params !== null;
    const [{ mergedSpec }, logs] = await Promise.all([
      this.getMergedPolicy(agentId, options),
      this.#decisions(agentId, options),
    ]);
    const sent = isBridged ? bridgeParams(tool, action, { ...params }) : params;
    return judgePolicy(
      mergedSpec as PolicyRules,
      { tool, action, params: sent },
      {
        now: at,
        utcOffsetMinutes,
        quota: (quota) => countQuota(quota, logs, at, utcOffsetMinutes, LOG_LIMIT),
      },
    );
  }

  /** The quotas of an agent, what is left of each, and when each window starts again. See {@link QuotaState.isLowerBound}. */
  async quotas(
    agentId: string,
    at: { readonly now?: Date | undefined; readonly utcOffsetMinutes?: number | undefined } = {},
    options?: CallOptions,
  ): Promise<QuotaState[]> {
    const { now = this.#now(), utcOffsetMinutes } = at;
    const [{ mergedSpec }, logs] = await Promise.all([
      this.getMergedPolicy(agentId, options),
      this.#decisions(agentId, options),
    ]);
    const quotas = (mergedSpec as PolicyRules).quotas ?? [];
    return quotas.map((quota) =>
      quotaState(quota, countQuota(quota, logs, now, utcOffsetMinutes, LOG_LIMIT)),
    );
  }

  #now(): Date {
    return new Date(this.#clock.now());
  }

  #decisions(agentId: string, options: CallOptions | undefined): Promise<PolicyLog[]> {
    return this.listPolicyLogs({ ...options, query: { agentId, limit: LOG_LIMIT } });
  }

  async #telemetry(
    requestId: string,
    options: CallOptions | undefined,
  ): Promise<TelemetryAnswer["data"] | undefined> {
    try {
      return (await this.getTelemetry(requestId, options)).data;
    } catch (error) {
      if (error instanceof GatewayNotFoundError || error instanceof GatewayUnsupportedError) return undefined;
      throw error;
    }
  }
}
