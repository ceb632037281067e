/** The exact bytes of a production packet: what is signed is what travels, minus the signature, never re-encoded. */
import { WireType } from "@bufbuild/protobuf/wire";
import { BusPacketSchema, PRODUCTION_MAX_PACKET_BYTES, PROTOCOL_VERSION } from "../../../gen/cap/index.js";
import { SignatureMissingError } from "../errors.js";
import { SIGNATURE_FIELD } from "../packet.js";
import { type PacketReader, reading } from "../wire/decode.js";
import { refusal } from "./error.js";

const DOMAIN = new TextEncoder().encode("CAP-PRODUCTION-SIGNATURE-V1\0");
const FIELDS = new Map(BusPacketSchema.fields.map((field) => [field.number, field]));
const { number: VERSION_FIELD } = BusPacketSchema.field.protocolVersion;

/**
 * Takes the signature out of a packet, which must hold every field of a packet at most once, with one payload, the right
 * wire types and the shortest varints, and nothing else. `unsigned` is the packet without its signature field, `signed` the
 * domain before it: what the signature covers, before it is hashed.
 *
 * @throws SignatureInvalidError, SignatureMissingError, or MalformedPacketError for bytes that end too early.
 */
export function takeApart(raw: Uint8Array) {
  if (raw.length > PRODUCTION_MAX_PACKET_BYTES)
    throw refusal("malformed", "production packet exceeds size limit");
  return reading(raw, (reader) => takeFrom(reader, raw));
}

function takeFrom(reader: PacketReader, raw: Uint8Array) {
  const seen = new Set<number>();
  let hasPayload = false;
  let signature: Uint8Array | undefined;
  let [start, end] = [raw.length, raw.length];
  while (reader.pos < raw.length) {
    const at = reader.pos;
    const [number, wireType] = reader.tag();
    const isShortTag = isShortest(raw, at, reader.pos);
    const field = FIELDS.get(number);
    if (field === undefined) throw refusal("malformed", "unknown BusPacket field");
    const isVersion = field.number === VERSION_FIELD;
    if (wireType !== (isVersion ? WireType.Varint : WireType.LengthDelimited))
      throw refusal("malformed", "wrong BusPacket field wire type");
    if (seen.has(field.number)) throw refusal("malformed", "duplicate singular BusPacket field");
    seen.add(field.number);
    if (field.oneof !== undefined) {
      if (hasPayload) throw refusal("malformed", "multiple BusPacket payload fields");
      hasPayload = true;
    }
    const valueAt = reader.pos;
    const isOne = isVersion && reader.uint64() === BigInt(PROTOCOL_VERSION);
    const fieldEnd = isVersion ? reader.pos : reader.end();
    const from = reader.pos;
    if (!isShortTag || !isShortest(raw, valueAt, from)) throw refusal("malformed", "non-minimal varint");
    if (isVersion && !isOne) throw refusal("malformed", "invalid protocol version wire");
    reader.pos = fieldEnd;
    if (field.number !== SIGNATURE_FIELD) continue;
    if (fieldEnd === from) throw refusal("malformed", "malformed signature");
    signature = raw.subarray(from, fieldEnd);
    [start, end] = [at, reader.pos];
  }
  if (!seen.has(VERSION_FIELD)) throw refusal("malformed", "invalid protocol version wire");
  if (signature === undefined)
    throw new SignatureMissingError("missing signature", { details: { problem: "missing_signature" } });
  const signed = toSign(raw.length - (end - start));
  signed.set(raw.subarray(0, start), DOMAIN.length);
  signed.set(raw.subarray(end), DOMAIN.length + start);
  return { signed, unsigned: signed.subarray(DOMAIN.length), signature };
}

/** Whether a varint ends with a byte that says something. */
function isShortest(raw: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 || raw[end - 1] !== 0;
}

/** The domain, and room for so many bytes behind it. */
export function toSign(size: number): Uint8Array {
  const bytes = new Uint8Array(DOMAIN.length + size);
  bytes.set(DOMAIN);
  return bytes;
}

/** A packet of its unsigned bytes and its signature. */
export function putTogether(signed: Uint8Array, signature: Uint8Array): Uint8Array {
  const unsigned = signed.subarray(DOMAIN.length);
  const raw = new Uint8Array(unsigned.length + 2 + signature.length);
  raw.set(unsigned);
  raw.set([(SIGNATURE_FIELD << 3) | WireType.LengthDelimited, signature.length], unsigned.length);
  raw.set(signature, unsigned.length + 2);
  return raw;
}
