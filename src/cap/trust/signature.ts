/** Signatures of the worker trust handshake: over the phase's domain, a zero byte and the canonical packet. */
import type { BusPacket } from "../../../gen/cap/index.js";
import type { SigningKey, VerifyingKey } from "../crypto/backend.js";
import { canonicalBytes, encodePacket } from "../packet.js";
import type { MapOrder } from "../wire/writer.js";

const DOMAINS = {
  workerHandshakeChallengeRequest: "CAP-WORKER-HANDSHAKE-CHALLENGE-REQUEST-V1",
  workerHandshakeChallenge: "CAP-WORKER-HANDSHAKE-CHALLENGE-V1",
  workerHandshakeAuthenticate: "CAP-WORKER-HANDSHAKE-AUTHENTICATE-V1",
  workerHandshakeResult: "CAP-WORKER-HANDSHAKE-RESULT-V1",
} as const;

/** A phase of the worker trust handshake. */
export type TrustPhase = Extract<BusPacket["payload"], { readonly case: keyof typeof DOMAINS }>;

/** The phase a packet carries, if it carries one. */
export function trustPhase({ payload }: BusPacket): TrustPhase | undefined {
  return payload.case !== undefined && Object.hasOwn(DOMAINS, payload.case)
    ? (payload as TrustPhase)
    : undefined;
}

/** The bytes a signature of the handshake covers, before they are hashed. */
export function trustBytes(packet: BusPacket, mapOrder: MapOrder = "spec"): Uint8Array {
  const { bytes } = canonicalBytes(packet, mapOrder);
  const domain = new TextEncoder().encode(`${DOMAINS[packet.payload.case as keyof typeof DOMAINS]}\0`);
  const signed = new Uint8Array(domain.length + bytes.length);
  signed.set(domain);
  signed.set(bytes, domain.length);
  return signed;
}

/** Signs a packet of the handshake, and returns what goes on the bus. */
export async function signTrustPacket(
  packet: BusPacket,
  key: SigningKey,
  mapOrder?: MapOrder,
): Promise<{ readonly packet: BusPacket; readonly bytes: Uint8Array }> {
  const bytes = trustBytes(packet, mapOrder);
  const signed = { ...packet, signature: await key.sign(bytes) };
  return { packet: signed, bytes: encodePacket(signed, mapOrder) };
}

/** Whether a key, which must be on P-256, signed this packet of the handshake, in either order of map entries. */
export async function verifyTrustPacket(packet: BusPacket, key: VerifyingKey): Promise<boolean> {
  if (key.curve !== "P-256") return false;
  const verify = (order: MapOrder) => key.verify(trustBytes(packet, order), packet.signature);
  return (await verify("spec")) || (canonicalBytes(packet).ordersDiffer && (await verify("upb")));
}
