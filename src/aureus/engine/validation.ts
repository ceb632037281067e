/** What a validator of the engine is and what it answers. */
import type { Commit, FailureTaxonomy, ValidationResult } from "../../../gen/aureus/v1/models.js";

/**
 * Judges a change of state. What it throws is not a verdict: the gate's `validate` rejects with it.
 * Aureus engine, package crv.
 */
export type Validator = (commit: Commit) => ValidationResult | Promise<ValidationResult>;

/** Why a validation can fail; the seven codes of the failure taxonomy. */
export type FailureCode =
  | "MISSING_DATA"
  | "CONFLICT"
  | "OUT_OF_SCOPE"
  | "LOW_CONFIDENCE"
  | "POLICY_VIOLATION"
  | "TOOL_ERROR"
  | "NON_DETERMINISM";

/** What helps, by failure code. For people; the wording is ours and may change. */
export const remediationHints: Readonly<Record<FailureCode, string>> = Object.freeze({
  MISSING_DATA: "Data is missing: look at the schema of the input and at where it is read.",
  CONFLICT: "The change contradicts the present state: read the state again and merge.",
  OUT_OF_SCOPE: "The data or the operation lies outside its bounds: check what is allowed.",
  LOW_CONFIDENCE: "The verdict is not sure enough: give more data or ask a human.",
  POLICY_VIOLATION: "A rule forbids this: check permissions and policies, or ask for approval.",
  TOOL_ERROR: "A tool failed: check that it is configured and can be reached.",
  NON_DETERMINISM: "The outcome varies: check it for state, time or randomness from outside.",
});

/** A passing verdict. `confidence`: 0 to 1, 1 by default. */
export function pass(
  reason: string,
  confidence = 1,
  metadata?: Readonly<Record<string, unknown>>,
): ValidationResult {
  return { valid: true, reason, confidence, ...(metadata && { metadata }) };
}

/** A failing verdict with the hint of its code. `confidence`: 0 to 1, 1 by default. */
export function fail(
  code: FailureTaxonomy,
  reason: string,
  metadata?: Readonly<Record<string, unknown>>,
  confidence = 1,
): ValidationResult {
  const hint = remediationHints[code as FailureCode] as string | undefined;
  return {
    valid: false,
    reason,
    confidence,
    failureCode: code,
    ...(hint !== undefined && { remediation: hint }),
    ...(metadata && { metadata }),
  };
}

/** The number in a field, or the verdict on why there is none; `metadata` goes with that verdict. */
export function numberIn(
  data: unknown,
  field: string,
  metadata: Readonly<Record<string, unknown>>,
): number | ValidationResult {
  if (typeof data !== "object" || data === null) return fail("CONFLICT", "Data is not an object");
  const fields = data as Record<string, unknown>;
  if (!(field in fields)) return fail("MISSING_DATA", `Field '${field}' is missing`, metadata);
  const value = fields[field];
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  return fail("CONFLICT", `Field '${field}' holds no number`, { ...metadata, value });
}

/** `value` with two decimals. */
export function twoDecimals(value: number): number {
  return Number(value.toFixed(2));
}
