/** How each scalar type of protobuf is written, and which values it takes. */
import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ValidationError } from "../../core/errors.js";

/** One scalar type. */
export interface Scalar {
  readonly wireType: WireType;
  /** Up to here the value of a varint is the number it was written as. */
  readonly max: number;
  /** @throws ValidationError `INVALID_FIELD` or `INVALID_TEXT` for a value of another type or out of range. */
  write(writer: BinaryWriter, value: unknown): void;
}

function scalar<T>(
  wireType: WireType,
  expected: string,
  is: (value: unknown) => value is T,
  write: (writer: BinaryWriter, value: T) => unknown,
  max = 0,
): Scalar {
  return {
    wireType,
    max,
    write(writer, value) {
      if (!is(value)) throw invalid(expected, value);
      write(writer, value);
    },
  };
}

/** The value of a field is not of its type. The error never shows the value itself. */
export function invalid(expected: string, value: unknown): ValidationError {
  const found = value === null ? "null" : typeof value === "number" ? `${value}` : typeof value;
  return new ValidationError(`must be ${expected}, is ${found}`, { code: "INVALID_FIELD" });
}

type Integer = number | bigint;

const isString = (value: unknown): value is string => typeof value === "string";
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isFloat = (value: unknown): value is number =>
  isNumber(value) && Number.isFinite(value) === Number.isFinite(Math.fround(value));
const isInt32 = (value: unknown): value is number => isNumber(value) && (value | 0) === value;
const isUint32 = (value: unknown): value is number => isNumber(value) && value >>> 0 === value;
const isInt64 = (value: unknown): value is Integer =>
  typeof value === "bigint" ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
const isUint64 = (value: unknown): value is Integer =>
  typeof value === "bigint" ? BigInt.asUintN(64, value) === value : isInt64(value) && value >= 0;

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const NOT_ASCII = /[\u0080-\uffff]/;

function writeText(writer: BinaryWriter, text: string): void {
  if (NOT_ASCII.test(text) && LONE_SURROGATE.test(text))
    throw new ValidationError("text has a lone surrogate", { code: "INVALID_TEXT" });
  writer.string(text);
}

const I32 = "a 32 bit integer";
const U32 = "an unsigned 32 bit integer";
const I64 = "a 64 bit integer in range";
const { Varint, Bit32, Bit64, LengthDelimited } = WireType;

const scalars: Readonly<Record<ScalarType, Scalar>> = {
  [ScalarType.STRING]: scalar(LengthDelimited, "a string", isString, writeText),
  [ScalarType.BYTES]: scalar(LengthDelimited, "a Uint8Array", isBytes, (to, value) => to.bytes(value)),
  [ScalarType.BOOL]: scalar(Varint, "a boolean", isBoolean, (to, value) => to.bool(value), 1),
  [ScalarType.INT32]: scalar(Varint, I32, isInt32, (to, value) => to.int32(value), 2 ** 31 - 1),
  [ScalarType.INT64]: scalar(Varint, I64, isInt64, (to, value) => to.int64(value), Infinity),
  [ScalarType.UINT32]: scalar(Varint, U32, isUint32, (to, value) => to.uint32(value), 2 ** 32 - 1),
  [ScalarType.UINT64]: scalar(Varint, I64, isUint64, (to, value) => to.uint64(value), Infinity),
  [ScalarType.SINT32]: scalar(Varint, I32, isInt32, (to, value) => to.sint32(value), 2 ** 32 - 1),
  [ScalarType.SINT64]: scalar(Varint, I64, isInt64, (to, value) => to.sint64(value), Infinity),
  [ScalarType.FLOAT]: scalar(Bit32, "a 32 bit float", isFloat, (to, value) => to.float(value)),
  [ScalarType.DOUBLE]: scalar(Bit64, "a number", isNumber, (to, value) => to.double(value)),
  [ScalarType.FIXED32]: scalar(Bit32, U32, isUint32, (to, value) => to.fixed32(value)),
  [ScalarType.FIXED64]: scalar(Bit64, I64, isUint64, (to, value) => to.fixed64(value)),
  [ScalarType.SFIXED32]: scalar(Bit32, I32, isInt32, (to, value) => to.sfixed32(value)),
  [ScalarType.SFIXED64]: scalar(Bit64, I64, isInt64, (to, value) => to.sfixed64(value)),
};

/** The scalar type of a field's value, or of a list's or map's values; undefined for messages. */
export function scalarOf(field: DescField): Scalar | undefined {
  if (field.message !== undefined) return undefined;
  return scalars[field.enum === undefined ? field.scalar! : ScalarType.INT32]; // enums are open
}

/** The type of the keys of every map. */
export const stringScalar = scalars[ScalarType.STRING];
