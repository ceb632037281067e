/** Packets under CAP-PRODUCTION: sealed for one subject, opened on the bytes that arrived. */
import { create } from "@bufbuild/protobuf";
import {
  type BusPacket,
  PRODUCTION_ALGORITHM,
  PRODUCTION_MAX_PACKET_BYTES,
  PRODUCTION_PROFILE,
  SignatureMetadataSchema,
} from "../../../gen/cap/index.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { ValidationError } from "../../core/errors.js";
import { randomBytes } from "../../core/ids.js";
import { checkOptions } from "../../core/options.js";
import type { SigningKey, VerifyingKey } from "../crypto/backend.js";
import { onP256 } from "../crypto/pem.js";
import { canonicalBytes, decodePacket } from "../packet.js";
import { hasUnknownFields } from "../wire/decode.js";
import { timestampMs, timestampOf } from "../wire/well-known.js";
import { refusal } from "./error.js";
import { putTogether, takeApart, toSign } from "./exact-bytes.js";

/** The profile's bounds: how long a packet may be good for, and how far clocks may differ. */
export const MAX_LIFETIME_MS = 300_000;
export const MAX_SKEW_MS = 60_000;
const LIFETIME = { above: 0, max: MAX_LIFETIME_MS };
const MESSAGE_ID_BYTES = 16;

/** How {@link sealProduction} signs. */
export interface ProductionSealOptions {
  /** On P-256. */
  readonly key: SigningKey;
  /** Name of the key at the receiver. */
  readonly keyId: string;
  /** The subject the packet is published on; it is genuine on no other. */
  readonly audience: string;
  /** Up to 300000. Default: 240000, which leaves a minute to a receiver whose clock is behind. */
  readonly lifetimeMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Signs a packet under CAP-PRODUCTION, with a new message id. Its `identity` is the caller's to set.
 *
 * @throws ValidationError for a key id or an audience that is empty, a lifetime out of bounds, unknown fields, or a
 * packet of more than 1 MiB.
 */
export async function sealProduction(packet: BusPacket, options: ProductionSealOptions): Promise<Uint8Array> {
  const { key, keyId, audience, lifetimeMs = 240_000, clock = systemClock } = options;
  if (keyId.trim() === "") throw new ValidationError("sealing under CAP-PRODUCTION requires a keyId");
  if (audience.trim() === "")
    throw new ValidationError("sealing under CAP-PRODUCTION requires the subject as audience");
  checkLifetime(options);
  if (hasUnknownFields(packet)) throw new ValidationError("a production packet must not have unknown fields");
  const signatureMetadata = create(SignatureMetadataSchema, {
    profileVersion: PRODUCTION_PROFILE,
    algorithm: PRODUCTION_ALGORITHM,
    messageId: randomBytes(MESSAGE_ID_BYTES),
    audience,
    expiresAt: timestampOf(clock.now() + lifetimeMs),
    keyId,
  });
  const { bytes } = canonicalBytes({ ...packet, signatureMetadata });
  const signed = toSign(bytes.length);
  signed.set(bytes, signed.length - bytes.length);
  const raw = putTogether(signed, await key.sign(signed));
  if (raw.length > PRODUCTION_MAX_PACKET_BYTES)
    throw new ValidationError(
      `a production packet may have ${PRODUCTION_MAX_PACKET_BYTES} bytes, not ${raw.length}`,
    );
  return raw;
}

/** Whose packets are taken, and on which subject. */
export interface ProductionTrust {
  /** The subject the packet came on. */
  readonly audience: string;
  readonly tenantId: string;
  readonly senderId: string;
  /** The sender's keys by key id, on P-256. */
  readonly keys: ReadonlyMap<string, VerifyingKey>;
  /** Up to 300000. Default: 300000. */
  readonly maxLifetimeMs?: number | undefined;
  /** How far clocks may differ, up to 60000. Default: 0. */
  readonly clockSkewMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** A genuine packet. */
export interface ProductionPacket {
  readonly packet: BusPacket;
  /** What the signature covers, without the domain. */
  readonly unsigned: Uint8Array;
  readonly messageId: Uint8Array;
  readonly expiresAtMs: number;
}

/** @throws ValidationError for a life that the profile does not allow. */
export function checkLifetime(options: { readonly lifetimeMs?: number | undefined }): void {
  checkOptions(options, { lifetimeMs: LIFETIME });
}

/** @throws ValidationError for an authority that is empty or untrimmed, keys on another curve, and bounds beyond the profile's. */
export function checkProductionTrust(trust: ProductionTrust): void {
  const { audience, tenantId, senderId, maxLifetimeMs = MAX_LIFETIME_MS, clockSkewMs = 0 } = trust;
  for (const [name, text] of Object.entries({ audience, tenantId, senderId }))
    if (text === "" || text.trim() !== text)
      throw new ValidationError(`production trust requires ${name}, without blanks`);
  for (const [keyId, key] of trust.keys) onP256(keyId, key);
  checkOptions(trust, { maxLifetimeMs: LIFETIME, clockSkewMs: { min: 0, max: MAX_SKEW_MS } });
  if (clockSkewMs > maxLifetimeMs) throw new ValidationError("clockSkewMs must be at most maxLifetimeMs");
}

/**
 * Verifies the exact bytes of a packet under CAP-PRODUCTION.
 *
 * @throws SignatureInvalidError, SignatureMissingError or MalformedPacketError; `details.problem` says why. ValidationError
 * for a trust that `checkProductionTrust` refuses.
 */
export async function openProduction(raw: Uint8Array, trust: ProductionTrust): Promise<ProductionPacket> {
  checkProductionTrust(trust);
  const { signed, unsigned, signature } = takeApart(raw);
  const packet = decodePacket(unsigned);
  if (hasUnknownFields(packet)) throw refusal("malformed", "unknown nested protobuf field");
  const { messageId, expiresAtMs, keyId } = checkMetadata(packet, trust);
  if (packet.identity?.tenantId !== trust.tenantId) throw refusal("wrong_tenant", "tenant mismatch");
  if (packet.senderId !== trust.senderId) throw refusal("unknown_sender", "sender mismatch");
  const key = trust.keys.get(keyId);
  if (key === undefined) throw refusal("unknown_key", "unknown key id");
  const genuine = await key.verify(signed, signature);
  if (!genuine) throw refusal("wrong_signature", "invalid signature");
  packet.signature = signature.slice();
  return { packet, unsigned, messageId, expiresAtMs };
}

function checkMetadata({ signatureMetadata: metadata }: BusPacket, trust: ProductionTrust) {
  if (metadata === undefined) throw refusal("missing_metadata", "missing signature metadata");
  const { profileVersion, algorithm, messageId, audience, keyId, expiresAt } = metadata;
  if (profileVersion !== PRODUCTION_PROFILE || algorithm !== PRODUCTION_ALGORITHM)
    throw refusal("unsupported_profile", "unsupported production signature profile");
  if (messageId.length !== MESSAGE_ID_BYTES || audience === "" || keyId === "")
    throw refusal("malformed", "invalid signature metadata");
  if (audience !== trust.audience) throw refusal("wrong_audience", "audience mismatch");
  const expiresAtMs = timestampMs(expiresAt);
  if (expiresAtMs === undefined) throw refusal("malformed", "invalid signature expiry");
  const { maxLifetimeMs = MAX_LIFETIME_MS, clockSkewMs = 0, clock = systemClock } = trust;
  const now = clock.now();
  if (expiresAtMs <= now - clockSkewMs) throw refusal("expired", "signature expired");
  if (expiresAtMs > now + maxLifetimeMs + clockSkewMs)
    throw refusal("lifetime_too_long", "signature lifetime exceeds bound");
  return { messageId, expiresAtMs, keyId };
}
