/**
 * Verifies the signature of a received packet (CAP spec 05).
 *
 * The signature is over canonical bytes, which the received ones need not be, so the packet is encoded again; and
 * where the two map orders give different bytes, both are tried. Both are encodings of the same message, so nothing is
 * lost by that.
 */
import { type BusPacket, SUBJECT_SUBMIT } from "../../gen/cap/index.js";
import { checkOption, checkOptions, type OptionRule } from "../core/options.js";
import type { VerifyingKey } from "./crypto/backend.js";
import type { KeyRing, Role } from "./crypto/key-ring.js";
import { SignatureInvalidError, SignatureMissingError } from "./errors.js";
import { assertValidPacket, canonicalBytes, decodePacket, SIGNATURE_FIELD } from "./packet.js";
import type { PacketProtocol } from "./protocol.js";
import { withoutField } from "./wire/decode.js";

/** What `new KeyRing` makes of keys by sender. */
const KEY_RING = { has: ["of"] } satisfies OptionRule;

/** Why a packet was refused. */
export type SignatureProblem = "missing_signature" | "unknown_sender" | "wrong_role" | "wrong_signature";

/** The form of a packet over which its signature verified. */
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
  packet: BusPacket,
  received: Uint8Array,
  keys: KeyRing,
  options: VerifyOptions = {},
): Promise<SignedForm> {
  checkOption("keys", keys, KEY_RING);
  return verify(packet, received, keys, options);
}

/** What {@link verifyPacket} does, at once unless a key verifies elsewhere. */
function verify(
  packet: BusPacket,
  received: Uint8Array,
  keys: KeyRing,
  options: VerifyOptions,
): SignedForm | Promise<SignedForm> {
  const candidates = candidatesOf(packet, keys, options);
  return firstValid(attempts(packet, received, candidates, options), packet);
}

type Attempt = readonly [form: SignedForm, bytes: Uint8Array, key: VerifyingKey];

function firstValid(rest: Iterator<Attempt>, packet: BusPacket): SignedForm | Promise<SignedForm> {
  for (let next = rest.next(); !next.done; next = rest.next()) {
    const [form, bytes, key] = next.value;
    const valid = key.verify(bytes, packet.signature);
    if (valid === true) return form;
    if (valid !== false) return valid.then((ok) => (ok ? form : firstValid(rest, packet)));
  }
  const text = "the signature is not one of the sender's";
  throw new SignatureInvalidError(text, details("wrong_signature", packet));
}

/** The byte forms the signature may be over, most likely first, each with every key; made only when the one before failed. */
function* attempts(
  packet: BusPacket,
  received: Uint8Array,
  keys: readonly VerifyingKey[],
  { protocol, acceptRawOrder }: VerifyOptions,
): Generator<Attempt> {
  const over = (form: SignedForm, bytes: Uint8Array) => keys.map((key): Attempt => [form, bytes, key]);
  const spec = canonicalBytes(packet, "spec", protocol);
  yield* over("spec", spec.bytes);
  if (spec.ordersDiffer) yield* over("upb", canonicalBytes(packet, "upb", protocol).bytes);
  if (acceptRawOrder) yield* over("raw", withoutField(received, SIGNATURE_FIELD));
}

/** The keys that may have signed a packet; at least one. */
function candidatesOf(packet: BusPacket, keys: KeyRing, { subject }: VerifyOptions): readonly VerifyingKey[] {
  const { senderId, signature } = packet;
  if (signature.length === 0)
    throw new SignatureMissingError("the packet is not signed", details("missing_signature", packet));
  const trusted = keys.of(senderId);
  if (trusted.length === 0)
    throw new SignatureInvalidError("no key is known for the sender", details("unknown_sender", packet));
  const allowed = rolesFor(packet, subject);
  const candidates = trusted.filter(({ roles }) => roles?.some((role) => allowed.includes(role)) ?? true);
  if (candidates.length === 0) {
    const text = `the sender may not send this: ${packet.payload.case ?? "unknown payload"} requires the role ${allowed.join(" or ")}`;
    throw new SignatureInvalidError(text, details("wrong_role", packet));
  }
  return candidates.map(({ key }) => key);
}

const ROLES = new Map<BusPacket["payload"]["case"], readonly Role[]>([
  ["jobRequest", ["client", "scheduler"]],
  ["jobCancel", ["client", "scheduler"]],
  ["jobResult", ["worker", "scheduler"]],
  ["jobProgress", ["worker", "scheduler"]],
  ["heartbeat", ["worker"]],
]);

/** Who may send a payload. */
export function rolesFor({ payload }: BusPacket, subject: string | undefined): readonly Role[] {
  const { case: kind } = payload;
  if (kind === "jobRequest" && subject !== undefined)
    return [subject === SUBJECT_SUBMIT ? "client" : "scheduler"];
  return ROLES.get(kind) ?? ["client", "scheduler", "worker"];
}

function details(problem: SignatureProblem, { senderId }: BusPacket) {
  return { details: { problem, sender: senderId.slice(0, 256) } };
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
  checkOptions(options, { keys: KEY_RING });
  return open(bytes, options);
}

/** What {@link openPacket} does, at once unless a key verifies elsewhere. */
export function open(bytes: Uint8Array, options: OpenOptions): BusPacket | Promise<BusPacket> {
  const { check, keys, maxBytes, protocol } = options;
  const packet = decodePacket(bytes, maxBytes, protocol);
  if (check === undefined) assertValidPacket(packet, protocol);
  else check(packet);
  if (keys === undefined) return packet;
  const form = verify(packet, bytes, keys, options);
  return form instanceof Promise ? form.then(() => packet) : packet;
}
