/** `ctx.gate`: the gates of Aureus, on a server or in this process, asked as a part of the piece of work. */

import type { GateConfig, GateResult, GuardDecision } from "../../gen/aureus/v1/models.js";
import type { CrvGate, GoalGuard } from "../aureus/engine/index.js";
import type { Action, AureusClient, CallOptions, Commit, Principal } from "../aureus/index.js";
import type { Clock } from "../core/clock.js";
import { NotFoundError } from "../core/errors.js";
import { type HandlerContext, HandlerFailure } from "../handler/index.js";
import { inherited } from "./time-left.js";

/** A source of decisions: {@link aureusGate} asks a server, {@link localGate} the engine in this process. */
export interface GateSource {
  /** GoalGuard: whether the agent may do `action`. */
  evaluate(action: Action, options: CallOptions): Promise<GuardDecision>;
  /** CRV: whether a change passes the gate of that name. */
  validate(gate: string, commit: Commit, options: CallOptions): Promise<GateResult>;
}

/** What {@link aureusGate} and {@link localGate} share. */
interface GateOptions {
  /** Who acts. */
  readonly principal: Principal;
}

/** Options of {@link aureusGate}. */
export interface AureusGateOptions extends GateOptions {
  readonly client: Pick<AureusClient, "evaluatePolicy" | "validateCommit">;
  /** The gates that changes can be put to, by name. Their validators are the server's. Default: none. */
  readonly gates?: Readonly<Record<string, Omit<GateConfig, "name">>> | undefined;
}

/** Options of {@link localGate}. */
export interface LocalGateOptions extends GateOptions {
  readonly guard: Pick<GoalGuard, "evaluate">;
  /** The gates that changes can be put to, by name. Default: none. */
  readonly gates?: Readonly<Record<string, Pick<CrvGate, "validate">>> | undefined;
}

/** Asks an Aureus server for decisions. */
export function aureusGate({ client, principal, gates = {} }: AureusGateOptions): GateSource {
  return {
    evaluate: (action, options) =>
      client.evaluatePolicy({ principal, action, currentState: "evaluating", auditLog: [] }, options),
    validate: async (name, commit, options) =>
      client.validateCommit(commit, { name, ...known(gates, name) }, options),
  };
}

/** Asks the engine in this process for decisions. */
export function localGate({ guard, principal, gates = {} }: LocalGateOptions): GateSource {
  return {
    evaluate: async (action) => guard.evaluate(principal, action),
    validate: async (name, commit) => known(gates, name).validate(commit),
  };
}

function known<T>(gates: Readonly<Record<string, T>>, name: string): T {
  if (Object.hasOwn(gates, name)) return gates[name]!;
  throw new NotFoundError(`there is no gate ${JSON.stringify(name)}`);
}

/** The gates inside a handler. All calls are aborted when the job or lease is cancelled. */
export interface Gate {
  /** The decision on an action. @throws What the source throws. */
  evaluate(action: Action): Promise<GuardDecision>;
  /**
   * Returns only if the decision says `allowed: true`. Anything else, a malformed decision included, ends the work
   * for good with code SAFETY_DENIED and the reason.
   *
   * @throws HandlerFailure (do not catch it); what the source throws.
   */
  require(action: Action): Promise<GuardDecision>;
  /** The verdict on a change. @throws NotFoundError for an unknown gate; what the source throws. */
  validate(gate: string, commit: Commit): Promise<GateResult>;
  /**
   * Returns only if the verdict says `passed: true` and nothing in it says that the commit is blocked. Anything else,
   * a warning or a malformed verdict included, ends the work for good with code SAFETY_POLICY_VIOLATION and the
   * reasons of the validators.
   *
   * @throws HandlerFailure (do not catch it); NotFoundError; what the source throws.
   */
  requireCommit(gate: string, commit: Commit): Promise<GateResult>;
}

/** The gates of a source, for one piece of work. */
export function gateFor(source: GateSource, ctx: HandlerContext, clock: Clock): Gate {
  const evaluate = (action: Action) => source.evaluate(action, inherited(ctx, undefined, clock.now()));
  const validate = (gate: string, commit: Commit) =>
    source.validate(gate, commit, inherited(ctx, undefined, clock.now()));
  return {
    evaluate,
    validate,
    async require(action) {
      const decision = (await evaluate(action)) as GuardDecision | null | undefined;
      if (decision?.allowed === true) return decision;
      const waits = decision?.requiresHumanApproval === true ? "waits for approval" : "is not allowed";
      const reason = decision?.reason ?? "the decision gives no reason";
      throw new HandlerFailure(`action ${action.id} ${waits}: ${reason}`, { code: "SAFETY_DENIED" });
    },
    async requireCommit(gate, commit) {
      const verdict = (await validate(gate, commit)) as Partial<GateResult> | null | undefined;
      if (isPassed(verdict)) return verdict;
      throw new HandlerFailure(`gate ${gate} blocked commit ${commit.id}: ${reasonsOf(verdict)}`, {
        code: "SAFETY_POLICY_VIOLATION",
      });
    },
  };
}

/** A server may contradict itself: whatever says "blocked" wins. */
function isPassed(verdict: Partial<GateResult> | null | undefined): verdict is GateResult {
  return verdict?.passed === true && !verdict.blockedCommit && verdict.crvStatus !== "blocked";
}

function reasonsOf(verdict: Partial<GateResult> | null | undefined): string {
  const results: unknown = verdict?.validationResults;
  const failed = (Array.isArray(results) ? results : []).filter((result) => result?.valid !== true);
  const reasons = failed.map((result) => result?.reason).filter((reason) => typeof reason === "string");
  return reasons.length > 0 ? reasons.join("; ") : "the verdict does not say that it passed";
}
