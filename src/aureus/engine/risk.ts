/** What the risk of an action asks for, once tool and permissions are settled. */
import type { Action, GuardDecision } from "../../../gen/aureus/v1/models.js";

/** A decision, and whether an approval token goes with it. */
export interface RiskDecision {
  readonly decision: GuardDecision;
  readonly needsToken: boolean;
}

const allow = (reason: string): RiskDecision => ({
  decision: { allowed: true, reason, requiresHumanApproval: false },
  needsToken: false,
});

/** Decides by tier. A tier in any other spelling than lower case is unknown and gets no token. */
export function decideByRisk(action: Action): RiskDecision {
  const ask = (reason: string, needsToken: boolean): RiskDecision => ({
    decision: { allowed: false, reason, requiresHumanApproval: true },
    needsToken,
  });
  switch (action.riskTier) {
    case "low":
      return allow("Low risk action approved");
    case "medium":
      return allow("Medium risk action approved with monitoring");
    case "high":
      return ask("High risk action requires explicit human approval", true);
    case "critical":
      return ask("Critical action requires explicit human approval", true);
    default:
      return ask("Unknown risk tier", false);
  }
}

/** What an MCP server says about an action in its metadata. */
interface McpMetadata {
  readonly mcpServerName?: string;
  readonly mcpActionName?: string;
  /** Counts when it is truthy, as in the engine. */
  readonly requiresCRVValidation?: unknown;
  readonly crvGateName?: string;
}

/**
 * The decision on an action whose metadata names an `mcpActionName`, else undefined. High and critical ones ask
 * for a human, without a token.
 */
export function decideMcp(action: Action): RiskDecision | undefined {
  const { mcpServerName, mcpActionName, requiresCRVValidation, crvGateName } = (action.metadata ??
    {}) as McpMetadata;
  if (!mcpActionName) return undefined;
  const risky = action.riskTier === "high" || action.riskTier === "critical";
  const checked = action.riskTier === "medium" && Boolean(requiresCRVValidation);
  const name = `MCP action '${mcpActionName}'`;
  const metadata = {
    mcpAction: true,
    mcpActionName,
    ...(mcpServerName !== undefined && { mcpServerName }),
    requiresCRV: checked || requiresCRVValidation || false,
    ...((risky || checked) && crvGateName !== undefined && { crvGateName }),
  };
  const reason = risky
    ? `${name} from server '${mcpServerName}' with ${action.riskTier} risk tier requires explicit human approval`
    : `${name} approved ${checked ? "with CRV validation required" : "without additional approval"}`;
  const decision = { allowed: !risky, reason, requiresHumanApproval: risky, metadata };
  return { decision, needsToken: false };
}
