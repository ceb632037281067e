/** Every id that the gateway gives out comes from here, so that a test can foresee them. */
import { type RandomBytes, randomBytes, uuid } from "../../core/ids.js";

/** What an id is for. */
export type IdKind =
  | "agent"
  /** `token_id` of an issued token. */
  | "token"
  | "nonce"
  /** The record that `GET /api/tokens/{agent_id}` lists. */
  | "tokenRecord"
  /** The entry that `GET /api/admin/tokens` lists. */
  | "registry"
  | "policy"
  | "policyLog"
  | "requestLog"
  | "credential"
  | "span"
  /** `X-Correlation-Id`. */
  | "correlation"
  /** A mail that was "sent". */
  | "mail";

/** Makes ids. */
export type IdSource = (kind: IdKind) => string;

const letters = "0123456789abcdefghijklmnopqrstuvwxyz";

/** `length` random characters of base 36. */
export function base36(length: number, source: RandomBytes = randomBytes): string {
  return Array.from(source(length), (byte) => letters[byte % 36]).join("");
}

/** The ids of the real gateway: UUIDs, `req_<ms>_<9 characters>` and `mock_<11 characters>`. */
export function gatewayIds(now: () => number): IdSource {
  return (kind) => {
    if (kind === "correlation") return `req_${now()}_${base36(9)}`;
    return kind === "mail" ? `mock_${base36(11)}` : uuid();
  };
}
