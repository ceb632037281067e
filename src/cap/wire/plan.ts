/** What encoding and decoding need to know of a message type, worked out once from its generated descriptor. */
import { create, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { type BinaryReader, type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { blanks } from "../../../gen/cap/index.js";
import { UnsupportedError } from "../../core/errors.js";

/** A message by the names of its properties. */
export type Fields = Record<string, unknown>;

/** One type of values other than messages. */
export interface Scalar {
  /** Its method of protobuf-es's reader and writer. */
  readonly method: Exclude<keyof BinaryReader & keyof BinaryWriter, "tag">;
  readonly wireType: WireType;
  /** The value of a field that is not set. */
  readonly zero: number | bigint | boolean | string | Uint8Array;
  /** Whole numbers from 0 to this one are written as they are. */
  readonly most?: number;
}

const { Varint, Bit64, Bit32, LengthDelimited } = WireType;

/** By the numbers of `google.protobuf.FieldDescriptorProto.Type`. */
const SCALARS: Readonly<Record<number, Scalar>> = {
  1: { method: "double", wireType: Bit64, zero: 0 },
  2: { method: "float", wireType: Bit32, zero: 0 },
  3: { method: "int64", wireType: Varint, zero: 0n, most: Number.MAX_SAFE_INTEGER },
  4: { method: "uint64", wireType: Varint, zero: 0n, most: Number.MAX_SAFE_INTEGER },
  5: { method: "int32", wireType: Varint, zero: 0, most: 2 ** 31 - 1 },
  6: { method: "fixed64", wireType: Bit64, zero: 0n },
  7: { method: "fixed32", wireType: Bit32, zero: 0 },
  8: { method: "bool", wireType: Varint, zero: false },
  9: { method: "string", wireType: LengthDelimited, zero: "" },
  12: { method: "bytes", wireType: LengthDelimited, zero: new Uint8Array(0) },
  13: { method: "uint32", wireType: Varint, zero: 0, most: 2 ** 32 - 1 },
  15: { method: "sfixed32", wireType: Bit32, zero: 0 },
  16: { method: "sfixed64", wireType: Bit64, zero: 0n },
  17: { method: "sint32", wireType: Varint, zero: 0 },
  18: { method: "sint64", wireType: Varint, zero: 0n },
};
const INT32 = 5;
const STRING = 9;

/** One field of a message. */
export interface FieldPlan {
  readonly number: number;
  /** Name in the proto file, for error texts. */
  readonly name: string;
  /** Property of the generated type. */
  readonly key: string;
  /** Property of the oneof group that holds the value, when the field is a member of one. */
  readonly oneof: string | undefined;
  readonly shape: "single" | "list" | "map";
  /** Type of one value; undefined for messages. */
  readonly scalar: Scalar | undefined;
  /** Type of one value; undefined for scalars. */
  readonly message: MessagePlan | undefined;
  /** Of one value. */
  readonly tag: number;
  /** Wire type of one value. */
  readonly wireType: WireType;
  readonly packed: boolean;
  /** Written even when it is the default. */
  readonly explicit: boolean;
  /** The generated type shows a google.protobuf.Struct as a plain JSON object. */
  readonly isStruct: boolean;
}

/** One message type. */
export interface MessagePlan {
  readonly typeName: string;
  /** Ascending by number. */
  readonly fields: readonly FieldPlan[];
  readonly byNumber: ReadonlyMap<number, FieldPlan>;
  /** A message with nothing set, as protobuf-es creates it. */
  blank(): object;
}

const plans = new Map<DescMessage, MessagePlan>();

/**
 * The plan of a message type, made on first use.
 *
 * @throws UnsupportedError for what has no canonical form here: groups, and map keys other than strings.
 */
export function planOf(desc: DescMessage): MessagePlan {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const fields: FieldPlan[] = [];
  const byNumber = new Map<number, FieldPlan>();
  const plan = { typeName: desc.typeName, fields, byNumber, blank: blankOf(desc) };
  plans.set(desc, plan); // before its fields: message types refer to each other
  for (const field of [...desc.fields].sort((a, b) => a.number - b.number)) {
    const planned = planField(field);
    fields.push(planned);
    byNumber.set(planned.number, planned);
  }
  return plan;
}

const literals: { readonly [typeName: string]: () => object } = blanks;

/** A literal costs a sixth of `create`. A type of the same name may have more fields, as in a fork of the protos. */
function blankOf(desc: DescMessage): () => object {
  const literal = literals[desc.typeName];
  const isSame = literal !== undefined && Object.keys(literal()).join() === Object.keys(create(desc)).join();
  return isSame ? literal : () => create(desc);
}

function planField(field: DescField): FieldPlan {
  const scalar = field.enum === undefined ? SCALARS[field.scalar ?? 0] : SCALARS[INT32]; // enums are open
  const shape = field.fieldKind === "list" || field.fieldKind === "map" ? field.fieldKind : "single";
  if (field.fieldKind === "map" && (field.mapKey as number) !== STRING) {
    throw new UnsupportedError(`${field}: only maps with string keys have a canonical form here`);
  }
  if ("delimitedEncoding" in field && field.delimitedEncoding) {
    throw new UnsupportedError(`${field}: groups have no canonical form here`);
  }
  const wireType = scalar?.wireType ?? LengthDelimited;
  return {
    number: field.number,
    tag: (field.number << 3) | wireType,
    name: field.name,
    key: field.localName,
    oneof: field.oneof?.localName,
    shape,
    scalar,
    message: field.message === undefined ? undefined : planOf(field.message),
    wireType,
    packed: field.fieldKind === "list" && field.packed,
    explicit: scalar === undefined || field.proto.proto3Optional,
    isStruct:
      field.message?.typeName === "google.protobuf.Struct" &&
      field.parent.typeName !== "google.protobuf.Value",
  };
}
