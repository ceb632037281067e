/**
 * Decodes a CAP message and finds out on the way whether its bytes are canonical already, in which case a
 * verifier need not encode the message again.
 *
 * Reads what protobuf allows: any order of fields, repeated singular fields (the last one wins, sub-messages
 * are merged), packed and unpacked numbers, unknown fields (kept), known fields of another wire type (kept as
 * unknown, as the official runtimes do).
 */
import type { DescMessage, JsonObject, MessageShape } from "@bufbuild/protobuf";
import type { Struct } from "@bufbuild/protobuf/wkt";
import { ByteReader, malformed } from "./byte-reader.js";
import type { FieldPlan, MessagePlan } from "./field-plan.js";
import { planOf } from "./field-plan.js";
import { compareKeys, PREFIX_OF_NEXT, PREFIX_OF_PREVIOUS } from "./map-order.js";
import { structFromJson, structToJson } from "./struct.js";
import { keepUnknown, pushUnknown, skip } from "./unknown-fields.js";
import { WIRE_LEN } from "./value-types.js";

/** As deep as the official runtimes go. */
const MAX_DEPTH = 100;

/** A message with what its bytes looked like. */
export interface Decoded<T> {
  readonly message: T;
  /** The bytes are the canonical ones with maps in spec order. */
  readonly specOrder: boolean;
  /** The bytes are the canonical ones with maps in upb order. */
  readonly upbOrder: boolean;
  /** Bytes [start, end) of each top-level field with the number asked for, tag included. */
  readonly found: readonly (readonly [start: number, end: number])[];
}

interface Run {
  readonly reader: ByteReader;
  spec: boolean;
  upb: boolean;
  depth: number;
}

type Fields = Record<string, unknown>;

/**
 * Decodes a message.
 *
 * @param find Number of a top-level field whose place in the bytes is wanted. Default: none.
 * @throws MalformedPacketError for truncated bytes, invalid UTF-8, overlong varints, unbalanced groups,
 * more than 100 levels, or more than 65,536 fields and items.
 */
export function decodeCanonical<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
  find = 0,
): Decoded<MessageShape<Desc>> {
  const reader = new ByteReader(bytes);
  const run: Run = { reader, spec: true, upb: true, depth: 0 };
  const plan = planOf(desc);
  const message = plan.blank();
  const found: (readonly [number, number])[] = [];
  readMessage(run, plan, message, bytes.length, find, found);
  const { minimal } = reader;
  return {
    message: message as unknown as MessageShape<Desc>,
    specOrder: run.spec && minimal,
    upbOrder: run.upb && minimal,
    found,
  };
}

function notCanonical(run: Run): void {
  run.spec = false;
  run.upb = false;
}

function readMessage(
  run: Run,
  plan: MessagePlan,
  message: Fields,
  end: number,
  find: number,
  found: (readonly [number, number])[] | undefined,
): void {
  const { reader } = run;
  if (++run.depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
  let previous = 0;
  let lastKey: string | undefined;
  while (reader.pos < end) {
    const start = reader.pos;
    const tag = reader.tag();
    const number = tag >>> 3;
    const wireType = tag & 7;
    const field = plan.byNumber.get(number);
    if (field === undefined || !fits(field, wireType)) {
      keepUnknown(reader, message, number, wireType, MAX_DEPTH - run.depth);
      notCanonical(run); // it may be; encoding again tells
      if (reader.pos > end) throw malformed("a field reaches beyond its message");
      continue;
    }
    if (number < previous || (number === previous && (field.shape === "single" || field.packed)))
      notCanonical(run);
    if (field.shape === "single") readSingle(run, field, message);
    else if (field.shape === "list") readList(run, field, wireType, message[field.key] as unknown[]);
    else lastKey = readEntry(run, field, message, number === previous ? lastKey : undefined);
    previous = number;
    if (number === find) found?.push([start, reader.pos]);
    if (reader.pos > end) throw malformed("a field reaches beyond its message");
  }
  run.depth--;
}

function fits(field: FieldPlan, wireType: number): boolean {
  return field.shape === "map"
    ? wireType === WIRE_LEN
    : wireType === field.wireType || (field.packed && wireType === WIRE_LEN);
}

function readSingle(run: Run, field: FieldPlan, message: Fields): void {
  if (field.oneof !== undefined) {
    const chosen = message[field.oneof] as { case: string | undefined; value?: unknown };
    if (chosen.case !== undefined) notCanonical(run); // given twice, or another member before
    const before = chosen.case === field.key ? chosen.value : undefined;
    message[field.oneof] = { case: field.key, value: readValue(run, field, before) };
    return;
  }
  const value = readValue(run, field, message[field.key]);
  if (!field.explicit && field.type!.isZero(value)) notCanonical(run);
  message[field.key] = value;
}

/** Reads one value; a sub-message into the one that was there before, if there was one. */
function readValue(run: Run, field: FieldPlan, before: unknown): unknown {
  if (field.type !== undefined) return field.type.read(run.reader);
  const { reader } = run;
  const end = reader.uint32() + reader.pos;
  if (end > reader.bytes.length) throw malformed("the bytes end in the middle of a field");
  const plan = field.message!;
  if (field.isStruct) {
    notCanonical(run); // shown as JSON, which says nothing about its bytes
    const struct = before === undefined ? plan.blank() : structFromJson(before as JsonObject);
    readMessage(run, plan, struct as unknown as Fields, end, 0, undefined);
    return structToJson(struct as unknown as Struct);
  }
  const nested = (before as Fields | undefined) ?? plan.blank();
  readMessage(run, plan, nested, end, 0, undefined);
  return nested;
}

function readList(run: Run, field: FieldPlan, wireType: number, items: unknown[]): void {
  if (!field.packed || wireType !== WIRE_LEN) {
    if (field.packed) notCanonical(run);
    items.push(readValue(run, field, undefined));
    return;
  }
  const { reader } = run;
  const end = reader.uint32() + reader.pos;
  if (end === reader.pos) notCanonical(run);
  while (reader.pos < end) {
    reader.count();
    items.push(field.type!.read(reader));
  }
  if (reader.pos > end) throw malformed("a packed list ends in the middle of a number");
}

const ENTRY_KEY_TAG = (1 << 3) | WIRE_LEN;

/**
 * Reads one map entry and returns its key. An entry with unknown fields in it is kept as an unknown field of
 * the message and does not go into the map, as upb does it.
 */
function readEntry(run: Run, field: FieldPlan, message: Fields, lastKey: string | undefined): string {
  const { reader } = run;
  const start = reader.pos;
  const end = reader.uint32() + reader.pos;
  if (end > reader.bytes.length) throw malformed("the bytes end in the middle of a field");
  const valueTag = (2 << 3) | field.wireType;
  let key = "";
  let value: unknown;
  let step = 0; // 1 after the key, 2 after the value: the only canonical sequence
  let strange = false;
  while (reader.pos < end) {
    const tag = reader.tag();
    if (tag === ENTRY_KEY_TAG) {
      key = reader.string();
      step = step === 0 ? 1 : 3;
    } else if (tag === valueTag) {
      value = readValue(run, field, value);
      step = step === 1 ? 2 : 3;
    } else {
      skip(reader, tag >>> 3, tag & 7, MAX_DEPTH - run.depth);
      strange = true;
    }
  }
  if (reader.pos > end) throw malformed("a map entry reaches beyond its end");
  if (step !== 2 || strange) notCanonical(run);
  if (strange) {
    pushUnknown(message, field.number, WIRE_LEN, reader.bytes.slice(start, end));
    return key;
  }
  if (lastKey !== undefined) compareWithLast(run, lastKey, key);
  setOwn(message[field.key] as Fields, key, value === undefined ? entryDefault(field) : value);
  return key;
}

function entryDefault({ type, isStruct, message }: FieldPlan): unknown {
  if (type === undefined) return isStruct ? {} : message!.blank();
  return type.zero instanceof Uint8Array ? new Uint8Array(0) : type.zero;
}

function compareWithLast(run: Run, lastKey: string, key: string): void {
  const relation = compareKeys(lastKey, key);
  if (relation === PREFIX_OF_NEXT) run.upb = false;
  else if (relation === PREFIX_OF_PREVIOUS) run.spec = false;
  else if (relation >= 0) notCanonical(run);
}

/** Sets a property even if it is called `__proto__`. */
function setOwn(map: Fields, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
