/** What `agentwire verify` finds. */

import type { ProductionProblem } from "../../cap/production/error.js";

/** What is wrong with a packet. */
export type VerifyProblem =
  | "wrong_version"
  | "unknown_payload"
  | "unknown_sender"
  | "wrong_key"
  | "wrong_curve"
  | "sender_changed"
  | "map_order"
  | "not_canonical"
  | "unknown_fields_dropped"
  | "token_changed"
  | "signature_not_der"
  | "signature_has_more_bytes"
  | "hashed_twice"
  | "other_hash"
  | "broken_rule"
  | "wrong_topic"
  | "wrong_role"
  | "other_domain"
  | ProductionProblem;

/** Over which bytes a signature was found to be. */
export type SignedOver =
  | "spec order"
  | "upb order"
  | "either order"
  | "received bytes"
  | "CAP-PRODUCTION"
  | "worker trust";

/** What was found. */
export interface Verdict {
  readonly ok: boolean;
  readonly problem?: VerifyProblem;
  /** One sentence. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
  readonly sender?: string;
  readonly payload?: string | undefined;
  readonly signedOver?: SignedOver;
}

/** A packet that verifies. */
export function yes(signedOver: SignedOver, text: string): Verdict {
  return { ok: true, text, signedOver };
}

/** One that does not. */
export function no(problem: VerifyProblem, text: string, advice?: string): Verdict {
  return { ok: false, problem, text, ...(advice === undefined ? {} : { advice }) };
}
