/** What a safety decision changes in a job before it is dispatched (Cordum's scheduler). */
import { create, toJsonString } from "@bufbuild/protobuf";
import type { JobRequest, PolicyConstraints } from "../../../gen/cap/index.js";
import { BudgetSchema, PolicyConstraintsSchema } from "../../../gen/cap/index.js";

/**
 * Writes constraints into a request: as ProtoJSON into `env.CORDUM_POLICY_CONSTRAINTS`, the single limits into
 * variables of their own, and the longest run time into the deadline where that is later or not set.
 */
export function applyConstraints(request: JobRequest, constraints: PolicyConstraints): void {
  const { env } = request;
  env.CORDUM_POLICY_CONSTRAINTS = toJsonString(PolicyConstraintsSchema, constraints);
  if (constraints.redactionLevel !== "") env.CORDUM_REDACTION_LEVEL = constraints.redactionLevel;
  const { budgets } = constraints;
  if (budgets === undefined) return;
  if (budgets.maxArtifactBytes > 0n) env.CORDUM_MAX_ARTIFACT_BYTES = String(budgets.maxArtifactBytes);
  if (budgets.maxConcurrentJobs > 0) env.CORDUM_MAX_CONCURRENT_JOBS = String(budgets.maxConcurrentJobs);
  if (budgets.maxRetries > 0) env.CORDUM_MAX_RETRIES = String(budgets.maxRetries);
  if (budgets.maxRuntimeMs <= 0n) return;
  request.budget ??= create(BudgetSchema);
  const { deadlineMs } = request.budget;
  if (deadlineMs === 0n || deadlineMs > budgets.maxRuntimeMs)
    request.budget.deadlineMs = budgets.maxRuntimeMs;
}

/** How often a job may be scheduled under constraints, or undefined for no limit. */
export function allowedAttempts(constraints: PolicyConstraints | undefined): number | undefined {
  const retries = constraints?.budgets?.maxRetries ?? 0;
  return retries > 0 ? retries + 1 : undefined;
}
