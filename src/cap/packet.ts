/**
 * Packets: built, decoded, signed and sealed for the bus, opened and verified when they arrive (CAP spec 02
 * and 05).
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import {
  type BusPacket,
  type BusPacketSchema,
  type PacketIssue,
  PROTOCOL_VERSION,
} from "../../gen/cap/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import { randomHex } from "../core/ids.js";
import { checkOption, checkOptions, type OptionRule } from "../core/options.js";
import type { SigningKey } from "./crypto/backend.js";
import {
  InvalidInputError,
  MalformedPacketError,
  UnknownPayloadError,
  VersionMismatchError,
} from "./errors.js";
import { capProtocol, type PacketProtocol } from "./protocol.js";
import { decodeMessage } from "./wire/decode.js";
import { type CanonicalBytes, encodeCanonical } from "./wire/encode.js";
import { timestampOf } from "./wire/well-known.js";
import type { MapOrder } from "./wire/writer.js";

export type { PacketIssue } from "../../gen/cap/index.js";

/** What `toSigningKey` makes of a PEM text. */
const SIGNING_KEY = { has: ["sign"] } satisfies OptionRule;
/** Number of the signature field of a BusPacket. */
export const SIGNATURE_FIELD = 14;
/** NATS servers advise against larger messages. */
export const DEFAULT_MAX_PACKET_BYTES = 8 * 1024 * 1024;

/** What a packet carries, as accepted by {@link createPacket}. */
export type PayloadInit = NonNullable<
  Exclude<MessageInitShape<typeof BusPacketSchema>, BusPacket>["payload"]
>;

/** Options of {@link createPacket}. */
export interface CreatePacketOptions {
  readonly senderId: string;
  /** Default: 32 random hex digits. */
  readonly traceId?: string | undefined;
  /** Default: now, to the millisecond. */
  readonly clock?: Clock | undefined;
  /** Default: the protocol of the package. */
  readonly protocol?: PacketProtocol | undefined;
}

/** An unsigned packet of protocol version 1 around a payload. */
export function createPacket(payload: PayloadInit, options: CreatePacketOptions): BusPacket {
  const { packet: schema } = (options.protocol ?? capProtocol) as typeof capProtocol;
  return create(schema, {
    traceId: options.traceId ?? randomHex(16),
    senderId: options.senderId,
    createdAt: timestampOf((options.clock ?? systemClock).now()),
    protocolVersion: PROTOCOL_VERSION,
    payload,
  });
}

/** The bytes a signature covers: the whole packet without its signature field. */
export function canonicalBytes(
  packet: BusPacket,
  mapOrder?: MapOrder,
  protocol: PacketProtocol = capProtocol,
): CanonicalBytes {
  return encodeCanonical(protocol.packet, packet, { mapOrder, skip: SIGNATURE_FIELD });
}

/** The canonical bytes of a packet with its signature. */
export function encodePacket(
  packet: BusPacket,
  mapOrder?: MapOrder,
  protocol: PacketProtocol = capProtocol,
): Uint8Array {
  return encodeCanonical(protocol.packet, packet, { mapOrder }).bytes;
}

/**
 * Decodes bytes from the bus, without checking what they say.
 *
 * @throws MalformedPacketError for bytes that are not a packet, or more than `maxBytes` (default 8 MiB).
 */
export function decodePacket(
  bytes: Uint8Array,
  maxBytes = DEFAULT_MAX_PACKET_BYTES,
  protocol: PacketProtocol = capProtocol,
): BusPacket {
  if (bytes.length > maxBytes) {
    throw new MalformedPacketError(`packet of ${bytes.length} bytes is larger than ${maxBytes}`);
  }
  return decodeMessage((protocol as typeof capProtocol).packet, bytes);
}

/**
 * Throws what is wrong with a packet, if anything.
 *
 * @throws VersionMismatchError, UnknownPayloadError or InvalidInputError; `details.issues` lists every broken
 * rule.
 */
export function assertValidPacket(packet: BusPacket, protocol?: PacketProtocol): void {
  const issues = validatePacket(packet, protocol);
  if (issues.length === 0) return;
  const text = `invalid BusPacket: ${issues.map(({ field, message }) => `${field}: ${message}`).join("; ")}`;
  const broken = (field: string) => issues.some((issue) => issue.field === field);
  if (broken("protocol_version")) throw new VersionMismatchError(text, { details: { issues } });
  if (broken("payload")) throw new UnknownPayloadError(text, { details: { issues } });
  throw new InvalidInputError(text, { details: { issues } });
}

/** A signed packet. */
export interface SignedPacket {
  /** What goes on the bus. */
  readonly bytes: Uint8Array;
  /** ASN.1 DER. */
  readonly signature: Uint8Array;
  /** A map has keys that are prefixes of each other, so a peer that sorts the other way refuses the packet. */
  readonly ordersDiffer: boolean;
}

/** Signs a packet; an existing signature is replaced. */
export async function signPacket(
  packet: BusPacket,
  key: SigningKey,
  mapOrder?: MapOrder,
  protocol?: PacketProtocol,
): Promise<SignedPacket> {
  checkOption("key", key, SIGNING_KEY);
  const unsigned = canonicalBytes(packet, mapOrder, protocol);
  const signature = await key.sign(unsigned.bytes);
  return {
    bytes: insertSignature(unsigned, signature),
    signature,
    ordersDiffer: unsigned.ordersDiffer,
  };
}

/** Puts the signature field where its number belongs, so that nothing is encoded twice. */
function insertSignature(
  { bytes: unsigned, skippedAt: at }: CanonicalBytes,
  signature: Uint8Array,
): Uint8Array {
  const header = signature.length < 0x80 ? 2 : 3;
  const bytes = new Uint8Array(unsigned.length + header + signature.length);
  bytes.set(unsigned.subarray(0, at));
  bytes[at] = (SIGNATURE_FIELD << 3) | 2;
  bytes[at + 1] = header === 2 ? signature.length : (signature.length & 0x7f) | 0x80;
  if (header === 3) bytes[at + 2] = signature.length >> 7;
  bytes.set(signature, at + header);
  bytes.set(unsigned.subarray(at), at + header + signature.length);
  return bytes;
}

/** Options of {@link sealPacket}. */
export interface SealOptions {
  /** Signs the packet. Default: it travels unsigned. */
  readonly key?: SigningKey | undefined;
  /**
   * Set as the packet's `auth_token`; a function is called for every packet. An empty text removes the token. Default:
   * it stays as it is.
   */
  readonly sessionToken?: string | (() => string | undefined) | undefined;
  /** Default: "spec". "upb" suits a fleet that runs cap-sdk-python only. */
  readonly mapOrder?: MapOrder | undefined;
  /** Called when the two map orders give different bytes for this packet. */
  readonly onOrdersDiffer?: (() => void) | undefined;
  /** Default: the protocol of the package. */
  readonly protocol?: PacketProtocol | undefined;
}

/**
 * Returns the bytes that go on the bus: token set, rules checked, signed if there is a key.
 *
 * @throws InvalidInputError (and its siblings, see `validatePacket`) for a packet that breaks a rule,
 * or when the token of a signed packet would change and there is no key to sign it again.
 * @throws ValidationError for a field whose value does not match its type.
 */
export async function sealPacket(packet: BusPacket, options: SealOptions = {}): Promise<Uint8Array> {
  checkOptions(options, { key: SIGNING_KEY });
  return seal(packet, options, false);
}

/** What {@link sealPacket} does, at once unless the key signs elsewhere. `isShared`: see {@link encodeCanonical}. */
export function seal(
  packet: BusPacket,
  options: SealOptions,
  isShared: boolean,
): Uint8Array | Promise<Uint8Array> {
  const { key, mapOrder, onOrdersDiffer, protocol = capProtocol } = options;
  const outgoing = withToken(packet, options);
  assertValidPacket(outgoing, protocol);
  const skip = key === undefined ? 0 : SIGNATURE_FIELD;
  const encoded = encodeCanonical(protocol.packet, outgoing, {
    mapOrder,
    skip,
    isShared: isShared || skip > 0,
  });
  if (key === undefined) return encoded.bytes;
  if (encoded.ordersDiffer) onOrdersDiffer?.();
  const signature = key.sign(encoded.bytes);
  if (signature instanceof Uint8Array) return insertSignature(encoded, signature);
  return signature.then((signed) => insertSignature(encoded, signed));
}

/** The packet with the present token; the caller's own stays as it is. */
export function withToken(packet: BusPacket, { key, sessionToken }: SealOptions): BusPacket {
  const token = typeof sessionToken === "function" ? sessionToken() : sessionToken;
  if (token === undefined || token === packet.authToken) return packet;
  if (key === undefined && packet.signature.length > 0)
    throw new InvalidInputError("session token change requires re-signing the packet");
  return { ...packet, authToken: token };
}

/**
 * What is wrong with a packet; an empty list means it may travel. Verdicts and texts are those of cap-sdk-python 2.17.0;
 * the checks of fields are generated. The issue of a payload that this version does not know names the number of its
 * field: the packet can be decoded, verified, encoded and forwarded all the same.
 */
export function validatePacket(packet: BusPacket, protocol: PacketProtocol = capProtocol): PacketIssue[] {
  const issues: PacketIssue[] = [];
  protocol.checkEnvelope(packet, issues);
  const entry = protocol.payloads[packet.payload.case ?? ""];
  if (entry === undefined) issues.push({ field: "payload", message: withoutPayload(packet) });
  else if (entry.travels === "packet") protocol.checkPayload(packet, issues);
  else issues.push({ field: "payload", message: "is a worker trust phase, which is not an ordinary packet" });
  return issues;
}

/** A oneof case of a newer version arrives as an unknown field that holds a message. */
function withoutPayload({ payload, $unknown = [] }: BusPacket): string {
  if (payload.case !== undefined) return `is not known to this version: ${payload.case}`;
  const numbers = $unknown
    .filter(({ wireType }) => wireType === WireType.LengthDelimited)
    .map(({ no }) => no);
  if (numbers.length === 0) return "must not be nil";
  return `is not known to this version: field ${[...new Set(numbers)].join(", ")}`;
}
