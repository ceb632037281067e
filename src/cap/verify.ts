/**
 * Verifies the signature of a received packet (CAP spec 05).
 *
 * The signature is over canonical bytes, which the received ones need not be. So: if decoding showed them to
 * be canonical they are used as they are, else the packet is encoded again; and where the two map orders give
 * different bytes, both are tried. Both are encodings of the same message, so nothing is lost by that.
 */
import type { BusPacket } from "../../gen/cap/index.js";
import { SUBJECT_SUBMIT } from "../../gen/cap/index.js";
import type { VerifyingKey } from "./crypto/backend.js";
import type { KeyRing, Role } from "./crypto/key-ring.js";
import { SignatureInvalidError, SignatureMissingError } from "./errors.js";
import { assertValidPacket, canonicalBytes, decodePacket } from "./packet.js";
import type { PacketProtocol } from "./protocol.js";
import { cutBytes } from "./wire/block.js";
import type { Decoded } from "./wire/canonical-decode.js";

/** Why a packet was refused. */
export type SignatureProblem = "missing_signature" | "unknown_sender" | "wrong_role" | "wrong_signature";

/** How a packet was found to be genuine. */
export type SignedForm = "spec" | "upb" | "raw";

/** Options of {@link verifyPacket}. */
export interface VerifyOptions {
  /**
   * Also accept a signature over the received bytes without field 14, whatever their order: Go SDKs before
   * 2.1x signed packets with a token that way.
   *
   * Default: false.
   */
  readonly acceptRawOrder?: boolean | undefined;
  /** Subject the packet came on. A job request is a client's on `sys.job.submit`, and a scheduler's elsewhere. */
  readonly subject?: string | undefined;
  /** Default: the protocol of the package. */
  readonly protocol?: PacketProtocol | undefined;
}

/**
 * Verifies a decoded packet against the keys of its sender.
 *
 * @returns Over which form of the packet the signature is.
 * @throws SignatureMissingError for an unsigned packet, SignatureInvalidError for an unknown sender, a payload
 * that the sender's roles do not include, or a signature that none of its keys made; `details.problem` names the
 * reason.
 */
export async function verifyPacket(
  decoded: Decoded<BusPacket>,
  received: Uint8Array,
  keys: KeyRing,
  options: VerifyOptions = {},
): Promise<SignedForm> {
  const packet = decoded.message;
  const candidates = candidatesOf(packet, keys, options);
  for (const [form, bytes] of signedForms(decoded, received, options)) {
    if (await verifiesAny(candidates, bytes, packet.signature)) return form;
  }
  throw wrongSignature(packet);
}

/** The keys that may have signed a packet; at least one. */
function candidatesOf(packet: BusPacket, keys: KeyRing, { subject }: VerifyOptions): readonly VerifyingKey[] {
  const { senderId, signature } = packet;
  if (senderId === "" || signature.length === 0)
    throw new SignatureMissingError("the packet is not signed", details("missing_signature", packet));
  const trusted = keys.of(senderId);
  if (trusted.length === 0)
    throw new SignatureInvalidError("no key is known for the sender", details("unknown_sender", packet));
  const allowed = rolesFor(packet, subject);
  const candidates = trusted.filter(({ roles }) => roles?.some((role) => allowed.includes(role)) ?? true);
  if (candidates.length === 0) {
    const kind = packet.payload.case ?? "unknown payload";
    const text = `the sender may not send this: ${kind} requires the role ${allowed.join(" or ")}`;
    throw new SignatureInvalidError(text, details("wrong_role", packet));
  }
  return candidates.map(({ key }) => key);
}

/** Who may send a payload. */
export function rolesFor({ payload }: BusPacket, subject: string | undefined): readonly Role[] {
  switch (payload.case) {
    case "jobRequest":
      if (subject === undefined) return ["client", "scheduler"];
      return [subject === SUBJECT_SUBMIT ? "client" : "scheduler"];
    case "jobCancel":
      return ["client", "scheduler"];
    case "jobResult":
    case "jobProgress":
      return ["worker", "scheduler"];
    case "heartbeat":
      return ["worker"];
    default:
      return ["client", "scheduler", "worker"];
  }
}

function details(problem: SignatureProblem, { senderId }: BusPacket) {
  return { details: { problem, sender: senderId.slice(0, 256) } };
}

function wrongSignature(packet: BusPacket): SignatureInvalidError {
  const text = "the signature is not one of the sender's";
  return new SignatureInvalidError(text, details("wrong_signature", packet));
}

async function verifiesAny(
  keys: readonly VerifyingKey[],
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  for (const key of keys) if (await key.verify(bytes, signature)) return true;
  return false;
}

/** The byte forms the signature may be over, most likely first; made only when the one before failed. */
function* signedForms(
  decoded: Decoded<BusPacket>,
  received: Uint8Array,
  options: VerifyOptions,
): Generator<readonly [SignedForm, Uint8Array]> {
  const { message, specOrder, upbOrder, found } = decoded;
  const raw = without(received, found);
  if (specOrder && upbOrder) {
    yield ["spec", raw];
    return; // there is no other form
  }
  if (specOrder) yield ["spec", raw];
  if (upbOrder) yield ["upb", raw];
  const { protocol } = options;
  const spec = canonicalBytes(message, "spec", protocol);
  if (!specOrder) yield ["spec", spec.bytes];
  if (!upbOrder && spec.ordersDiffer) yield ["upb", canonicalBytes(message, "upb", protocol).bytes];
  if (options.acceptRawOrder && !specOrder && !upbOrder) yield ["raw", raw];
}

/** The bytes without the given ranges. */
function without(bytes: Uint8Array, ranges: readonly (readonly [number, number])[]): Uint8Array {
  const removed = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  const rest = cutBytes(bytes.length - removed);
  let from = 0;
  let to = 0;
  for (const [start, end] of [...ranges, [bytes.length, bytes.length] as const]) {
    rest.set(bytes.subarray(from, start), to);
    to += start - from;
    from = end;
  }
  return rest;
}

/** Options of {@link openPacket}. */
export interface OpenOptions extends VerifyOptions {
  /** Keys of the senders; a packet that none of them verifies is refused. Default: signatures are not looked at. */
  readonly keys?: KeyRing | undefined;
  /** Default: 8 MiB. */
  readonly maxBytes?: number | undefined;
  /** Throws what is wrong with a packet, before its signature is verified. Default: `assertValidPacket`. */
  readonly check?: ((packet: BusPacket) => void) | undefined;
}

/**
 * Takes a packet off the bus: decodes it, checks its rules, verifies its signature.
 *
 * @throws MalformedPacketError, VersionMismatchError, UnknownPayloadError, InvalidInputError,
 * SignatureMissingError or SignatureInvalidError, in the order of these checks.
 */
export async function openPacket(bytes: Uint8Array, options: OpenOptions = {}): Promise<BusPacket> {
  const decoded = decodeChecked(bytes, options);
  if (options.keys !== undefined) await verifyPacket(decoded, bytes, options.keys, options);
  return decoded.message;
}

/**
 * What {@link openPacket} does, at once. Undefined when the keys verify only asynchronously.
 *
 * @throws What {@link openPacket} throws.
 */
export function openPacketNow(bytes: Uint8Array, options: OpenOptions = {}): BusPacket | undefined {
  const decoded = decodeChecked(bytes, options);
  const { keys } = options;
  if (keys === undefined) return decoded.message;
  const candidates = candidatesOf(decoded.message, keys, options);
  if (candidates.some((key) => key.verifySync === undefined)) return undefined;
  for (const [, signed] of signedForms(decoded, bytes, options)) {
    for (const key of candidates) {
      if (key.verifySync?.(signed, decoded.message.signature)) return decoded.message;
    }
  }
  throw wrongSignature(decoded.message);
}

function decodeChecked(bytes: Uint8Array, options: OpenOptions): Decoded<BusPacket> {
  const { check, maxBytes, protocol } = options;
  const decoded = decodePacket(bytes, maxBytes, protocol);
  if (check === undefined) assertValidPacket(decoded.message, protocol);
  else check(decoded.message);
  return decoded;
}
