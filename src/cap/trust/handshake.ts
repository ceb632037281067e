/** The worker's side of a trust handshake: requests are made, responses checked. Nothing here waits or sends. */
import {
  type BusPacket,
  type Handshake,
  PROTOCOL_VERSION,
  TRUST_AUDIENCE,
  TRUST_MAX_SKEW_MS,
  type WorkerHandshakeChallenge,
  WorkerHandshakeChallengeSchema,
  WorkerHandshakeProofAlgorithm,
  WorkerHandshakePurpose,
  WorkerHandshakeRejectionReason,
} from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";
import { randomBytes, randomHex } from "../../core/ids.js";
import { equalBytes } from "../crypto/backend.js";
import { createPacket } from "../packet.js";
import { encodeCanonical } from "../wire/encode.js";
import type { WorkerTrust } from "./config.js";
import { checkCapability, NONCE_BYTES, timeOf, WorkerTrustError } from "./messages.js";
import { trustPhase, verifyTrustPacket } from "./signature.js";

/** A session of a worker: the token for its packets, and the time from which on it is void. */
export interface TrustGrant {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Asks for a challenge; `renew` asks to replace the current session. Unsigned. */
export function challengeRequest(trust: WorkerTrust, renew: boolean, clock: Clock): BusPacket {
  const traceId = randomHex(16);
  return createPacket(
    {
      case: "workerHandshakeChallengeRequest",
      value: {
        requestId: randomHex(16),
        traceId,
        workerId: trust.workerId,
        proofKeyId: trust.proofKeyId,
        proofAlgorithm: WorkerHandshakeProofAlgorithm.ECDSA_P256_SHA256,
        audience: TRUST_AUDIENCE,
        purpose: renew ? WorkerHandshakePurpose.RENEW : WorkerHandshakePurpose.ISSUE,
        clientNonce: randomBytes(NONCE_BYTES),
        protocolVersion: PROTOCOL_VERSION,
        sdkVersion: trust.sdkVersion,
      },
    },
    { senderId: trust.workerId, traceId, clock },
  );
}

/**
 * The challenge of a response to {@link challengeRequest}.
 *
 * @throws WorkerTrustError unless the pinned scheduler has signed it for this request, now.
 */
export async function acceptChallenge(
  trust: WorkerTrust,
  request: BusPacket,
  response: BusPacket,
  nowMs: number,
): Promise<WorkerHandshakeChallenge> {
  const asked = trustPhase(request);
  const answered = trustPhase(response);
  if (asked?.case !== "workerHandshakeChallengeRequest" || answered?.case !== "workerHandshakeChallenge")
    throw new WorkerTrustError("the response to a challenge request must be a challenge");
  const challenge = answered.value;
  await checkScheduler(trust, response, challenge, nowMs);
  const { value } = asked;
  if (!repeats(challenge, value)) throw unbound("challenge does not match request");
  if (challenge.agentId !== trust.expectedAgentId || challenge.tenantId !== trust.tenantId)
    throw unbound("challenge identity differs");
  checkFresh(challenge, nowMs);
  return challenge;
}

/** Whether a challenge has all that it shares with its request unchanged. */
function repeats(challenge: object, request: object): boolean {
  const theirs = new Map<string, unknown>(Object.entries(challenge));
  return Object.entries(request).every(([name, own]) => {
    if (name.startsWith("$") || !theirs.has(name)) return true;
    const their = theirs.get(name);
    return own instanceof Uint8Array && their instanceof Uint8Array ? equalBytes(own, their) : own === their;
  });
}

/**
 * Answers a challenge. Unsigned.
 *
 * @throws WorkerTrustError `TRUST_PACKET` for a capability that no scheduler accepts.
 */
export function authenticateRequest(
  trust: WorkerTrust,
  challenge: WorkerHandshakeChallenge,
  capability: Handshake,
  currentToken: string,
  clock: Clock,
): BusPacket {
  checkCapability(capability, challenge);
  const value = { challenge, capabilityHandshake: capability };
  const { traceId } = challenge;
  const options = { senderId: trust.workerId, traceId, clock };
  return {
    ...createPacket({ case: "workerHandshakeAuthenticate", value }, options),
    authToken: currentToken,
  };
}

/**
 * The session that a result grants.
 *
 * @throws WorkerTrustError unless the pinned scheduler has signed it for this challenge, now, and accepts.
 */
export async function acceptResult(
  trust: WorkerTrust,
  challenge: WorkerHandshakeChallenge,
  currentToken: string,
  response: BusPacket,
  nowMs: number,
): Promise<TrustGrant> {
  const answered = trustPhase(response);
  if (answered?.case !== "workerHandshakeResult" || answered.value.challenge === undefined)
    throw new WorkerTrustError("the response to an authenticate request must be a result");
  const result = answered.value;
  await checkScheduler(trust, response, answered.value.challenge, nowMs);
  if (!sameChallenge(answered.value.challenge, challenge)) throw unbound("result challenge differs");
  checkFresh(challenge, nowMs);
  checkSkew(timeOf(result.issuedAt, "result.issued_at"), nowMs, "result.issued_at");
  if (!result.accepted) {
    const reason = WorkerHandshakeRejectionReason[result.rejectionReason] ?? "UNSPECIFIED";
    throw new WorkerTrustError(`worker handshake rejected: ${reason}`, { code: "TRUST_REJECTED", reason });
  }
  const expiresAtMs = timeOf(result.tokenExpiresAt, "token_expires_at");
  if (expiresAtMs <= nowMs) throw expired("result token is already expired");
  const token = response.authToken;
  if (challenge.purpose === WorkerHandshakePurpose.RENEW && token === currentToken)
    throw unbound("renewal did not rotate session token");
  return { token, expiresAtMs };
}

async function checkScheduler(
  { expectedSchedulerId, schedulerKeys }: WorkerTrust,
  packet: BusPacket,
  { serverKeyId }: WorkerHandshakeChallenge,
  nowMs: number,
): Promise<void> {
  if (packet.senderId !== expectedSchedulerId) throw unbound("scheduler sender differs");
  checkSkew(timeOf(packet.createdAt, "created_at"), nowMs, "created_at");
  const key = schedulerKeys.get(serverKeyId);
  if (key === undefined || !(await verifyTrustPacket(packet, key)))
    throw new WorkerTrustError("scheduler signature is invalid");
}

function checkFresh(challenge: WorkerHandshakeChallenge, nowMs: number): void {
  checkSkew(timeOf(challenge.issuedAt, "challenge.issued_at"), nowMs, "challenge.issued_at");
  if (nowMs >= timeOf(challenge.expiresAt, "challenge.expires_at")) throw expired("challenge expired");
}

function checkSkew(ms: number, nowMs: number, field: string): void {
  if (Math.abs(ms - nowMs) > TRUST_MAX_SKEW_MS) throw expired(`${field} outside allowed skew`);
}

/** Whether two challenges are the same, byte for byte. */
export function sameChallenge(a: WorkerHandshakeChallenge, b: WorkerHandshakeChallenge): boolean {
  const bytes = (one: WorkerHandshakeChallenge) => encodeCanonical(WorkerHandshakeChallengeSchema, one).bytes;
  return equalBytes(bytes(a), bytes(b));
}

function unbound(problem: string): WorkerTrustError {
  return new WorkerTrustError(problem, { code: "TRUST_BINDING" });
}

function expired(problem: string): WorkerTrustError {
  return new WorkerTrustError(problem, { code: "TRUST_EXPIRED" });
}
