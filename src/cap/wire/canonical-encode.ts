/**
 * Canonical bytes of a CAP message (CAP spec 05): known fields ascending by number at every level, defaults
 * left out, sub-messages written when present even if empty, numbers packed, map entries sorted by the UTF-8
 * bytes of their keys with key and value always written, unknown fields last in the order they came.
 *
 * `toBinary` of protobuf-es cannot do this: it writes map entries in the order of the object's keys, and no
 * JavaScript object can hold "10" before "9".
 */
import type { DescMessage, JsonObject, Message, MessageShape } from "@bufbuild/protobuf";
import { AgentwireError, ValidationError } from "../../core/errors.js";
import { ByteWriter } from "./byte-writer.js";
import type { FieldPlan, MessagePlan } from "./field-plan.js";
import { planOf } from "./field-plan.js";
import type { MapOrder } from "./map-order.js";
import { compareKeys, PREFIX_OF_NEXT, PREFIX_OF_PREVIOUS, sortKeys } from "./map-order.js";
import { structFromJson } from "./struct.js";
import { invalid, TEXT, WIRE_LEN } from "./value-types.js";

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
  /** The bytes are published or signed at once and then forgotten; they may share their buffer. Default: false. */
  readonly momentary?: boolean;
}

interface Run {
  readonly writer: ByteWriter;
  readonly order: MapOrder;
  ordersDiffer: boolean;
}

const idle: ByteWriter[] = [];

/**
 * The canonical bytes of a message.
 *
 * @throws ValidationError (`INVALID_FIELD`, `INVALID_TEXT`) naming the field, for a value that does not fit
 * its type: a number out of range, text that has no UTF-8 form, something that is not a message.
 */
export function encodeCanonical<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  options: EncodeOptions = {},
): CanonicalBytes {
  const plan = planOf(desc);
  const writer = idle.pop() ?? new ByteWriter();
  writer.reset();
  const run: Run = { writer, order: options.mapOrder ?? "spec", ordersDiffer: false };
  const skip = options.skip ?? 0;
  try {
    const written = writeMessage(run, plan, message as Message & Record<string, unknown>, skip);
    const bytes = writer.finish(options.momentary ?? false);
    return { bytes, skippedAt: bytes.length - written, ordersDiffer: run.ordersDiffer };
  } finally {
    idle.push(writer);
  }
}

/** Writes a message backwards. Returns how many bytes stood behind the skipped field when its turn came. */
function writeMessage(run: Run, plan: MessagePlan, message: Record<string, unknown>, skip: number): number {
  const { writer } = run;
  const unknown = (message as { $unknown?: Message["$unknown"] }).$unknown;
  if (unknown !== undefined) {
    for (let i = unknown.length - 1; i >= 0; i--) {
      const field = unknown[i]!;
      writer.raw(field.data);
      writer.varint32(((field.no << 3) | field.wireType) >>> 0);
    }
  }
  let skippedAt = writer.length;
  let i = plan.fields.length - 1;
  try {
    for (; i >= 0; i--) {
      const field = plan.fields[i]!;
      if (field.number === skip) skippedAt = writer.length;
      else writeField(run, field, message);
    }
  } catch (error) {
    throw named(plan.fields[i]!, error);
  }
  return skippedAt;
}

function writeField(run: Run, field: FieldPlan, message: Record<string, unknown>): void {
  if (field.oneof !== undefined) {
    const chosen = message[field.oneof] as { case?: string; value?: unknown } | undefined;
    if (chosen?.case === field.key) writeSingle(run, field, chosen.value, false);
    return;
  }
  const value = message[field.key];
  if (value === undefined) return;
  if (field.type === TEXT && field.shape === "single" && typeof value === "string") {
    // Most fields of most packets, and most of those empty.
    if (value === "" && !field.explicit) return;
    run.writer.string(value);
    return run.writer.varint32(field.tag);
  }
  if (field.shape === "single") writeSingle(run, field, value, !field.explicit);
  else if (field.shape === "list") writeList(run, field, value as readonly unknown[]);
  else writeMap(run, field, value as Readonly<Record<string, unknown>>);
}

function writeSingle(run: Run, field: FieldPlan, value: unknown, omitDefault: boolean): void {
  if (omitDefault && field.type?.isZero(value)) return;
  writeValue(run, field, value);
  run.writer.varint32(field.tag);
}

function writeList(run: Run, field: FieldPlan, items: readonly unknown[]): void {
  const { writer } = run;
  const before = writer.length;
  for (let i = items.length - 1; i >= 0; i--) {
    writeValue(run, field, items[i]);
    if (!field.packed) writer.varint32(field.tag);
  }
  if (field.packed && items.length > 0) {
    writer.varint32(writer.length - before);
    writer.varint32(field.tag);
  }
}

const ENTRY_KEY_TAG = (1 << 3) | WIRE_LEN;

function writeMap(run: Run, field: FieldPlan, map: Readonly<Record<string, unknown>>): void {
  const { writer } = run;
  const keys = sortKeys(Object.keys(map), run.order);
  const valueTag = (2 << 3) | field.wireType;
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i]!;
    if (i > 0 && !run.ordersDiffer) {
      // Keys that share a prefix stand next to each other in either order.
      const relation = compareKeys(keys[i - 1]!, key);
      run.ordersDiffer = relation === PREFIX_OF_NEXT || relation === PREFIX_OF_PREVIOUS;
    }
    const before = writer.length;
    writeValue(run, field, map[key]);
    writer.varint32(valueTag);
    writer.string(key);
    writer.varint32(ENTRY_KEY_TAG);
    writer.varint32(writer.length - before);
    writer.varint32(field.tag);
  }
}

function writeValue(run: Run, field: FieldPlan, value: unknown): void {
  const { writer } = run;
  if (field.type !== undefined) return field.type.write(writer, value);
  if (typeof value !== "object" || value === null) throw invalid("a message", value);
  const plan = field.message!;
  const nested = field.isStruct ? structFromJson(value as JsonObject) : (value as Message);
  if (nested.$typeName !== plan.desc.typeName) throw invalid(`a ${plan.desc.typeName} message`, nested);
  const before = writer.length;
  writeMessage(run, plan, nested as unknown as Record<string, unknown>, 0);
  writer.varint32(writer.length - before);
}

/** Puts the name of the field in front of what is wrong with its value. */
function named(field: FieldPlan, error: unknown): unknown {
  if (!(error instanceof AgentwireError)) return error;
  const inner = (error.details as { field?: string; problem?: string } | undefined) ?? {};
  const path = inner.field === undefined ? field.name : `${field.name}.${inner.field}`;
  const problem = inner.problem ?? error.message.replace(/^\[[^\]]*\] /, "");
  return new ValidationError(`${path}: ${problem}`, { code: error.code, details: { field: path, problem } });
}
