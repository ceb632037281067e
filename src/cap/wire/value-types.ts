/** How the values of each protobuf type are read, checked and written. */
import type { DescField } from "@bufbuild/protobuf";
import { UnsupportedError, ValidationError } from "../../core/errors.js";
import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";

export const WIRE_VARINT = 0;
export const WIRE_I64 = 1;
export const WIRE_LEN = 2;
export const WIRE_GROUP_START = 3;
export const WIRE_GROUP_END = 4;
export const WIRE_I32 = 5;

/** One type of values other than messages. */
export interface ValueType {
  readonly wireType: number;
  /** The value of a field that is not set. */
  readonly zero: unknown;
  readonly isZero: (value: unknown) => boolean;
  readonly read: (reader: ByteReader) => unknown;
  /** @throws ValidationError `INVALID_FIELD`, `INVALID_TEXT` for a value of another type, or out of range. */
  readonly write: (writer: ByteWriter, value: unknown) => void;
}

/** The error for a value of the wrong type. It never shows the value. */
export function invalid(wanted: string, value: unknown): ValidationError {
  const got = value === null ? "null" : typeof value === "number" ? `${value}` : typeof value;
  return new ValidationError(`must be ${wanted}, is ${got}`, { code: "INVALID_FIELD" });
}

function int32(value: unknown): number {
  if (typeof value !== "number" || (value | 0) !== value) throw invalid("a 32 bit integer", value);
  return value;
}

function uint32(value: unknown): number {
  if (typeof value !== "number" || value >>> 0 !== value) throw invalid("an unsigned 32 bit integer", value);
  return value;
}

function integer(value: unknown, min: bigint, max: bigint): bigint {
  const whole = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof whole !== "bigint" || whole < min || whole > max)
    throw invalid("a 64 bit integer in range", value);
  return whole;
}

const int64 = (value: unknown) => integer(value, -(2n ** 63n), 2n ** 63n - 1n);
const uint64 = (value: unknown) => integer(value, 0n, 2n ** 64n - 1n);

function float(value: unknown): number {
  if (typeof value !== "number") throw invalid("a number", value);
  return value;
}

const isZeroNumber = (value: unknown) => value === 0 || value === 0n || value === false;

function whole(
  wireType: number,
  zero: number | bigint,
  read: ValueType["read"],
  write: ValueType["write"],
): ValueType {
  return { wireType, zero, isZero: isZeroNumber, read, write };
}

/** The bits of a NaN do not survive in a number; -0 is not the default and is written. */
function floating(
  wireType: number,
  read: (reader: ByteReader) => number,
  write: ValueType["write"],
): ValueType {
  const readFloat = (reader: ByteReader): number => {
    const value = read(reader);
    if (Number.isNaN(value)) reader.minimal = false;
    return value;
  };
  return { wireType, zero: 0, isZero: (value) => Object.is(value, 0), read: readFloat, write };
}

/** Most fields of most packets. */
export const TEXT: ValueType = {
  wireType: WIRE_LEN,
  zero: "",
  isZero: (value) => value === "",
  read: (reader) => reader.string(),
  write: (writer, value) => {
    if (typeof value !== "string") throw invalid("a string", value);
    writer.string(value);
  },
};

export const BYTES: ValueType = {
  wireType: WIRE_LEN,
  zero: new Uint8Array(0),
  isZero: (value) => value instanceof Uint8Array && value.length === 0,
  read: (reader) => reader.copy(),
  write: (writer, value) => {
    if (!(value instanceof Uint8Array)) throw invalid("a Uint8Array", value);
    writer.raw(value);
    writer.varint32(value.length);
  },
};

const BOOL: ValueType = {
  wireType: WIRE_VARINT,
  zero: false,
  isZero: isZeroNumber,
  read: (reader) => reader.bool(),
  write: (writer, value) => {
    if (typeof value !== "boolean") throw invalid("a boolean", value);
    writer.varint32(value ? 1 : 0);
  },
};

const INT32 = whole(
  WIRE_VARINT,
  0,
  (reader) => reader.int32(),
  (writer, value) => writer.int32(int32(value)),
);

/**
 * By the numbers of `google.protobuf.FieldDescriptorProto.Type`, which protobuf-es exports only together with its JSON
 * codec.
 */
const TYPES: Readonly<Record<number, ValueType>> = {
  1: floating(
    WIRE_I64,
    (reader) => reader.view(8).getFloat64(0, true),
    (writer, value) => writer.fixed(8).setFloat64(0, float(value), true),
  ),
  2: floating(
    WIRE_I32,
    (reader) => reader.view(4).getFloat32(0, true),
    (writer, value) => {
      if (Number.isFinite(value) && !Number.isFinite(Math.fround(float(value))))
        throw invalid("a 32 bit float", value);
      writer.fixed(4).setFloat32(0, float(value), true);
    },
  ),
  3: whole(
    WIRE_VARINT,
    0n,
    (reader) => BigInt.asIntN(64, reader.uint64()),
    (writer, value) => writer.varint64(int64(value)),
  ),
  4: whole(
    WIRE_VARINT,
    0n,
    (reader) => reader.uint64(),
    (writer, value) => writer.varint64(uint64(value)),
  ),
  5: INT32,
  6: whole(
    WIRE_I64,
    0n,
    (reader) => reader.view(8).getBigUint64(0, true),
    (writer, value) => writer.fixed(8).setBigUint64(0, uint64(value), true),
  ),
  7: whole(
    WIRE_I32,
    0,
    (reader) => reader.view(4).getUint32(0, true),
    (writer, value) => writer.fixed(4).setUint32(0, uint32(value), true),
  ),
  8: BOOL,
  9: TEXT,
  12: BYTES,
  13: whole(
    WIRE_VARINT,
    0,
    (reader) => reader.low32(),
    (writer, value) => writer.varint32(uint32(value)),
  ),
  15: whole(
    WIRE_I32,
    0,
    (reader) => reader.view(4).getInt32(0, true),
    (writer, value) => writer.fixed(4).setInt32(0, int32(value), true),
  ),
  16: whole(
    WIRE_I64,
    0n,
    (reader) => reader.view(8).getBigInt64(0, true),
    (writer, value) => writer.fixed(8).setBigInt64(0, int64(value), true),
  ),
  17: whole(
    WIRE_VARINT,
    0,
    (reader) => {
      const bits = reader.low32();
      return (bits >>> 1) ^ -(bits & 1);
    },
    (writer, value) => {
      const number = int32(value);
      writer.varint32(((number << 1) ^ (number >> 31)) >>> 0);
    },
  ),
  18: whole(
    WIRE_VARINT,
    0n,
    (reader) => {
      const bits = reader.uint64();
      return (bits >> 1n) ^ -(bits & 1n);
    },
    (writer, value) => {
      const number = int64(value);
      writer.varint64((number << 1n) ^ (number >> 63n));
    },
  ),
};

/** The type of a field's values; undefined for messages. @throws UnsupportedError for a type this does not know. */
export function valueTypeOf(field: DescField): ValueType | undefined {
  if (field.message !== undefined) return undefined;
  if (field.enum !== undefined) return INT32; // enums are open and written like int32
  const type = field.scalar === undefined ? undefined : TYPES[field.scalar];
  if (type === undefined) throw new UnsupportedError(`${field}: scalar type without a canonical form here`);
  return type;
}
