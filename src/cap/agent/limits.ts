/** What a scheduler allows a job, read from its request (Cordum: budget, and variables in `env`). */
import type { JobRequest } from "../../../gen/cap/index.js";
import { isObject } from "../../core/json.js";
import { JobFailure } from "../failures.js";

/** Limits of one job; `Infinity` for none. */
export type JobLimits = Readonly<typeof NO_LIMITS>;

/** No limits at all. */
export const NO_LIMITS = {
  /** Milliseconds from the creation of the job's packet to its end. */
  deadlineMs: Infinity,
  /** Milliseconds from the start of its handler to its end. */
  maxRuntimeMs: Infinity,
  /** Attempts after the first. */
  maxRetries: Infinity,
  /** Bytes of all its artifacts together. */
  maxArtifactBytes: Infinity,
};

/**
 * Reads the limits of a job. 0 means no limit, and of two limits the lower one holds.
 *
 * @throws JobFailure for constraints that cannot be read: a job under unknown constraints must not run.
 */
export function jobLimits({ env, budget }: JobRequest): JobLimits {
  const { CORDUM_POLICY_CONSTRAINTS: json, CORDUM_MAX_RETRIES, CORDUM_MAX_ARTIFACT_BYTES } = env;
  const budgets = json ? budgetsOf(json) : {};
  // ProtoJSON of `PolicyConstraints.budgets`, under the names of JSON and of the proto file.
  const of = (name: string, protoName: string, variable?: string): number =>
    Math.min(limit(budgets[name] ?? budgets[protoName]), limit(variable || undefined));
  return {
    deadlineMs: limit(budget?.deadlineMs),
    maxRuntimeMs: of("maxRuntimeMs", "max_runtime_ms"),
    maxRetries: of("maxRetries", "max_retries", CORDUM_MAX_RETRIES),
    maxArtifactBytes: of("maxArtifactBytes", "max_artifact_bytes", CORDUM_MAX_ARTIFACT_BYTES),
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

function limit(value: unknown): number {
  if (value === undefined || value === null) return Infinity;
  const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw unreadable();
  return number > 0 ? number : Infinity;
}
