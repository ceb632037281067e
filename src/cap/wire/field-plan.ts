/**
 * What the canonical encoder and decoder need to know of a message, worked out once from its generated
 * descriptor: a flat list of fields in ascending order of their numbers.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
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
  /** A message with nothing set, without its lists and maps. */
  readonly blank: Readonly<Record<string, unknown>>;
  readonly lists: readonly string[];
  readonly maps: readonly string[];
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
  BOOL: 8,
  STRING: 9,
  BYTES: 12,
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
};

const zeros: Record<Kind, unknown> = {
  [Kind.string]: "",
  [Kind.bytes]: new Uint8Array(0),
  [Kind.int32]: 0,
  [Kind.int64]: 0n,
  [Kind.uint64]: 0n,
  [Kind.bool]: false,
  [Kind.float]: 0,
  [Kind.double]: 0,
  [Kind.message]: undefined,
};

const plans = new Map<DescMessage, MessagePlan>();

/**
 * The plan of a message type, made on first use.
 *
 * @throws UnsupportedError for what CAP's files do not use: groups, explicit presence, map keys other than
 * strings, and the scalar types that are not in the table above.
 */
export function planOf(desc: DescMessage): MessagePlan {
  let plan = plans.get(desc);
  if (plan === undefined) {
    const fields: FieldPlan[] = [];
    const byNumber = new Map<number, FieldPlan>();
    const byKey = new Map<string, FieldPlan>();
    const blank: Record<string, unknown> = { $typeName: desc.typeName };
    const made = {
      desc,
      fields,
      byNumber,
      byKey,
      blank,
      lists: [] as string[],
      maps: [] as string[],
      oneofs: [] as string[],
    };
    plan = made;
    plans.set(desc, plan); // before its fields: message types refer to each other
    for (const field of [...desc.fields].sort((a, b) => a.number - b.number)) {
      const planned = planField(field);
      fields.push(planned);
      byNumber.set(planned.number, planned);
      byKey.set(planned.key, planned);
    }
    for (const member of desc.members) {
      if (member.kind === "oneof") made.oneofs.push(member.localName);
      else if (member.fieldKind === "list") made.lists.push(member.localName);
      else if (member.fieldKind === "map") made.maps.push(member.localName);
      if (member.kind === "oneof" || member.fieldKind === "list" || member.fieldKind === "map") {
        blank[member.localName] = undefined; // keeps the order in which protobuf-es creates its properties
      } else if (member.fieldKind !== "message") {
        blank[member.localName] = zeros[byNumber.get(member.number)!.kind];
      }
    }
  }
  return plan;
}

function planField(field: DescField): FieldPlan {
  const kind = kindOf(field);
  const shape = field.fieldKind === "list" ? "list" : field.fieldKind === "map" ? "map" : "single";
  const packed = field.fieldKind === "list" && field.packed;
  const wireType = wireTypes[kind];
  if (field.fieldKind === "map" && (field.mapKey as number) !== ScalarType.STRING) {
    throw new UnsupportedError(`${field}: only maps with string keys have a canonical form here`);
  }
  if (shape === "single" && kind !== Kind.message && !field.oneof && field.proto.proto3Optional) {
    throw new UnsupportedError(`${field}: fields with explicit presence are not supported`);
  }
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
