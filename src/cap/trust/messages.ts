/** The rules of the four packets of a worker trust handshake, checked before any signature is looked at. */
import {
  type BusPacket,
  ComponentRole,
  type Handshake,
  type PacketIssue,
  PROTOCOL_VERSION,
  protocol,
  TRUST_MAX_PACKET_BYTES,
  type WorkerHandshakeChallenge,
  WorkerHandshakeProofAlgorithm,
  WorkerHandshakePurpose,
  WorkerHandshakeRejectionReason,
} from "../../../gen/cap/index.js";
import { AuthError, errorText } from "../../core/errors.js";
import { decodePacket } from "../packet.js";
import { hasUnknownFields } from "../wire/decode.js";
import { timestampMs } from "../wire/well-known.js";
import { trustPhase } from "./signature.js";

export const NONCE_BYTES = 32;
/** How long a challenge may be good for. */
const MAX_CHALLENGE_MS = 60_000;
const TOKEN = /^[\x21-\x7e]{1,16384}$/;
const CAPABILITY = /^[a-z][a-z0-9_.-]{0,63}$/;

/**
 * Decodes a packet of the handshake and checks its rules.
 *
 * @throws WorkerTrustError `TRUST_PACKET`.
 */
export function decodeTrustPacket(bytes: Uint8Array): BusPacket {
  if (bytes.length === 0 || bytes.length > TRUST_MAX_PACKET_BYTES)
    throw broken(`packet size must be 1..${TRUST_MAX_PACKET_BYTES} bytes`);
  let packet: BusPacket;
  try {
    packet = decodePacket(bytes);
  } catch (cause) {
    throw broken(`cannot decode worker trust packet: ${errorText(cause)}`, cause);
  }
  checkTrustPacket(packet);
  return packet;
}

/** @throws WorkerTrustError `TRUST_PACKET`. */
export function checkTrustPacket(packet: BusPacket): void {
  const phase = trustPhase(packet);
  assertRule(phase !== undefined, "payload: must be exactly one worker trust phase");
  const issues: PacketIssue[] = [];
  protocol.checkEnvelope(packet, issues);
  const [issue] = issues;
  assertRule(issue === undefined, `${issue?.field}: ${issue?.message}`);
  timeOf(packet.createdAt, "created_at");
  assertRule(!hasUnknownFields(packet), "unknown_fields: must be empty recursively");
  const signed = packet.signature.length > 0;
  switch (phase.case) {
    case "workerHandshakeChallengeRequest": {
      const request = phase.value;
      checkTexts("challenge_request", request);
      const bound = packet.traceId === request.traceId && packet.senderId === request.workerId;
      assertRule(bound, "challenge_request: trace or worker does not match envelope");
      checkTerms("challenge_request", request);
      assertRule(
        packet.authToken === "" && signed,
        "challenge_request: must be signed without a session token",
      );
      return;
    }
    case "workerHandshakeChallenge":
      checkChallenge(packet, phase.value);
      assertRule(packet.authToken === "", "auth_token: challenge must not carry a session");
      assertRule(signed, "signature: challenge must be signed");
      return;
    case "workerHandshakeAuthenticate": {
      const { challenge, capabilityHandshake } = phase.value;
      assertRule(
        challenge !== undefined && capabilityHandshake !== undefined,
        "authenticate: challenge and capability are required",
      );
      checkChallenge(packet, challenge);
      assertRule(
        packet.senderId === challenge.workerId && signed,
        "authenticate: worker binding or signature is invalid",
      );
      checkCapability(capabilityHandshake, challenge);
      if (challenge.purpose === WorkerHandshakePurpose.ISSUE)
        assertRule(packet.authToken === "", "auth_token: issue must not carry a session");
      else assertRule(TOKEN.test(packet.authToken), "auth_token: renew requires the current session");
      return;
    }
    default: {
      const { challenge, accepted, rejectionReason, issuedAt, tokenExpiresAt } = phase.value;
      assertRule(challenge !== undefined && signed, "result: challenge and signature are required");
      checkChallenge(packet, challenge);
      const issued = timeOf(issuedAt, "result.issued_at");
      if (accepted) {
        const due = "result: accepted result requires a future token expiry";
        assertRule(TOKEN.test(packet.authToken) && tokenExpiresAt !== undefined, due);
        assertRule(timeOf(tokenExpiresAt, "result.token_expires_at") > issued, due);
        assertRule(rejectionReason === 0, "result.rejection_reason: must be unspecified when accepted");
        return;
      }
      const known = rejectionReason !== 0 && WorkerHandshakeRejectionReason[rejectionReason] !== undefined;
      const bare = packet.authToken === "" && tokenExpiresAt === undefined;
      assertRule(known && bare, "result: rejection must not carry token metadata");
    }
  }
}

/**
 * What a worker says of itself in a handshake.
 *
 * @throws WorkerTrustError `TRUST_PACKET`.
 */
export function checkCapability(
  { componentId, role, sdkVersion, supportedVersions, capabilities, readyTopics }: Handshake,
  challenge: Pick<WorkerHandshakeChallenge, "workerId" | "sdkVersion">,
): void {
  const at = "capability_handshake";
  const own = componentId === challenge.workerId && sdkVersion === challenge.sdkVersion;
  assertRule(own && role === ComponentRole.WORKER, `${at}: identity does not match challenge`);
  const only = supportedVersions.length === 1 && supportedVersions[0] === PROTOCOL_VERSION;
  assertRule(only, `${at}.supported_versions: must contain exactly v1`);
  for (const [key, enabled] of Object.entries(capabilities))
    assertRule(enabled && CAPABILITY.test(key), `${at}.capabilities: key is invalid or disabled`);
  const unique = new Set(readyTopics).size === readyTopics.length;
  assertRule(unique && readyTopics.every(isText), `${at}.ready_topics: topic is empty or duplicated`);
}

/** @throws WorkerTrustError `TRUST_PACKET` for a time that is missing or out of range. */
export function timeOf(time: Parameters<typeof timestampMs>[0], field: string): number {
  const ms = timestampMs(time);
  assertRule(ms !== undefined, `${field}: invalid timestamp`);
  return ms;
}

function checkChallenge(packet: BusPacket, challenge: WorkerHandshakeChallenge): void {
  checkTexts("challenge", challenge);
  assertRule(packet.traceId === challenge.traceId, "challenge.trace_id: must equal envelope trace_id");
  checkTerms("challenge", challenge);
  assertRule(challenge.serverNonce.length === NONCE_BYTES, "challenge: proof algorithm or nonce is invalid");
  const lifeMs =
    timeOf(challenge.expiresAt, "challenge.expires_at") - timeOf(challenge.issuedAt, "challenge.issued_at");
  assertRule(lifeMs > 0 && lifeMs <= MAX_CHALLENGE_MS, "challenge.timestamps: invalid order or lifetime");
}

function checkTerms(
  at: string,
  terms: Pick<WorkerHandshakeChallenge, "protocolVersion" | "purpose" | "proofAlgorithm" | "clientNonce">,
): void {
  const known =
    terms.purpose === WorkerHandshakePurpose.ISSUE || terms.purpose === WorkerHandshakePurpose.RENEW;
  assertRule(terms.protocolVersion === PROTOCOL_VERSION && known, `${at}: version or purpose is unsupported`);
  const isP256 = terms.proofAlgorithm === WorkerHandshakeProofAlgorithm.ECDSA_P256_SHA256;
  assertRule(
    isP256 && terms.clientNonce.length === NONCE_BYTES,
    `${at}: proof algorithm or nonce is invalid`,
  );
}

/** Every text of a challenge and of its request is required. */
function checkTexts(at: string, message: object): void {
  const texts = Object.values(message).filter((value) => typeof value === "string");
  assertRule(texts.every(isText), `${at}: required field is empty`);
}

function isText(text: string): boolean {
  return text.trim() !== "";
}

function assertRule(holds: boolean, problem: string): asserts holds {
  if (!holds) throw broken(problem);
}

function broken(problem: string, cause?: unknown): WorkerTrustError {
  return new WorkerTrustError(problem, { cause });
}

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
