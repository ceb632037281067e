/** What the gateway knows of one call, from its three logs. */
import type { PolicyLog, RequestLog, TelemetryAnswer } from "../../gen/4runr/index.js";
import type { PolicyDenialKind } from "./policy.js";

/** What the gateway recorded about one call. Members that it did not keep are absent. */
export interface Explanation {
  /** The gateway's own id of the call. */
  readonly requestId: string;
  /** One sentence for people. */
  readonly summary: string;
  readonly request?: RequestLog;
  /** What the policies decided. The gateway does not tie decisions to calls: this is the nearest that matches. */
  readonly decision?: PolicyLog;
  /** Which rule denied. */
  readonly denial?: { readonly kind?: PolicyDenialKind; readonly resetAt?: Date };
  /** What the gateway's monitor saw. */
  readonly telemetry?: TelemetryAnswer["data"];
}

/** A decision this far from the call's log line, beyond the time the call took, is not of that call. */
const APART_MS = 1_000;

/**
 * The decision that belongs to a logged call: of its agent, tool and action, made no later than the line was
 * written and no earlier than the call took; the last of those.
 */
export function decisionFor(request: RequestLog, decisions: readonly PolicyLog[]): PolicyLog | undefined {
  const end = Date.parse(request.createdAt);
  const start = end - request.responseTime - APART_MS;
  const fits = ({ agentId, tool, action, createdAt }: PolicyLog): boolean => {
    const time = Date.parse(createdAt);
    const same = agentId === request.agentId && tool === request.tool && action === request.action;
    return same && time >= start && time <= end;
  };
  return decisions.filter(fits).sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))[0];
}

/** The sentence of an {@link Explanation}. */
export function summaryOf(request: RequestLog | undefined, decision: PolicyLog | undefined): string {
  if (request === undefined) {
    return "the gateway has no log line for this id: it was refused before the policies, is too old, or the gateway restarted";
  }
  const { tool, action, statusCode, responseTime, success, errorMessage } = request;
  const call = `${tool}:${action} answered ${statusCode} after ${responseTime} ms`;
  if (success) return call;
  const denied = decision?.decision === "deny" ? decision.reason : undefined;
  return `${call}: ${errorMessage ?? denied ?? "no reason given"}`;
}
