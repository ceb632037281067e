/**
 * What the canonical encoder and decoder need to know of a message, worked out once from its generated
 * descriptor: a flat list of fields in ascending order of their numbers.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { blanks } from "../../../gen/cap/index.js";
import { UnsupportedError } from "../../core/errors.js";
import { type ValueType, valueTypeOf, WIRE_LEN } from "./value-types.js";

/** One field of a message. */
export interface FieldPlan {
  readonly number: number;
  /** Name in the proto file, for error texts. */
  readonly name: string;
  /** Property of the generated type. */
  readonly key: string;
  /** Property of the oneof group that holds the value, when the field is a member of one. */
  readonly oneof: string | undefined;
  /** Of one value; undefined for messages. */
  readonly type: ValueType | undefined;
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

/** The number of string among the types of protobuf. */
const STRING = 9;

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
      const { explicit, type } = byKey.get(member.localName)!;
      if (!explicit) message[member.localName] = type?.zero;
    }
  }
  return message;
}

function planField(field: DescField): FieldPlan {
  const type = valueTypeOf(field);
  const shape = field.fieldKind === "list" ? "list" : field.fieldKind === "map" ? "map" : "single";
  const packed = field.fieldKind === "list" && field.packed;
  const wireType = type?.wireType ?? WIRE_LEN;
  if (field.fieldKind === "map" && (field.mapKey as number) !== STRING) {
    throw new UnsupportedError(`${field}: only maps with string keys have a canonical form here`);
  }
  if (field.fieldKind === "message" && field.delimitedEncoding)
    throw new UnsupportedError(`${field}: groups have no canonical form here`);
  return {
    number: field.number,
    name: field.name,
    key: field.localName,
    oneof: field.oneof?.localName,
    type,
    shape,
    tag: (field.number << 3) | (packed || shape === "map" ? WIRE_LEN : wireType),
    wireType,
    packed,
    explicit: type === undefined || field.proto.proto3Optional,
    message: field.message === undefined ? undefined : planOf(field.message),
    isStruct:
      field.message?.typeName === "google.protobuf.Struct" &&
      field.parent.typeName !== "google.protobuf.Value",
  };
}
