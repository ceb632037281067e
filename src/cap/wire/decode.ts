/**
 * Decodes a CAP message with the reader of protobuf-es.
 *
 * Reads what protobuf allows: any order of fields, repeated singular fields (the last one wins, sub-messages
 * are merged), packed and unpacked numbers, unknown fields (kept), known fields of another wire type (kept as
 * unknown, as the official runtimes do). `fromBinary` bounds neither the number of fields nor a field by its
 * message, and does not look at wire types.
 */
import type { DescMessage, JsonObject, Message, MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Struct } from "@bufbuild/protobuf/wkt";
import { AgentwireError, errorText } from "../../core/errors.js";
import { MalformedPacketError } from "../errors.js";
import type { FieldPlan, Fields, MessagePlan } from "./plan.js";
import { planOf } from "./plan.js";
import { structFromJson, structToJson } from "./well-known.js";

/** As deep as the official runtimes go. */
const MAX_DEPTH = 100;
/** Fields and items of lists in a packet. More are refused before they cost time and memory. */
const MAX_FIELDS = 65_536;
/** Up to this size a packet is turned into text once, and its texts are cut out of that. */
const WHOLE_TEXT_BYTES = 4096;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface NativeText {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
}
/** Node's own conversion, several times faster than TextDecoder for the short ASCII texts of a packet. */
const native = (globalThis as { Buffer?: { prototype: NativeText } }).Buffer?.prototype.latin1Slice;

/**
 * Decodes a message.
 *
 * @throws MalformedPacketError for truncated bytes, invalid UTF-8, overlong varints, unbalanced groups,
 * more than 100 levels, or more than 65,536 fields and items.
 */
export function decodeMessage<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array): MessageShape<Desc> {
  const plan = planOf(desc);
  return reading(bytes, (reader) =>
    readMessage(reader, plan, plan.blank() as Fields, bytes.length, 1),
  ) as MessageShape<Desc>;
}

/** Reads bytes. @throws MalformedPacketError for what the reader of protobuf-es refuses. */
export function reading<T>(bytes: Uint8Array, read: (reader: PacketReader) => T): T {
  try {
    return read(new PacketReader(bytes));
  } catch (error) {
    if (error instanceof AgentwireError) throw error;
    throw malformed(errorText(error), error);
  }
}

/** The bytes of a message that was decoded, without one of its fields. */
export function withoutField(bytes: Uint8Array, number: number): Uint8Array {
  const reader = new PacketReader(bytes);
  const rest = new Uint8Array(bytes.length);
  let size = 0;
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const [no, wireType] = reader.tag();
    reader.skip(wireType, no, MAX_DEPTH);
    if (no === number) continue;
    rest.set(bytes.subarray(start, reader.pos), size);
    size += reader.pos - start;
  }
  return rest.subarray(0, size);
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

/** A reader that counts fields, and checks lengths. */
export class PacketReader extends BinaryReader {
  readonly #bytes: Uint8Array;
  /** The bytes as text, one character a byte; "" when it is not used. */
  readonly #text: string;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#bytes = bytes;
    const isShort = native !== undefined && bytes.length <= WHOLE_TEXT_BYTES;
    this.#text = isShort ? native.call(bytes, 0, bytes.length) : "";
  }

  /** Counts a field or an item of a list. */
  count(): void {
    if (++this.#fields > MAX_FIELDS) throw malformed(`more than ${MAX_FIELDS} fields`);
  }

  override tag(): [number, WireType] {
    this.count();
    return super.tag();
  }

  override skip(wireType: WireType, number?: number, levels?: number): Uint8Array {
    const data = super.skip(wireType, number, levels);
    if (wireType === WireType.Varint && data.length > 10)
      throw malformed("a varint is longer than ten bytes");
    return data;
  }

  /** A tag as it stands in the bytes. */
  wholeTag(): number {
    const byte = this.#bytes[this.pos]!;
    if (byte < 8 || byte > 0x7f) {
      const [number, wireType] = this.tag();
      return number * 8 + wireType;
    }
    this.count();
    this.pos++;
    return byte;
  }

  /** The end of what stands behind its length. */
  end(): number {
    const start = this.pos;
    const byte = this.#bytes[start]!;
    if (byte < 0x80 && start + byte < this.len) {
      this.pos++;
      return start + 1 + byte;
    }
    const end = this.uint32() + this.pos;
    const size = this.pos - start;
    if (size > 5 || (size === 5 && this.#bytes[this.pos - 1]! > 0x0f))
      throw malformed("a length is too large");
    if (end > this.len) throw malformed("the bytes end in the middle of a field");
    return end;
  }

  /** A copy: the bytes belong to others. */
  override bytes(): Uint8Array<ArrayBuffer> {
    const end = this.end();
    const start = this.pos;
    this.pos = end;
    return new Uint8Array(this.#bytes.subarray(start, end));
  }

  override string(): string {
    const end = this.end();
    const start = this.pos;
    this.pos = end;
    const bytes = this.#bytes;
    let at = start;
    while (at < end && bytes[at]! < 0x80) at++;
    if (at === end && this.#text !== "") return this.#text.slice(start, end);
    if (at === end && native !== undefined) return native.call(bytes, start, end);
    try {
      return decoder.decode(bytes.subarray(start, end));
    } catch (cause) {
      throw malformed("a text field is not UTF-8", cause);
    }
  }
}

function malformed(problem: string, cause?: unknown): MalformedPacketError {
  return new MalformedPacketError(problem, { cause });
}

function readMessage(
  reader: PacketReader,
  plan: MessagePlan,
  message: Fields,
  end: number,
  depth: number,
): Fields {
  if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
  while (reader.pos < end) {
    const tag = reader.wholeTag();
    const number = tag >>> 3;
    const wireType = tag & 7;
    const field = plan.byNumber.get(number);
    if (field === undefined || !matches(field, wireType)) {
      keepUnknown(message, number, wireType, reader.skip(wireType, number, MAX_DEPTH - depth));
    } else if (field.shape === "list") {
      readItems(reader, field, wireType, message[field.key] as unknown[], depth);
    } else if (field.shape === "map") {
      readEntry(reader, field, message, depth);
    } else if (field.oneof === undefined) {
      message[field.key] = readValue(reader, field, message[field.key], depth);
    } else {
      const chosen = message[field.oneof] as { readonly case: unknown; readonly value?: unknown };
      const before = chosen.case === field.key ? chosen.value : undefined;
      message[field.oneof] = { case: field.key, value: readValue(reader, field, before, depth) };
    }
    if (reader.pos > end) throw malformed("a field reaches beyond its message");
  }
  return message;
}

function matches({ shape, wireType, packed }: FieldPlan, found: WireType): boolean {
  if (shape === "map" || packed) return found === WireType.LengthDelimited || (packed && found === wireType);
  return found === wireType;
}

/** Keeps a field where protobuf-es keeps it, as a copy. */
function keepUnknown(message: Fields, no: number, wireType: WireType, data: Uint8Array): void {
  message.$unknown ??= [];
  (message.$unknown as NonNullable<Message["$unknown"]>).push({ no, wireType, data: new Uint8Array(data) });
}

/** Reads one value; a sub-message into the one that was there before, if there was one. */
function readValue(reader: PacketReader, field: FieldPlan, before: unknown, depth: number): unknown {
  if (field.scalar?.method === "string") return reader.string(); // most values
  if (field.scalar !== undefined) return reader[field.scalar.method]();
  const plan = field.message!;
  const end = reader.end();
  if (!field.isStruct) return readMessage(reader, plan, (before ?? plan.blank()) as Fields, end, depth + 1);
  const struct: object = before === undefined ? plan.blank() : structFromJson(before as JsonObject);
  return structToJson(readMessage(reader, plan, struct as Fields, end, depth + 1) as Message as Struct);
}

function readItems(
  reader: PacketReader,
  field: FieldPlan,
  wireType: WireType,
  items: unknown[],
  depth: number,
): void {
  if (!field.packed || wireType !== WireType.LengthDelimited) {
    items.push(readValue(reader, field, undefined, depth));
    return;
  }
  const end = reader.end();
  while (reader.pos < end) {
    reader.count();
    items.push(reader[field.scalar!.method]());
  }
  if (reader.pos > end) throw malformed("a packed list ends in the middle of a number");
}

const KEY_TAG = (1 << 3) | WireType.LengthDelimited;

/**
 * Reads one map entry. An entry with unknown fields in it is kept as an unknown field of the message and does not
 * go into the map, as upb does it.
 */
function readEntry(reader: PacketReader, field: FieldPlan, message: Fields, depth: number): void {
  const start = reader.pos;
  const end = reader.end();
  const valueTag = (2 << 3) | field.wireType;
  let key = "";
  let value: unknown;
  let isStrange = false;
  while (reader.pos < end) {
    const tag = reader.wholeTag();
    if (tag === KEY_TAG) key = reader.string();
    else if (tag === valueTag) value = readValue(reader, field, value, depth);
    else {
      reader.skip(tag & 7, tag >>> 3, MAX_DEPTH - depth);
      isStrange = true;
    }
  }
  if (reader.pos > end) throw malformed("a map entry reaches beyond its end");
  if (isStrange) {
    reader.pos = start;
    const { LengthDelimited } = WireType;
    return keepUnknown(message, field.number, LengthDelimited, reader.skip(LengthDelimited));
  }
  value ??= field.scalar?.zero ?? (field.isStruct ? {} : field.message!.blank());
  const map = message[field.key] as Fields;
  if (key !== "__proto__") map[key] = value;
  else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}
