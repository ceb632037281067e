import { AuthError } from "../../core/errors.js";

/**
 * The worker trust handshake did not end with a session. The `code` says why:
 *
 * - `TRUST_PACKET`: a packet breaks a rule of the handshake, or its signature is not one of the pinned keys
 * - `TRUST_BINDING`: a genuine packet belongs to another request, worker, tenant or scheduler
 * - `TRUST_EXPIRED`: a genuine packet is too old, or the clocks differ by more than a minute
 * - `TRUST_REJECTED`: the scheduler refuses; `reason` is its reason
 * - `TRUST_UNAVAILABLE`: the scheduler did not respond; retryable
 * - `TRUST_NO_SESSION`: a packet may not leave without a live session; retryable
 */
export class WorkerTrustError extends AuthError {
  static override readonly defaultCode: string = "TRUST_PACKET";
  static override readonly brands: readonly string[] = ["WorkerTrustError"];
}
