/**
 * Canonical bytes of a CAP message (CAP spec 05): known fields ascending by number at every level, defaults
 * left out, sub-messages written when present even if empty, numbers packed, map entries sorted by the UTF-8
 * bytes of their keys with key and value always written, unknown fields last in the order they came.
 *
 * `toBinary` of protobuf-es cannot do this: it writes map entries in the order of the object's keys, and no
 * JavaScript object can hold "10" before "9".
 */
import type { DescMessage, JsonObject, Message, MessageShape } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { AgentwireError, errorText, ValidationError } from "../../core/errors.js";
import { hasMembersOnly, kindOf } from "../../core/json.js";
import { type FieldPlan, type Fields, type MessagePlan, planOf, type Scalar } from "./plan.js";
import { structFromJson } from "./well-known.js";
import { isPrefix, type MapOrder, PacketWriter, sortKeys } from "./writer.js";

/** Canonical bytes, and what the signer has to know about them. */
export interface CanonicalBytes {
  readonly bytes: Uint8Array;
  /** Where the field {@link EncodeOptions.skip} would stand. */
  readonly skippedAt: number;
  /** A map has keys that are prefixes of each other: the two map orders give different bytes. */
  readonly ordersDiffer: boolean;
}

/** How {@link encodeCanonical} writes. */
export interface EncodeOptions {
  /** Default: "spec". */
  readonly mapOrder?: MapOrder | undefined;
  /** Number of a top-level field to leave out. Default: none. */
  readonly skip?: number;
  /**
   * The bytes lie in memory with those of other messages: to keep or transfer them is to keep or transfer all of it.
   * Default: false, they have memory of their own.
   */
  readonly isShared?: boolean;
}

/** Taken while a message is written: what a getter of it writes meanwhile goes elsewhere. */
let idle: PacketWriter | undefined = new PacketWriter();

/**
 * The canonical bytes of a message.
 *
 * @throws ValidationError (`INVALID_FIELD`, `INVALID_TEXT`) naming the field, for a value that does not match
 * its type: a number out of range, text that has no UTF-8 form, something that is not a message.
 */
export function encodeCanonical<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  { mapOrder = "spec", skip = 0, isShared = false }: EncodeOptions = {},
): CanonicalBytes {
  const plan = planOf(desc);
  if ((message as Fields | undefined)?.$typeName !== plan.typeName)
    throw invalid(`a ${plan.typeName} message`, message);
  const writer = idle ?? new PacketWriter();
  idle = undefined;
  writer.order = mapOrder;
  writer.ordersDiffer = false;
  let skippedAt = 0;
  let bytes: Uint8Array;
  try {
    if (skip > 0) {
      writeFields(writer, plan, message as Fields, 0, skip);
      skippedAt = writer.size;
    }
    writeMessage(writer, plan, message as Fields, skip);
  } finally {
    bytes = writer.finish();
    idle = writer;
  }
  return { bytes: isShared ? bytes : bytes.slice(), skippedAt, ordersDiffer: writer.ordersDiffer };
}

/** Writes the fields with numbers above `after`, and the unknown ones. */
function writeMessage(writer: PacketWriter, plan: MessagePlan, message: Fields, after = 0): void {
  writeFields(writer, plan, message, after, Infinity);
  for (const { no, wireType, data } of (message.$unknown as Message["$unknown"]) ?? []) {
    writer.varint(no * 8 + wireType);
    writer.raw(data);
  }
}

function writeFields(
  writer: PacketWriter,
  { fields }: MessagePlan,
  message: Fields,
  after: number,
  before: number,
): void {
  let i = 0;
  try {
    for (; i < fields.length; i++) {
      const field = fields[i]!;
      if (field.number > after && field.number < before) writeField(writer, field, message);
    }
  } catch (error) {
    throw named(fields[i]!, error);
  }
}

function writeField(writer: PacketWriter, field: FieldPlan, message: Fields): void {
  if (field.oneof !== undefined) {
    const chosen = message[field.oneof] as { case?: string; value?: unknown } | undefined;
    if (chosen?.case === field.key) writeValue(writer, field, field.tag, chosen.value);
    return;
  }
  const value = message[field.key];
  if (value === undefined) return;
  if (field.shape === "map") {
    if (!hasMembersOnly(value)) throw invalid("an object", value);
    return writeMap(writer, field, value);
  }
  if (field.shape === "single") {
    if (field.explicit || !isZero(field.scalar!, value)) writeValue(writer, field, field.tag, value);
    return;
  }
  if (!Array.isArray(value)) throw invalid("a list", value);
  const items: readonly unknown[] = value;
  if (!field.packed) {
    for (const item of items) writeValue(writer, field, field.tag, item);
  } else if (items.length > 0) {
    writer.varint(field.number * 8 + WireType.LengthDelimited);
    const opened = writer.open();
    for (const item of items) writeScalar(writer, field.scalar!, item);
    writer.end(opened);
  }
}

/** -0 is not the default of a floating point number, and is written. */
function isZero({ zero, method }: Scalar, value: unknown): boolean {
  if (value === 0 && (method === "float" || method === "double")) return Object.is(value, 0);
  if (typeof zero === "object") return value instanceof Uint8Array && value.length === 0;
  return value === zero || (value === 0 && zero === 0n);
}

const KEY_TAG = (1 << 3) | WireType.LengthDelimited;

function writeMap(writer: PacketWriter, field: FieldPlan, map: Fields): void {
  const tag = field.number * 8 + WireType.LengthDelimited;
  const valueTag = (2 << 3) | field.wireType;
  const keys = sortKeys(Object.keys(map), writer.order);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    // Keys that share a prefix stand next to each other in either order.
    if (i > 0 && !writer.ordersDiffer) writer.ordersDiffer = isPrefix(keys[i - 1]!, key);
    writer.varint(tag);
    const opened = writer.open();
    writer.varint(KEY_TAG);
    writer.string(key);
    writeValue(writer, field, valueTag, map[key]);
    writer.end(opened);
  }
}

function writeValue(writer: PacketWriter, field: FieldPlan, tag: number, value: unknown): void {
  writer.varint(tag);
  if (field.scalar !== undefined) return writeScalar(writer, field.scalar, value);
  if (typeof value !== "object" || value === null) throw invalid("a message", value);
  const plan = field.message!;
  const nested: { readonly $typeName?: unknown } = field.isStruct
    ? structFromJson(value as JsonObject)
    : value;
  if (nested.$typeName !== plan.typeName) throw invalid(`a ${plan.typeName} message`, nested);
  const opened = writer.open();
  writeMessage(writer, plan, nested as Fields);
  writer.end(opened);
}

function writeScalar(writer: PacketWriter, { method, zero, most }: Scalar, value: unknown): void {
  if (method === "string" && typeof value === "string") return writer.string(value); // most values
  const isType =
    typeof value === typeof zero || (typeof zero === "bigint" && Number.isSafeInteger(value as number));
  const isBytes = typeof zero !== "object" || value instanceof Uint8Array;
  if (isType && most !== undefined) {
    const number = Number(value);
    if (Number.isInteger(number) && number >= 0 && number <= most) return writer.varint(number);
  }
  try {
    if (isType && isBytes) return writer.scalar(method, value as never);
  } catch {} // out of range
  throw invalid(`a value of type ${method}`, value);
}

/** The error for a value of the wrong type. It never shows a text. */
function invalid(expected: string, value: unknown): ValidationError {
  const got = value === null ? "null" : typeof value === "object" ? kindOf(value) : typeof value;
  const found = typeof value === "bigint" ? `${value}n` : typeof value === "number" ? `${value}` : got;
  return new ValidationError(`must be ${expected}, is ${found}`, { code: "INVALID_FIELD" });
}

/** Puts the name of the field in front of what is wrong with its value. */
function named(field: FieldPlan, error: unknown): unknown {
  if (!(error instanceof AgentwireError)) return error;
  const inner = (error.details as { field?: string; problem?: string } | undefined) ?? {};
  const path = inner.field === undefined ? field.name : `${field.name}.${inner.field}`;
  const problem = inner.problem ?? errorText(error).replace(/^\[[^\]]*\] /, "");
  return new ValidationError(`${path}: ${problem}`, { code: error.code, details: { field: path, problem } });
}
