/** Fields this version does not know: skipped over, and kept so that they can be written again. */
import type { Message } from "@bufbuild/protobuf";
import type { ByteReader } from "./byte-reader.js";
import { malformed } from "./byte-reader.js";
import {
  WIRE_GROUP_END,
  WIRE_GROUP_START,
  WIRE_I32,
  WIRE_I64,
  WIRE_LEN,
  WIRE_VARINT,
} from "./value-types.js";

/** Keeps the value of a field whose tag was just read. */
export function keepUnknown(
  reader: ByteReader,
  message: object,
  number: number,
  wireType: number,
  levels: number,
): void {
  const start = reader.pos;
  skip(reader, number, wireType, levels);
  pushUnknown(message, number, wireType, reader.bytes.slice(start, reader.pos));
}

/** Adds an unknown field to a message, where protobuf-es keeps such fields. */
export function pushUnknown(message: object, no: number, wireType: number, data: Uint8Array): void {
  const holder = message as { $unknown?: Message["$unknown"] };
  holder.$unknown ??= [];
  holder.$unknown.push({ no, wireType, data });
}

/**
 * Moves past the value of a field; for a group, past its end tag. Groups may be nested `levels` deep.
 *
 * @throws MalformedPacketError.
 */
export function skip(reader: ByteReader, number: number, wireType: number, levels: number): void {
  if (number === 0) throw malformed("field number 0");
  switch (wireType) {
    case WIRE_VARINT:
      reader.uint64();
      return;
    case WIRE_I64:
      reader.advance(8);
      return;
    case WIRE_LEN:
      reader.advance(reader.uint32());
      return;
    case WIRE_I32:
      reader.advance(4);
      return;
    case WIRE_GROUP_START:
      return skipGroup(reader, number, levels);
    default:
      throw malformed(`wire type ${wireType} does not belong here`);
  }
}

function skipGroup(reader: ByteReader, number: number, levels: number): void {
  if (levels <= 0) throw malformed("groups are nested too deep");
  for (;;) {
    const tag = reader.tag();
    if ((tag & 7) === WIRE_GROUP_END) {
      if (tag >>> 3 !== number) throw malformed("a group ends under another number");
      return;
    }
    skip(reader, tag >>> 3, tag & 7, levels - 1);
  }
}

/** Whether a message, or one inside it, has fields that this version does not know. */
export function hasUnknownFields(message: object): boolean {
  if (Array.isArray((message as Message).$unknown)) return true;
  return Object.values(message).some(
    (value) =>
      typeof value === "object" &&
      value !== null &&
      !(value instanceof Uint8Array) &&
      hasUnknownFields(value),
  );
}
