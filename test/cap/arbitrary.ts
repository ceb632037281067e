/** Random messages of any type, with the maps, numbers and texts that are easy to get wrong. */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { create, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";

const awkwardKeys = [
  "",
  "1",
  "10",
  "02",
  "9",
  "-1",
  "4294967294",
  "4294967295",
  "a",
  "ab",
  "abc",
  "b",
  "é",
  "e\u0301",
  "\uFFFD",
  "\uE000",
  "😀",
  "😀a",
  "ключ",
  "日",
  "a\0b",
  "\u007f",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
];

const text = fc.oneof(
  fc.constantFrom(...awkwardKeys),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ maxLength: 300 }),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const int32 = fc.oneof(fc.constantFrom(0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const uint32 = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 32 - 1), fc.nat());
const int64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
const uint64 = fc.oneof(
  fc.constantFrom(0n, 127n, 128n, 2n ** 28n, 2n ** 56n, 2n ** 64n - 1n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);
const float = fc.oneof(fc.constantFrom(0, -0, 0.5, Infinity, -Infinity), fc.float({ noNaN: true }));
const double = fc.oneof(fc.constantFrom(0, -0, 0.1, Infinity, -Infinity), fc.double({ noNaN: true }));

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return bytes;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return int64;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return uint64;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    case ScalarType.FLOAT:
      return float;
    case ScalarType.DOUBLE:
      return double;
    default:
      return int32;
  }
}

function single(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) return messageOf(field.message, depth - 1);
  if (field.enum) return fc.oneof(fc.integer({ min: 0, max: 12 }), int32);
  return scalar(field.scalar!);
}

/** Sets a key even if it is called `__proto__`. */
function mapOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const map = {};
  for (const [key, value] of entries) {
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return map;
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return fc.array(single(field, depth), { maxLength: 4 });
  if (field.fieldKind === "map") {
    return fc.array(fc.tuple(text, single(field, depth)), { maxLength: 8 }).map(mapOf);
  }
  return single(field, depth);
}

const unknownFields = fc.array(
  fc.oneof(
    fc.record({
      no: fc.integer({ min: 300, max: 2 ** 29 - 1 }),
      wireType: fc.constant(0),
      data: fc.constant(Uint8Array.of(0x96, 0x01)),
    }),
    fc.record({
      no: fc.integer({ min: 300, max: 400 }),
      wireType: fc.constant(2),
      data: bytes.map((b) => Uint8Array.of(b.length, ...b)),
    }),
    fc.record({
      no: fc.constant(999),
      wireType: fc.constant(5),
      data: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    }),
  ),
  { minLength: 1, maxLength: 3 },
);

/** A random message; at `depth` 0 nothing is set. Types with a google.protobuf.Struct are not for this. */
export function messageOf(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
  if (depth <= 0) return fc.constant(create(desc));
  const plain = desc.fields.filter((field) => field.oneof === undefined);
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of plain) members[field.localName] = fieldValue(field, depth);
  for (const oneof of desc.oneofs) {
    members[oneof.localName] = fc.oneof(
      ...oneof.fields.map((field) => single(field, depth).map((value) => ({ case: field.localName, value }))),
    );
  }
  return fc
    .tuple(fc.record(members, { requiredKeys: [] }), fc.option(unknownFields, { freq: 4, nil: undefined }))
    .map(([init, unknown]) => {
      const message = create(desc, init);
      if (unknown !== undefined) message.$unknown = unknown;
      return message;
    });
}
