/**
 * A walk over the bytes of a message that makes no objects: it bounds what decoding them can cost, and finds out
 * whether they are canonical, in which case a verifier need not encode the message again.
 */
import { WireType } from "@bufbuild/protobuf/wire";
import { MalformedPacketError } from "../errors.js";
import type { Shape, Shapes } from "./shapes.js";
import { fits } from "./shapes.js";

/** As deep as the official runtimes go. */
const MAX_DEPTH = 100;
/** Fields, list items and map entries of a message, at all levels: some ten milliseconds and megabytes at worst. */
const MAX_FIELDS = 65_536;

const MAX_INT32 = 2 ** 31 - 1;

/** Why bytes are not a packet. */
export function malformed(problem: string, cause?: unknown): MalformedPacketError {
  return new MalformedPacketError(problem, { cause });
}

/** What was seen on the walk. Flags that claim something are true only where it is certain. */
export class Walk {
  /** The bytes are the canonical ones with maps in spec order. */
  specOrder = true;
  /** The bytes are the canonical ones with maps in upb order. */
  upbOrder = true;
  /**
   * There are records that protobuf-es would misread, and the official runtimes keep as unknown fields: a known
   * field of another wire type, or a map entry with unknown fields in it.
   */
  misread = false;
  /** Bytes [start, end) of each top-level field with the number asked for, tag included. */
  readonly found: (readonly [start: number, end: number])[] = [];
  private pos = 0;
  private count = 0;
  private readonly view: DataView;

  /** @throws MalformedPacketError for bytes that are not a message, or a message beyond the bounds. */
  constructor(
    private readonly bytes: Uint8Array,
    shapes: Shapes,
    private readonly find: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.message(shapes, bytes.length, 1);
  }

  private notCanonical(): void {
    this.specOrder = false;
    this.upbOrder = false;
  }

  private message(shapes: Shapes, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
    let previous = 0;
    let chosen = false;
    let keyAt = 0;
    let keyEnd = 0;
    while (this.pos < end) {
      const start = this.pos;
      const tag = this.tag();
      const number = tag >>> 3;
      const shape = this.known(shapes.get(number), number, tag & 7, depth);
      if (shape !== undefined) {
        if (number < previous || (number === previous && !shape.repeated)) this.notCanonical();
        if (shape.inOneof) {
          if (chosen) this.notCanonical();
          chosen = true;
        }
        if (shape.entry === undefined) this.value(shape, tag & 7, depth);
        else {
          const size = this.entry(shape.entry, depth);
          const at = this.keyAt;
          if (number === previous) this.compareKeys(keyAt, keyEnd, at, at + size);
          keyAt = at;
          keyEnd = at + size;
        }
        previous = number;
      }
      if (depth === 1 && number === this.find) this.found.push([start, this.pos]);
      if (this.pos > end) throw malformed("a field reaches beyond its message");
    }
  }

  /** Skips a field that is unknown, or of a wire type that its number does not have. */
  private known(
    shape: Shape | undefined,
    number: number,
    wireType: number,
    depth: number,
  ): Shape | undefined {
    if (shape !== undefined && fits(shape, wireType)) return shape;
    if (shape !== undefined) this.misread = true;
    this.notCanonical(); // it may be; encoding again tells
    this.skip(number, wireType, depth);
    return undefined;
  }

  private value(shape: Shape, wireType: number, depth: number): void {
    if (wireType !== WireType.LengthDelimited) {
      if (shape.packable) this.notCanonical();
      return this.number(shape);
    }
    const size = this.size();
    const end = this.pos + size;
    if (size === 0 && (shape.implicit || shape.packable)) this.notCanonical();
    if (shape.isStruct) this.notCanonical(); // shown as JSON, which says nothing about its bytes
    if (shape.child !== undefined) return this.message(shape.child(), end, depth + 1);
    if (!shape.packable) this.pos = end;
    for (; this.pos < end; this.spend(1)) this.number(shape);
    if (this.pos > end) throw malformed("a packed list ends in the middle of a number");
  }

  private number({ wireType, max, implicit }: Shape): void {
    const start = this.pos;
    let value: number;
    if (wireType === WireType.Varint) {
      value = this.varint();
      if (value > max && !(max === MAX_INT32 && this.isNegative32(start))) this.notCanonical();
    } else if (wireType === WireType.Bit32) {
      this.advance(4);
      value = this.view.getFloat32(start, true);
    } else {
      this.advance(8);
      value = this.view.getFloat64(start, true);
    }
    if (Number.isNaN(value)) this.notCanonical(); // its bits do not survive in a number
    if (implicit && Object.is(value, 0)) this.notCanonical();
  }

  /** Whether the varint that begins here and has ten bytes is a negative int32: its bits from the 32nd on are set. */
  private isNegative32(start: number): boolean {
    const { bytes } = this;
    const filled = (bytes[start + 4]! & 0x78) === 0x78 && bytes[start + 9] === 1;
    return (
      filled && this.pos === start + 10 && bytes.subarray(start + 5, start + 9).every((byte) => byte === 0xff)
    );
  }

  private keyAt = 0;

  /** Walks a map entry. Returns the size of its key, which begins at `keyAt`. */
  private entry(shapes: Shapes, depth: number): number {
    const end = this.size() + this.pos;
    let keySize = 0;
    let step = 0; // 1 after the key, 2 after the value: the only canonical sequence
    while (this.pos < end) {
      const tag = this.tag();
      const shape = this.known(shapes.get(tag >>> 3), tag >>> 3, tag & 7, depth);
      if (shape === undefined) {
        this.misread = true;
      } else if (tag >>> 3 === 1) {
        keySize = this.size();
        this.keyAt = this.pos;
        this.pos += keySize;
        step = step === 0 ? 1 : 3;
      } else {
        this.value(shape, tag & 7, depth);
        step = step === 1 ? 2 : 3;
      }
    }
    if (this.pos > end) throw malformed("a field reaches beyond its message");
    if (step !== 2) this.notCanonical();
    return keySize;
  }

  private compareKeys(at: number, end: number, nextAt: number, nextEnd: number): void {
    const { bytes } = this;
    let i = 0;
    while (at + i < end && nextAt + i < nextEnd && bytes[at + i] === bytes[nextAt + i]) i++;
    if (at + i < end && nextAt + i < nextEnd) {
      if (bytes[at + i]! > bytes[nextAt + i]!) this.notCanonical();
    } else {
      // One key is a prefix of the other, or they are equal.
      if (at + i < end || nextAt + i === nextEnd) this.specOrder = false;
      if (nextAt + i < nextEnd || at + i === end) this.upbOrder = false;
    }
  }

  /** Moves past the value of a field; for a group, past its end tag. */
  private skip(number: number, wireType: number, depth: number): void {
    if (wireType === WireType.Varint) this.varint();
    else if (wireType === WireType.Bit64) this.advance(8);
    else if (wireType === WireType.Bit32) this.advance(4);
    else if (wireType === WireType.LengthDelimited) this.advance(this.size());
    else if (wireType === WireType.StartGroup) this.group(number, depth + 1);
    else throw malformed(`wire type ${wireType} does not belong here`);
  }

  private group(number: number, depth: number): void {
    if (depth > MAX_DEPTH) throw malformed("groups are nested too deep");
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) !== WireType.EndGroup) this.skip(tag >>> 3, tag & 7, depth);
      else if (tag >>> 3 === number) return;
      else throw malformed("a group ends under another number");
    }
  }

  private tag(): number {
    this.spend(1);
    const tag = this.varint32();
    if (tag >>> 3 === 0) throw malformed("field number 0");
    return tag;
  }

  private spend(fields: number): void {
    this.count += fields;
    if (this.count > MAX_FIELDS) throw malformed(`more than ${MAX_FIELDS} fields`);
  }

  /** The length of what comes next, which is all there. */
  private size(): number {
    const size = this.varint32();
    if (size > this.bytes.length - this.pos) throw truncated();
    return size;
  }

  private advance(size: number): void {
    this.pos += size;
    if (this.pos > this.bytes.length) throw truncated();
  }

  private varint32(): number {
    const start = this.pos;
    const value = this.varint();
    if (value > 0xffffffff || this.pos - start > 5) throw malformed("a tag or length is out of range");
    return value;
  }

  /** A varint of up to 64 bits, not exact above 2^53. */
  private varint(): number {
    const { bytes } = this;
    let value = 0;
    for (let i = 0, scale = 1; i < 10; i++, scale *= 128) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw truncated();
      value += (byte & 0x7f) * scale;
      if (byte > 0x7f) continue;
      // Longer than it has to be, or with bits beyond the 64th, which are dropped.
      if (i > 0 && (byte === 0 || (i === 9 && byte > 1))) this.notCanonical();
      return value;
    }
    throw malformed("a varint is longer than ten bytes");
  }
}

function truncated(): MalformedPacketError {
  return malformed("the bytes end in the middle of a field");
}
