/** How the scheduler asks whether a job may run. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  DecisionType,
  type JobRequest,
  type PolicyCheckRequest,
  type PolicyConstraints,
  PolicyConstraintsSchema,
} from "../../../gen/cap/index.js";
import { policyCheckRequest } from "../../cap/safety/verdict.js";
import { withDeadline } from "../../core/abort.js";
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";

/** What a {@link SafetyHook} says. An answer of `checkPolicy` or of a safety kernel is one. */
export interface SafetyAnswer {
  /** Any other number than ALLOW, DENY, REQUIRE_HUMAN, THROTTLE, ALLOW_WITH_CONSTRAINTS counts as DENY. */
  readonly decision: DecisionType;
  readonly reason?: string | undefined;
  /** Written into the job before it is dispatched. */
  readonly constraints?: MessageInitShape<typeof PolicyConstraintsSchema> | undefined;
  /** Turns an ALLOW into waiting for {@link LocalScheduler.approve}. */
  readonly approvalRequired?: boolean | undefined;
  /** Takes the place of the job's `context_ptr`. */
  readonly redactedContextPtr?: string | undefined;
}

/** Decides about a job. What it throws, or an answer that comes too late, counts as DENY. */
export type SafetyHook = (
  request: PolicyCheckRequest,
  context: { readonly job: JobRequest; readonly signal: AbortSignal },
) => SafetyAnswer | Promise<SafetyAnswer>;

/** What the scheduler does with a job. */
export interface SafetyVerdict {
  readonly action: "run" | "deny" | "throttle" | "ask";
  readonly reason: string;
  /** Error code in the dead letter of a denied job. */
  readonly code: "safety_denied" | "safety_unknown";
  readonly constraints?: PolicyConstraints | undefined;
  readonly redactedContextPtr?: string | undefined;
}

/** Label of a job that a human has approved. */
export const APPROVED_LABEL = "approval_granted";

/** Asks the hook, and fails closed. */
export async function askSafety(
  hook: SafetyHook | undefined,
  job: JobRequest,
  options: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<SafetyVerdict> {
  if (hook === undefined) return { action: "run", reason: "", code: "safety_denied" };
  try {
    const answer = await withDeadline({ ...options, what: "the safety check" }, async (signal) =>
      hook(policyCheckRequest(job), { job, signal }),
    );
    return verdictOf(answer, job.labels[APPROVED_LABEL] === "true");
  } catch (error) {
    return { action: "deny", reason: `safety kernel error: ${errorText(error)}`, code: "safety_denied" };
  }
}

function verdictOf(answer: SafetyAnswer, approved: boolean): SafetyVerdict {
  const { decision, constraints, redactedContextPtr } = answer;
  const verdict = {
    reason: answer.reason ?? "",
    code: "safety_denied" as const,
    constraints: constraints === undefined ? undefined : create(PolicyConstraintsSchema, constraints),
    redactedContextPtr,
  };
  switch (decision) {
    case DecisionType.ALLOW:
    case DecisionType.ALLOW_WITH_CONSTRAINTS:
      return { ...verdict, action: answer.approvalRequired && !approved ? "ask" : "run" };
    case DecisionType.REQUIRE_HUMAN:
      return { ...verdict, action: approved ? "run" : "ask" };
    case DecisionType.THROTTLE:
      return { ...verdict, action: "throttle" };
    case DecisionType.DENY:
      return { ...verdict, action: "deny" };
    default:
      return { ...verdict, action: "deny", code: "safety_unknown" };
  }
}
