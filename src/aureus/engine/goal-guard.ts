/** GoalGuard: the state machine that allows an action, refuses it, or waits for a human. */
import type {
  Action,
  ApprovalToken,
  AuditEntry,
  GoalGuardState,
  GuardDecision,
  Principal,
} from "../../../gen/aureus/v1/models.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { type RandomBytes, randomBytes, randomHex } from "../../core/ids.js";
import { mayDo } from "./permissions.js";
import { decideByRisk, decideMcp } from "./risk.js";

/** How long an approval token is good, in milliseconds: one hour. */
export const approvalTokenTtlMs = 3_600_000;

/** Options of {@link GoalGuard}. */
export interface GoalGuardOptions {
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
  /** Where the random part of tokens comes from. Default: the platform's cryptographic source. */
  readonly randomBytes?: RandomBytes | undefined;
  /** Entries of the audit log kept; the oldest go first. Default: 10,000. */
  readonly maxAuditEntries?: number | undefined;
}

/** The latest token of an action, for one workflow or outside of workflows: task ids are unique in a workflow only. */
interface Pending {
  readonly workflowId: string | undefined;
  token: ApprovalToken;
}

/**
 * GoalGuard with the semantics of the Aureus engine: idle -> evaluating -> approved, rejected or pending_human.
 * It keeps one pending token for each action id of a workflow, and for each action id outside of workflows; a new one
 * replaces the old.
 */
export class GoalGuard {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #maxAudit: number;
  readonly #pending = new Map<string, readonly Pending[]>();
  readonly #audit: AuditEntry[] = [];
  #state: GoalGuardState = "idle";

  constructor(options: GoalGuardOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.randomBytes ?? randomBytes;
    this.#maxAudit = options.maxAuditEntries ?? 10_000;
  }

  /** The state after the last step. */
  get state(): GoalGuardState {
    return this.#state;
  }

  /** Every decision so far, oldest first. A copy. */
  get auditLog(): AuditEntry[] {
    return [...this.#audit];
  }

  /**
   * Decides on an action. In this order: the tool must be among `allowedTools` where both are given; the
   * permissions must be held; then the rule for MCP actions, or the risk tier, decides. High and critical actions
   * get a token that {@link GoalGuard.approve} spends. `workflowId` is that of the workflow whose task the action is.
   */
  evaluate(
    principal: Principal,
    action: Action,
    toolName?: string | null,
    workflowId?: string,
  ): GuardDecision {
    this.#state = "evaluating";
    const decision = this.#decide(principal, action, toolName, workflowId);
    this.#state = decision.requiresHumanApproval
      ? "pending_human"
      : decision.allowed
        ? "approved"
        : "rejected";
    this.#record(principal, action, decision);
    return decision;
  }

  /**
   * Asks for a human's approval whatever the tier and the permissions say, and returns the token. This is what a V1
   * server answers an approval request with; the engine itself hands out tokens by evaluating only.
   */
  requestApproval(principal: Principal, action: Action, reason: string): ApprovalToken {
    this.#state = "evaluating";
    const pending = this.#newToken(action);
    this.#state = "pending_human";
    const decision = {
      allowed: false,
      reason,
      requiresHumanApproval: true,
      approvalToken: pending.token,
    };
    this.#record(principal, action, decision);
    return pending;
  }

  /**
   * Spends the token of an action: true once, for the latest token, within the hour. Does not move the state; a
   * console approves that way. With `workflowId`, the token of a task of another workflow is refused.
   */
  spendToken(actionId: string, token: string, workflowId?: string): boolean {
    const pending = this.#pendingOf(actionId).find((item) => item.token.token === token);
    if (pending === undefined || pending.token.used) return false;
    if (![undefined, workflowId ?? pending.workflowId].includes(pending.workflowId)) return false;
    if (Date.parse(pending.token.expiresAt) < this.#clock.now()) return false;
    pending.token = { ...pending.token, used: true };
    return true;
  }

  /** Spends the token and moves pending_human -> approved. False, and nothing moves, in any other state or for a bad token. */
  approve(actionId: string, token: string): boolean {
    if (this.#state !== "pending_human" || !this.spendToken(actionId, token)) return false;
    this.#state = "approved";
    return true;
  }

  /** Moves pending_human -> rejected; does nothing in any other state. Tokens stay as they are. */
  reject(): void {
    if (this.#state === "pending_human") this.#state = "rejected";
  }

  /** Back to idle. Tokens and the audit log stay. */
  reset(): void {
    this.#state = "idle";
  }

  /** The latest token of an action, spent or not. */
  pendingApproval(actionId: string): ApprovalToken | undefined {
    return this.#pendingOf(actionId).at(-1)?.token;
  }

  #pendingOf(actionId: string): readonly Pending[] {
    return this.#pending.get(actionId) ?? [];
  }

  #decide(
    principal: Principal,
    action: Action,
    toolName?: string | null,
    workflowId?: string,
  ): GuardDecision {
    const refuse = (reason: string): GuardDecision => ({
      allowed: false,
      reason,
      requiresHumanApproval: false,
    });
    const tools = action.allowedTools ?? [];
    if (toolName && tools.length > 0 && !tools.includes(toolName)) {
      return refuse(`Tool '${toolName}' is not allowed for this action. Allowed tools: ${tools.join(", ")}`);
    }
    if (!mayDo(principal, action)) {
      return refuse("Insufficient permissions, intent mismatch, or data zone violation");
    }
    const { decision, needsToken } = decideMcp(action) ?? decideByRisk(action);
    return needsToken ? { ...decision, approvalToken: this.#newToken(action, workflowId).token } : decision;
  }

  #newToken(action: Action, workflowId?: string): ApprovalToken {
    const now = this.#clock.now();
    const pending: ApprovalToken = {
      token: `approval-${action.id}-${now}-${randomHex(16, this.#random)}`,
      actionId: action.id,
      principal: { id: "system", type: "service", permissions: [] },
      expiresAt: new Date(now + approvalTokenTtlMs).toISOString(),
      used: false,
    };
    const others = this.#pendingOf(action.id).filter((item) => item.workflowId !== workflowId);
    this.#pending.set(action.id, [...others, { workflowId, token: pending }]);
    return pending;
  }

  #record(principal: Principal, action: Action, decision: GuardDecision): void {
    this.#audit.push({
      timestamp: new Date(this.#clock.now()).toISOString(),
      principal,
      action,
      decision,
      stateTransition: { fromState: "evaluating", toState: this.#state },
    });
    if (this.#audit.length > this.#maxAudit) this.#audit.shift();
  }
}
