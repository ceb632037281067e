/** What the fields of a message type look like in bytes. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { scalarOf, stringScalar } from "./scalars.js";

/** A field, or the key or value of a map entry. */
export interface Shape {
  readonly field: DescField;
  /** Wire type of one value. */
  readonly wireType: WireType;
  /** Largest value that a varint of this type certainly stands for itself. */
  readonly max: number;
  /** Not written when it is the default. */
  readonly implicit: boolean;
  readonly repeated: boolean;
  readonly inOneof: boolean;
  /** A list of numbers, which may also come packed. */
  readonly packable: boolean;
  /** The fields of a sub-message, worked out on first use: message types refer to each other. */
  readonly child: (() => Shapes) | undefined;
  /** The generated type shows it as JSON. */
  readonly isStruct: boolean;
  /** Key and value of a map's entries. */
  readonly entry: Shapes | undefined;
}

/** Fields by number. */
export type Shapes = ReadonlyMap<number, Shape>;

const known = new WeakMap<DescMessage, Shapes>();

/** The fields of a message type. */
export function shapesOf(desc: DescMessage): Shapes {
  let shapes = known.get(desc);
  if (shapes === undefined) {
    shapes = new Map(desc.fields.map((field) => [field.number, shapeOf(field)]));
    known.set(desc, shapes);
  }
  return shapes;
}

function shapeOf(field: DescField): Shape {
  const { message, fieldKind } = field;
  const { wireType, max } = scalarOf(field) ?? stringScalar;
  const shape: Shape = {
    field,
    wireType,
    max,
    implicit: (fieldKind === "scalar" || fieldKind === "enum") && !field.oneof && !field.proto.proto3Optional,
    repeated: fieldKind === "list" || fieldKind === "map",
    inOneof: field.oneof !== undefined,
    packable: fieldKind === "list" && wireType !== WireType.LengthDelimited,
    child: message === undefined ? undefined : () => shapesOf(message),
    isStruct: message?.typeName === "google.protobuf.Struct",
    entry: undefined,
  };
  if (fieldKind !== "map") return shape;
  const key: Shape = { ...shape, ...stringScalar, child: undefined };
  const entry = new Map([
    [1, key],
    [2, shape],
  ]);
  return { ...key, entry };
}

/** Whether a field may come with this wire type. */
export function fits({ wireType, packable }: Shape, given: number): boolean {
  return given === wireType || (packable && given === WireType.LengthDelimited);
}
