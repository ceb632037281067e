import { type CAPError, DuplicateJobError, PermissionDeniedError, SignatureInvalidError } from "../errors.js";

/** Why a packet is refused under CAP-PRODUCTION, as `details.problem` of the error. */
export type ProductionProblem =
  | "malformed"
  | "missing_signature"
  | "missing_metadata"
  | "unsupported_profile"
  | "wrong_audience"
  | "expired"
  | "lifetime_too_long"
  | "wrong_tenant"
  | "unknown_sender"
  | "unknown_key"
  | "wrong_signature"
  | "identity_mismatch"
  | "replayed"
  | "replay_conflict"
  | "replay_store_unavailable";

/** The error of a refusal. One that the replay store caused is retryable: the packet may still be a good one. */
export function refusal(problem: ProductionProblem, text: string, cause?: unknown): CAPError {
  const info = { details: { problem }, cause };
  if (problem === "identity_mismatch") return new PermissionDeniedError(text, info);
  if (problem === "replayed" || problem === "replay_conflict") return new DuplicateJobError(text, info);
  return new SignatureInvalidError(text, { ...info, retryable: problem === "replay_store_unavailable" });
}
