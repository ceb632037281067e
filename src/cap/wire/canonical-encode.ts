/**
 * Canonical bytes of a CAP message (CAP spec 05): known fields ascending by number at every level, defaults
 * left out, sub-messages written when present even if empty, numbers packed, map entries sorted by the UTF-8
 * bytes of their keys with key and value always written, unknown fields last in the order they came.
 *
 * `toBinary` of protobuf-es cannot do this: it writes map entries in the order of the object's keys, and no
 * JavaScript object can hold "10" before "9".
 */
import type { DescField, DescMessage, JsonObject, Message, MessageShape } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AgentwireError, UnsupportedError, ValidationError } from "../../core/errors.js";
import type { MapOrder } from "./map-order.js";
import { compareKeys, PREFIX_OF_NEXT, PREFIX_OF_PREVIOUS, sortKeys } from "./map-order.js";
import { invalid, scalarOf, stringScalar } from "./scalars.js";
import { structFromJson } from "./struct.js";

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
}

interface Run {
  readonly writer: BinaryWriter;
  readonly order: MapOrder;
  ordersDiffer: boolean;
}

type Write = (run: Run, value: unknown) => void;

interface FieldWriter {
  readonly number: number;
  readonly name: string;
  /** Writes the field of a message, unless it is not set. */
  readonly write: (run: Run, message: Record<string, unknown>) => void;
}

type Plan = readonly FieldWriter[];

const plans = new WeakMap<DescMessage, Plan>();
const idle: BinaryWriter[] = [];

/**
 * The canonical bytes of a message.
 *
 * @throws ValidationError (`INVALID_FIELD`, `INVALID_TEXT`) naming the field, for a value that does not match
 * its type: a number out of range, text that has no UTF-8 form, something that is not a message.
 * @throws UnsupportedError for types without a canonical form: groups, and map keys other than strings.
 */
export function encodeCanonical<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  { mapOrder: order = "spec", skip }: EncodeOptions = {},
): CanonicalBytes {
  const writer = idle.pop() ?? new BinaryWriter();
  const run: Run = { writer, order, ordersDiffer: false };
  const plan = planOf(desc);
  let head: Uint8Array | undefined;
  let at = 0;
  if (skip !== undefined) {
    while (at < plan.length && plan[at]!.number < skip) at++;
    writeFields(run, plan, message, 0, at);
    head = writer.finish();
    if (plan[at]?.number === skip) at++;
  }
  writeFields(run, plan, message, at);
  writeUnknown(run, message);
  const tail = writer.finish();
  if (tail.length < 1 << 16) idle.push(writer); // the buffer of a large message is not kept
  const { ordersDiffer } = run;
  if (head === undefined) return { bytes: tail, skippedAt: 0, ordersDiffer };
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return { bytes, skippedAt: head.length, ordersDiffer };
}

function writeFields(run: Run, plan: Plan, message: Message, from = 0, to = plan.length): void {
  let at = from;
  try {
    for (; at < to; at++) plan[at]!.write(run, message as Message & Record<string, unknown>);
  } catch (error) {
    throw named(plan[at]!.name, error);
  }
}

function writeUnknown({ writer }: Run, { $unknown }: Message): void {
  if ($unknown !== undefined)
    for (const { no, wireType, data } of $unknown) writer.tag(no, wireType).raw(data);
}

/** How the fields of a message type are written, in ascending order of their numbers. */
function planOf(desc: DescMessage): Plan {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const plan: FieldWriter[] = [];
  plans.set(desc, plan); // before its fields: message types refer to each other
  for (const field of [...desc.fields].sort((a, b) => a.number - b.number)) {
    plan.push({ number: field.number, name: field.name, write: fieldWriter(field) });
  }
  return plan;
}

function fieldWriter(field: DescField): FieldWriter["write"] {
  const key = field.localName;
  if (field.fieldKind === "list") {
    const write = listWriter(field);
    return (run, message) => message[key] !== undefined && write(run, message[key]);
  }
  if (field.fieldKind === "map") {
    const write = mapWriter(field);
    return (run, message) => message[key] !== undefined && write(run, message[key]);
  }
  const write = valueWriter(field, field.number);
  if (field.oneof !== undefined) {
    const group = field.oneof.localName;
    return (run, message) => {
      const chosen = message[group] as { case?: string; value?: unknown } | undefined;
      if (chosen?.case === key) write(run, chosen.value);
    };
  }
  const explicit = field.fieldKind === "message" || field.proto.proto3Optional;
  const isFloat = field.scalar === ScalarType.FLOAT || field.scalar === ScalarType.DOUBLE;
  return (run, message) => {
    const value = message[key];
    if (value === undefined) return;
    // A float's -0 is not the default and is written.
    if (explicit || !(isDefault(value) && !(isFloat && Object.is(value, -0)))) write(run, value);
  };
}

function isDefault(value: unknown): boolean {
  return (
    value === "" ||
    value === 0 ||
    value === false ||
    value === 0n ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

/** Writes one value with its tag. */
function valueWriter(field: DescField, number: number): Write {
  const scalar = scalarOf(field);
  if (scalar !== undefined) {
    const { wireType } = scalar;
    return ({ writer }, value) => {
      writer.tag(number, wireType);
      scalar.write(writer, value);
    };
  }
  const desc = field.message!;
  if (field.fieldKind === "message" && field.delimitedEncoding)
    throw new UnsupportedError(`${field}: groups have no canonical form here`);
  const isStruct =
    desc.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value";
  let plan: Plan | undefined;
  return (run, value) => {
    if (typeof value !== "object" || value === null) throw invalid("a message", value);
    const message = isStruct ? structFromJson(value as JsonObject) : (value as Message);
    if (message.$typeName !== desc.typeName) throw invalid(`a ${desc.typeName} message`, message);
    run.writer.tag(number, WireType.LengthDelimited).fork();
    plan ??= planOf(desc);
    writeFields(run, plan, message);
    writeUnknown(run, message);
    run.writer.join();
  };
}

function listWriter(field: DescField & { fieldKind: "list" }): Write {
  const scalar = scalarOf(field);
  if (scalar === undefined || !field.packed) {
    const write = valueWriter(field, field.number);
    return (run, items) => {
      for (const item of items as readonly unknown[]) write(run, item);
    };
  }
  return ({ writer }, items) => {
    if ((items as readonly unknown[]).length === 0) return;
    writer.tag(field.number, WireType.LengthDelimited).fork();
    for (const item of items as readonly unknown[]) scalar.write(writer, item);
    writer.join();
  };
}

function mapWriter(field: DescField & { fieldKind: "map" }): Write {
  if (field.mapKey !== ScalarType.STRING)
    throw new UnsupportedError(`${field}: only maps with string keys have a canonical form here`);
  const writeValue = valueWriter(field, 2);
  return (run, map) => {
    const { writer } = run;
    const entries = map as Readonly<Record<string, unknown>>;
    const keys = sortKeys(Object.keys(entries), run.order);
    for (const [i, key] of keys.entries()) {
      if (i > 0 && !run.ordersDiffer) {
        // Keys that share a prefix stand next to each other in either order.
        const relation = compareKeys(keys[i - 1]!, key);
        run.ordersDiffer = relation === PREFIX_OF_NEXT || relation === PREFIX_OF_PREVIOUS;
      }
      writer.tag(field.number, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited);
      stringScalar.write(writer, key);
      writeValue(run, entries[key]);
      writer.join();
    }
  };
}

/** Puts the name of the field in front of what is wrong with its value. */
function named(name: string, error: unknown): unknown {
  if (!(error instanceof AgentwireError)) return error;
  const inner = (error.details as { field?: string; problem?: string } | undefined) ?? {};
  const field = inner.field === undefined ? name : `${name}.${inner.field}`;
  const problem = inner.problem ?? error.message;
  return new ValidationError(`${field}: ${problem}`, { code: error.code, details: { field, problem } });
}
