/** Decodes the rare message that has records which protobuf-es would misread. */
import type { DescField, DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Shape } from "./shapes.js";
import { fits, shapesOf } from "./shapes.js";

/** Bytes of the sub-messages that came under one field. Those of a single one are merged: they are joined. */
type Children = Map<DescField, Uint8Array[]>;

/**
 * Decodes bytes that were found to be well-formed. Records of another wire type than their field's, and map
 * entries with unknown fields in them, become unknown fields, as they do in the official runtimes.
 */
export function decodeLoosely<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array): MessageShape<Desc> {
  const shapes = shapesOf(desc);
  const reader = new BinaryReader(bytes);
  const readable = new BinaryWriter();
  const children: Children = new Map();
  const unknown: NonNullable<Message["$unknown"]> = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [no, wireType] = reader.tag();
    const at = reader.pos;
    const data = reader.skip(wireType, no);
    const shape = shapes.get(no);
    if (shape === undefined || !fits(shape, wireType) || !isPlain(shape, bytes, at)) {
      unknown.push({ no, wireType, data });
      continue;
    }
    for (const other of shape.field.oneof?.fields ?? []) if (other !== shape.field) children.delete(other);
    if (shape.child === undefined || shape.isStruct) readable.raw(bytes.subarray(start, reader.pos));
    else children.set(shape.field, [...(children.get(shape.field) ?? []), new BinaryReader(data).bytes()]);
  }
  const message = fromBinary(desc, readable.finish());
  for (const [field, parts] of children) setChild(message, field, parts);
  if (unknown.length > 0) message.$unknown = unknown;
  return message;
}

/** Whether a record is not a map entry with unknown fields in it. */
function isPlain({ entry }: Shape, bytes: Uint8Array, at: number): boolean {
  if (entry === undefined) return true;
  const reader = new BinaryReader(bytes);
  reader.pos = at;
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) {
    const [no, wireType] = reader.tag();
    const shape = entry.get(no);
    if (shape === undefined || !fits(shape, wireType)) return false;
    reader.skip(wireType, no);
  }
  return true;
}

function setChild(message: object, field: DescField, parts: readonly Uint8Array[]): void {
  const target = message as Record<string, unknown>;
  const desc = field.message!;
  if (field.fieldKind === "list") {
    target[field.localName] = parts.map((part) => decodeLoosely(desc, part));
    return;
  }
  const joined = new BinaryWriter();
  for (const part of parts) joined.raw(part);
  const value = decodeLoosely(desc, joined.finish());
  if (field.oneof === undefined) target[field.localName] = value;
  else target[field.oneof.localName] = { case: field.localName, value };
}
