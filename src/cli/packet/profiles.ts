/** Why a packet of the worker trust handshake, or one under CAP-PRODUCTION, is not genuine where it arrived. */
import { type BusPacket, SUBJECT_SUBMIT, TRUST_MAX_SKEW_MS } from "../../../gen/cap/index.js";
import type { Role } from "../../cap/crypto/key-ring.js";
import { decodePacket } from "../../cap/packet.js";
import type { ProductionProblem } from "../../cap/production/error.js";
import { takeApart } from "../../cap/production/exact-bytes.js";
import { checkIdentity, openProduction } from "../../cap/production/index.js";
import { checkTrustPacket } from "../../cap/trust/messages.js";
import { trustBytes, trustPhase } from "../../cap/trust/signature.js";
import { rolesFor } from "../../cap/verify.js";
import { timestampMs } from "../../cap/wire/well-known.js";
import { systemClock } from "../../core/clock.js";
import { AgentwireError, errorText } from "../../core/errors.js";
import { formatTime } from "../../core/time.js";
import { type Candidate, formsOf, signerOf } from "./candidates.js";
import { no, type Verdict, type VerifyProblem, yes } from "./verdict.js";

/** Where and when a packet arrived, as far as it is known. */
export interface Arrival {
  readonly subject?: string | undefined;
  readonly tenantId?: string | undefined;
  /** Milliseconds since the epoch. Default: now. */
  readonly atMs?: number | undefined;
  /** Packets that were taken before. */
  readonly earlier?: readonly Uint8Array[] | undefined;
  /** What a sender may send. Default: everything. */
  readonly roles?: ReadonlyMap<string, readonly Role[]> | undefined;
}

const ADVICE: Partial<Record<ProductionProblem, string>> = {
  wrong_audience: "it is genuine on the subject it was sealed for only: see `audience` in `agentwire decode`",
  expired: "a receiver refuses it now; --at judges it as of another time",
  lifetime_too_long: "the profile allows five minutes; compare the clocks of both machines",
  wrong_tenant: "the receiver's trust is for another tenant, or the envelope has no identity",
  identity_mismatch: "tenant, principal and actor must be the same in the envelope and in the request",
  unsupported_profile: 'expected profile "cap-production-v1" and algorithm "ECDSA-P256-SHA256"',
};

/** Judges a packet under CAP-PRODUCTION with the checks of a receiver. */
export async function judgeProduction(
  raw: Uint8Array,
  message: BusPacket,
  own: readonly Candidate[],
  others: readonly Candidate[],
  arrival: Arrival,
): Promise<Verdict> {
  const metadata = message.signatureMetadata!;
  const verify = async (form: Uint8Array, der: Uint8Array): Promise<boolean> =>
    (await signerOf(own, [form], der)) !== undefined;
  const trust = {
    audience: arrival.subject ?? metadata.audience,
    tenantId: arrival.tenantId ?? message.identity?.tenantId ?? "",
    senderId: message.senderId,
    keys: new Map([[metadata.keyId, { curve: "P-256" as const, verify }]]),
    clock: { ...systemClock, now: () => arrival.atMs ?? systemClock.now() },
  };
  if (trust.tenantId === "") return no("wrong_tenant", "the envelope has no identity", ADVICE.wrong_tenant);
  try {
    const { packet } = await openProduction(raw, trust);
    if (packet.payload.case === "jobRequest") checkIdentity(packet.payload.value, packet.identity);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === "wrong_signature")
      return explainSignature(message, [takeApart(raw).signed], own, others, PRODUCTION);
    const text =
      problem === "expired" ? `the signature expired at ${timeOf(metadata.expiresAt)}` : errorText(error);
    return no(problem, text, ADVICE[problem as ProductionProblem]);
  }
  const replay = replayed(message, arrival.earlier ?? []);
  if (replay !== undefined) return replay;
  const unchecked = [
    arrival.subject === undefined && "--subject",
    arrival.tenantId === undefined && "--tenant",
  ].filter(Boolean);
  const verdict = yes("CAP-PRODUCTION", "the signature is the sender's, of the CAP-PRODUCTION profile");
  if (unchecked.length === 0) return verdict;
  const what = `for ${metadata.audience}, tenant ${trust.tenantId}, key id ${metadata.keyId}`;
  return {
    ...verdict,
    advice: `it was sealed ${what}; ${unchecked.join(" and ")} and replay are not checked here`,
  };
}

function problemOf(error: unknown): VerifyProblem {
  const { problem } = (error instanceof AgentwireError ? (error.details ?? {}) : {}) as {
    problem?: VerifyProblem;
  };
  return problem ?? "malformed";
}

/** How the verdicts of a profile say what happened. */
interface Words {
  readonly made: string;
  readonly ordinary: string;
  readonly over: string;
  readonly remedy?: string;
  readonly cause?: string;
}

const PRODUCTION: Words = {
  made: "sealed",
  ordinary: "not under CAP-PRODUCTION",
  remedy: "seal it with sealProduction",
  over: "these exact bytes",
  cause: "the profile signs what travels: a relay that encodes the packet again breaks the signature",
};

const TRUST: Words = { made: "signed", ordinary: "without the domain of its phase", over: "this phase" };

/** None of the sender's keys made the signature over what the profile signs. */
async function explainSignature(
  message: BusPacket,
  forms: readonly Uint8Array[],
  own: readonly Candidate[],
  others: readonly Candidate[],
  { made, ordinary, over, remedy, cause }: Words,
): Promise<Verdict> {
  const { senderId, signature } = message;
  const signer = await signerOf(others, forms, signature);
  if (signer !== undefined)
    return no("wrong_key", `${made} with the key of ${signer.sender}, but it says it is from ${senderId}`);
  if (await signerOf(own, formsOf(message), signature))
    return no("other_domain", `signed as an ordinary packet, ${ordinary}`, remedy);
  const text = `the signature was not made with a key of ${senderId} over ${over}`;
  return no("wrong_signature", text, cause);
}

/** Judges a packet of the worker trust handshake. */
export async function judgeTrust(
  message: BusPacket,
  own: readonly Candidate[],
  others: readonly Candidate[],
  { atMs = systemClock.now() }: Arrival,
): Promise<Verdict> {
  try {
    checkTrustPacket(message);
  } catch (error) {
    if (message.signature.length === 0)
      return no("missing_signature", "a phase of the handshake must be signed");
    return no("broken_rule", errorText(error));
  }
  const forms = [trustBytes(message, "spec"), trustBytes(message, "upb")];
  if ((await signerOf(own, forms, message.signature)) === undefined)
    return explainSignature(message, forms, own, others, TRUST);
  const createdMs = timestampMs(message.createdAt)!;
  const phase = trustPhase(message)!;
  const endsMs =
    phase.case === "workerHandshakeChallenge"
      ? timestampMs(phase.value.expiresAt)!
      : createdMs + TRUST_MAX_SKEW_MS + 1;
  if (atMs < endsMs && createdMs - atMs <= TRUST_MAX_SKEW_MS)
    return yes("worker trust", "the signature is the sender's, of this phase of the worker trust handshake");
  const text = `the signature is the sender's, but the packet is of ${formatTime(createdMs)}`;
  return no("expired", text, "clocks may differ by a minute; --at judges it as of another time");
}

/** What a receiver on a subject refuses although the signature is right. */
export function judgeArrival(
  message: BusPacket,
  { subject, roles, earlier = [] }: Arrival,
): Verdict | undefined {
  const { payload, senderId } = message;
  if (payload.case === "jobRequest" && subject !== undefined && subject !== SUBJECT_SUBMIT) {
    const { topic } = payload.value;
    if (topic !== subject && !/^worker\.[^.]+\.jobs$/.test(subject))
      return no(
        "wrong_topic",
        `a job request for ${topic} came on ${subject}`,
        "publish it on the subject of its topic",
      );
  }
  const own = roles?.get(senderId);
  const allowed = rolesFor(message, subject);
  if (own !== undefined && !own.some((role) => allowed.includes(role))) {
    const text = `${senderId} may act as ${own.join(", ")}; ${payload.case} requires ${allowed.join(" or ")}`;
    return no("wrong_role", text, "give its key the role, or let the right peer send it");
  }
  return replayed(message, earlier);
}

/** A packet that was taken before. Ordinary ones are known by the r of their signature, others by their message id. */
function replayed(message: BusPacket, earlier: readonly Uint8Array[]): Verdict | undefined {
  for (const bytes of earlier) {
    const before = decodePacket(bytes, Infinity);
    if (before.senderId !== message.senderId || idOf(before) !== idOf(message)) continue;
    const advice = "receivers with `maxAgeMs`, and those under CAP-PRODUCTION, accept a packet once";
    return no("replayed", "the packet is a replay: it was accepted before", advice);
  }
  return undefined;
}

function idOf({ signatureMetadata, signature }: BusPacket): string {
  const id = signatureMetadata?.messageId ?? signature.subarray(4, 4 + (signature[3] ?? 0));
  return Buffer.from(id).toString("hex");
}

function timeOf(time: Parameters<typeof timestampMs>[0]): string {
  const ms = timestampMs(time);
  return ms === undefined ? "an invalid time" : formatTime(ms);
}

/** The bytes a signature of either profile covers, for `decode`; undefined for an ordinary packet. */
export function profileBytes(
  raw: Uint8Array,
  message: BusPacket,
): { readonly profile: string; readonly signed: Uint8Array } | undefined {
  if (trustPhase(message) !== undefined)
    return { profile: "worker trust handshake", signed: trustBytes(message) };
  if (message.signatureMetadata === undefined) return undefined;
  try {
    return { profile: "CAP-PRODUCTION", signed: takeApart(raw).signed };
  } catch {
    return undefined;
  }
}
