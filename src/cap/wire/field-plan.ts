/**
 * What the canonical encoder and decoder need to know of a message, worked out once from its generated
 * descriptor: a flat list of fields in ascending order of their numbers.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { blanks } from "../../../gen/cap/index.js";
import { UnsupportedError } from "../../core/errors.js";

/** How the value of a field is written. */
export const Kind = {
  string: 0,
  bytes: 1,
  int32: 2,
  int64: 3,
  uint64: 4,
  bool: 5,
  float: 6,
  double: 7,
  message: 8,
  uint32: 9,
  sint32: 10,
  sint64: 11,
  fixed32: 12,
  sfixed32: 13,
  fixed64: 14,
  sfixed64: 15,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const WIRE_VARINT = 0;
export const WIRE_I64 = 1;
export const WIRE_LEN = 2;
export const WIRE_GROUP_START = 3;
export const WIRE_GROUP_END = 4;
export const WIRE_I32 = 5;

/** One field of a message. */
export interface FieldPlan {
  readonly number: number;
  /** Name in the proto file, for error texts. */
  readonly name: string;
  /** Property of the generated type. */
  readonly key: string;
  /** Property of the oneof group that holds the value, when the field is a member of one. */
  readonly oneof: string | undefined;
  readonly kind: Kind;
  readonly shape: "single" | "list" | "map";
  /** Tag as it stands on the wire; for a list of numbers that of the packed form. */
  readonly tag: number;
  /** Wire type of one value. */
  readonly wireType: number;
  readonly packed: boolean;
  /** Written even when it is the default: it has a value whenever its property is there. */
  readonly explicit: boolean;
  /** The message type of the value, or of the values of a map or list. */
  readonly message: MessagePlan | undefined;
  /** The generated type shows a google.protobuf.Struct as a plain JSON object. */
  readonly isStruct: boolean;
}

/** One message type. */
export interface MessagePlan {
  readonly desc: DescMessage;
  /** Ascending by number. */
  readonly fields: readonly FieldPlan[];
  readonly byNumber: ReadonlyMap<number, FieldPlan>;
  /** By the property of the generated type, members of a oneof group included. */
  readonly byKey: ReadonlyMap<string, FieldPlan>;
  /** Makes a message with nothing set. */
  readonly blank: () => Record<string, unknown>;
  readonly oneofs: readonly string[];
}

/**
 * The numbers of `google.protobuf.FieldDescriptorProto.Type`. protobuf-es gives them only together with its JSON
 * codec, which nothing here needs.
 */
const ScalarType = {
  DOUBLE: 1,
  FLOAT: 2,
  INT64: 3,
  UINT64: 4,
  INT32: 5,
  FIXED64: 6,
  FIXED32: 7,
  BOOL: 8,
  STRING: 9,
  BYTES: 12,
  UINT32: 13,
  SFIXED32: 15,
  SFIXED64: 16,
  SINT32: 17,
  SINT64: 18,
} as const;

const scalarKinds: Readonly<Record<number, Kind>> = {
  [ScalarType.STRING]: Kind.string,
  [ScalarType.BYTES]: Kind.bytes,
  [ScalarType.INT32]: Kind.int32,
  [ScalarType.INT64]: Kind.int64,
  [ScalarType.UINT64]: Kind.uint64,
  [ScalarType.BOOL]: Kind.bool,
  [ScalarType.FLOAT]: Kind.float,
  [ScalarType.DOUBLE]: Kind.double,
  [ScalarType.UINT32]: Kind.uint32,
  [ScalarType.SINT32]: Kind.sint32,
  [ScalarType.SINT64]: Kind.sint64,
  [ScalarType.FIXED32]: Kind.fixed32,
  [ScalarType.SFIXED32]: Kind.sfixed32,
  [ScalarType.FIXED64]: Kind.fixed64,
  [ScalarType.SFIXED64]: Kind.sfixed64,
};

const wireTypes: Record<Kind, number> = {
  [Kind.string]: WIRE_LEN,
  [Kind.bytes]: WIRE_LEN,
  [Kind.int32]: WIRE_VARINT,
  [Kind.int64]: WIRE_VARINT,
  [Kind.uint64]: WIRE_VARINT,
  [Kind.bool]: WIRE_VARINT,
  [Kind.float]: WIRE_I32,
  [Kind.double]: WIRE_I64,
  [Kind.message]: WIRE_LEN,
  [Kind.uint32]: WIRE_VARINT,
  [Kind.sint32]: WIRE_VARINT,
  [Kind.sint64]: WIRE_VARINT,
  [Kind.fixed32]: WIRE_I32,
  [Kind.sfixed32]: WIRE_I32,
  [Kind.fixed64]: WIRE_I64,
  [Kind.sfixed64]: WIRE_I64,
};

/** The value of a field that is not set. */
export const zeros: Record<Kind, unknown> = {
  [Kind.string]: "",
  [Kind.bytes]: new Uint8Array(0),
  [Kind.int32]: 0,
  [Kind.int64]: 0n,
  [Kind.uint64]: 0n,
  [Kind.bool]: false,
  [Kind.float]: 0,
  [Kind.double]: 0,
  [Kind.message]: undefined,
  [Kind.uint32]: 0,
  [Kind.sint32]: 0,
  [Kind.sint64]: 0n,
  [Kind.fixed32]: 0,
  [Kind.sfixed32]: 0,
  [Kind.fixed64]: 0n,
  [Kind.sfixed64]: 0n,
};

const plans = new Map<DescMessage, MessagePlan>();

/**
 * The plan of a message type, made on first use.
 *
 * @throws UnsupportedError for what has no canonical form here: groups, and map keys other than strings.
 */
export function planOf(desc: DescMessage): MessagePlan {
  let plan = plans.get(desc);
  if (plan === undefined) {
    const fields: FieldPlan[] = [];
    const byNumber = new Map<number, FieldPlan>();
    const byKey = new Map<string, FieldPlan>();
    const oneofs = desc.oneofs.map(({ localName }) => localName);
    const blank = () => blankFrom(desc, byKey);
    const made = { desc, fields, byNumber, byKey, blank, oneofs };
    plan = made;
    plans.set(desc, plan); // before its fields: message types refer to each other
    for (const field of [...desc.fields].sort((a, b) => a.number - b.number)) {
      const planned = planField(field);
      fields.push(planned);
      byNumber.set(planned.number, planned);
      byKey.set(planned.key, planned);
    }
    const literal = literals[desc.typeName];
    // A type of the same name may have more fields, as in a later version of the protos.
    if (literal !== undefined && Object.keys(literal()).join() === Object.keys(blank()).join())
      made.blank = literal as () => Record<string, unknown>;
  }
  return plan;
}

const literals: { readonly [typeName: string]: () => object } = blanks;

/** A message with nothing set, its properties in the order of protobuf-es. */
function blankFrom(desc: DescMessage, byKey: ReadonlyMap<string, FieldPlan>): Record<string, unknown> {
  const message: Record<string, unknown> = { $typeName: desc.typeName };
  for (const member of desc.members) {
    if (member.kind === "oneof") message[member.localName] = { case: undefined };
    else if (member.fieldKind === "list") message[member.localName] = [];
    else if (member.fieldKind === "map") message[member.localName] = {};
    else {
      const { explicit, kind } = byKey.get(member.localName)!;
      if (!explicit) message[member.localName] = zeros[kind];
    }
  }
  return message;
}

function planField(field: DescField): FieldPlan {
  const kind = kindOf(field);
  const shape = field.fieldKind === "list" ? "list" : field.fieldKind === "map" ? "map" : "single";
  const packed = field.fieldKind === "list" && field.packed;
  const wireType = wireTypes[kind];
  if (field.fieldKind === "map" && (field.mapKey as number) !== ScalarType.STRING) {
    throw new UnsupportedError(`${field}: only maps with string keys have a canonical form here`);
  }
  if (field.fieldKind === "message" && field.delimitedEncoding)
    throw new UnsupportedError(`${field}: groups have no canonical form here`);
  return {
    number: field.number,
    name: field.name,
    key: field.localName,
    oneof: field.oneof?.localName,
    kind,
    shape,
    tag: (field.number << 3) | (packed || shape === "map" ? WIRE_LEN : wireType),
    wireType,
    packed,
    explicit: kind === Kind.message || field.proto.proto3Optional,
    message: field.message === undefined ? undefined : planOf(field.message),
    isStruct:
      field.message?.typeName === "google.protobuf.Struct" &&
      field.parent.typeName !== "google.protobuf.Value",
  };
}

function kindOf(field: DescField): Kind {
  if (field.message !== undefined) return Kind.message;
  if (field.enum !== undefined) return Kind.int32; // enums are open and written like int32
  const kind = field.scalar === undefined ? undefined : scalarKinds[field.scalar];
  if (kind === undefined) throw new UnsupportedError(`${field}: scalar type without a canonical form here`);
  return kind;
}
