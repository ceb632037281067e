/** What there is to see in a CAP packet. */
import { createHash } from "node:crypto";
import { type BusPacket, BusPacketSchema } from "../../../gen/cap/index.js";
import {
  canonicalBytes,
  decodePacket,
  encodePacket,
  type PacketIssue,
  validatePacket,
} from "../../cap/packet.js";
import { checkTrustPacket } from "../../cap/trust/messages.js";
import { trustPhase } from "../../cap/trust/signature.js";
import { errorText } from "../../core/errors.js";
import { masked } from "../masked.js";
import { messageToJson, type UnknownField } from "./packet-json.js";
import { profileBytes } from "./profiles.js";

/** Bytes a signature covers. */
export interface SignedBytes {
  readonly length: number;
  readonly sha256: string;
  /** Left out where they hold a secret that is not to be shown. */
  readonly hex?: string;
}

/** A packet as `decode --json` prints it. */
export interface PacketView {
  readonly kind: "cap-packet";
  readonly bytes: number;
  readonly sender: string;
  /** Undefined where there is none that this version knows. */
  readonly payload: string | undefined;
  /** In the form of ProtoJSON; secrets are masked. */
  readonly fields: unknown;
  /** Which canonical form the received bytes are. */
  readonly received: "both orders" | "spec order" | "upb order" | "not canonical";
  readonly canonical: {
    /** The two map orders give different bytes. */
    readonly ordersDiffer: boolean;
    readonly spec: SignedBytes;
    /** Only where it differs. */
    readonly upb?: SignedBytes;
  };
  /** What the signature covers in its place, for a profile with a signature of its own. */
  readonly profile?: { readonly name: string; readonly signed: SignedBytes };
  /** Hex; empty for an unsigned packet. */
  readonly signature: string;
  readonly unknownFields: readonly UnknownField[];
  /** Rules of the protocol that the packet breaks. */
  readonly issues: readonly PacketIssue[];
  /** Something was masked. */
  readonly hidesSecrets: boolean;
}

/** Looks at a packet. @throws MalformedPacketError */
export function viewPacket(bytes: Uint8Array, options: { readonly showSecrets?: boolean } = {}): PacketView {
  const message = decodePacket(bytes, Infinity);
  const { fields, unknown } = messageToJson(BusPacketSchema, message);
  const shown = options.showSecrets ? fields : masked(fields);
  const hidesSecrets = JSON.stringify(shown) !== JSON.stringify(fields);
  const spec = canonicalBytes(message, "spec");
  const upb = spec.ordersDiffer ? canonicalBytes(message, "upb") : undefined;
  const profile = profileBytes(bytes, message);
  return {
    kind: "cap-packet",
    bytes: bytes.length,
    sender: message.senderId,
    payload: message.payload.case,
    fields: shown,
    received: receivedAs(bytes, encodePacket(message, "spec"), encodePacket(message, "upb")),
    canonical: {
      ordersDiffer: spec.ordersDiffer,
      spec: signedBytes(spec.bytes, hidesSecrets),
      ...(upb === undefined ? {} : { upb: signedBytes(upb.bytes, hidesSecrets) }),
    },
    ...(profile === undefined
      ? {}
      : { profile: { name: profile.profile, signed: signedBytes(profile.signed, hidesSecrets) } }),
    signature: Buffer.from(message.signature).toString("hex"),
    unknownFields: unknown,
    issues: trustPhase(message) === undefined ? validatePacket(message) : trustIssues(message),
    hidesSecrets,
  };
}

function trustIssues(message: BusPacket): PacketIssue[] {
  try {
    checkTrustPacket(message);
    return [];
  } catch (error) {
    const [, field = "packet", problem] = /^([^:]+): (.*)$/.exec(errorText(error)) ?? [];
    return [{ field, message: problem ?? errorText(error) }];
  }
}

function receivedAs(bytes: Uint8Array, spec: Uint8Array, upb: Uint8Array): PacketView["received"] {
  const [asSpec, asUpb] = [Buffer.compare(bytes, spec) === 0, Buffer.compare(bytes, upb) === 0];
  if (asSpec) return asUpb ? "both orders" : "spec order";
  return asUpb ? "upb order" : "not canonical";
}

function signedBytes(bytes: Uint8Array, hide: boolean): SignedBytes {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { length } = bytes;
  return hide ? { length, sha256 } : { length, sha256, hex: Buffer.from(bytes).toString("hex") };
}

/** Whether bytes are a packet that carries something. */
export function isPacket(bytes: Uint8Array): boolean {
  try {
    return decodePacket(bytes, Infinity).payload.case !== undefined;
  } catch {
    return false;
  }
}
