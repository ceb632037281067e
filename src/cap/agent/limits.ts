/** What a scheduler allows a job, read from its request (Cordum: budget, and variables in `env`). */
import type { JobRequest } from "../../../gen/cap/index.js";
import { isObject } from "../../core/json.js";
import { JobFailure } from "../failures.js";

/** Limits of one job. What is undefined is not limited. */
export interface JobLimits {
  /** Milliseconds from the creation of the job's packet to its end. */
  readonly deadlineMs: number | undefined;
  /** Milliseconds from the start of its handler to its end. */
  readonly maxRuntimeMs: number | undefined;
  /** Attempts after the first. */
  readonly maxRetries: number | undefined;
  /** Bytes of all its artifacts together. */
  readonly maxArtifactBytes: number | undefined;
}

/** No limits at all. */
export const NO_LIMITS: JobLimits = {
  deadlineMs: undefined,
  maxRuntimeMs: undefined,
  maxRetries: undefined,
  maxArtifactBytes: undefined,
};

/** ProtoJSON of `PolicyConstraints.budgets`, under the names of JSON and of the proto file. */
const BUDGET_KEYS = {
  maxRuntimeMs: "max_runtime_ms",
  maxRetries: "max_retries",
  maxArtifactBytes: "max_artifact_bytes",
} as const;

type BudgetKey = keyof typeof BUDGET_KEYS;

/**
 * Reads the limits of a job. 0 means no limit, and of two limits the lower one holds.
 *
 * @throws JobFailure for constraints that cannot be read: a job under unknown constraints must not run.
 */
export function jobLimits({ env, budget }: JobRequest): JobLimits {
  const deadlineMs = limit(budget?.deadlineMs);
  const { CORDUM_POLICY_CONSTRAINTS: json, CORDUM_MAX_RETRIES, CORDUM_MAX_ARTIFACT_BYTES } = env;
  if (json === undefined && CORDUM_MAX_RETRIES === undefined && CORDUM_MAX_ARTIFACT_BYTES === undefined) {
    return deadlineMs === undefined ? NO_LIMITS : { ...NO_LIMITS, deadlineMs };
  }
  const budgets = json ? budgetsOf(json) : {};
  const of = (key: BudgetKey, variable?: string): number | undefined =>
    lower(limit(budgets[key] ?? budgets[BUDGET_KEYS[key]]), limit(variable || undefined));
  return {
    deadlineMs,
    maxRuntimeMs: of("maxRuntimeMs"),
    maxRetries: of("maxRetries", CORDUM_MAX_RETRIES),
    maxArtifactBytes: of("maxArtifactBytes", CORDUM_MAX_ARTIFACT_BYTES),
  };
}

function unreadable(): Error {
  return new JobFailure("INVALID_INPUT", "policy constraints cannot be read");
}

function budgetsOf(json: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw unreadable();
  }
  if (!isObject(parsed)) throw unreadable();
  const { budgets = {} } = parsed;
  if (budgets === null) return {};
  if (!isObject(budgets)) throw unreadable();
  return budgets;
}

function limit(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw unreadable();
  return number > 0 ? number : undefined;
}

function lower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
