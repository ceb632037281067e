/**
 * Reads protobuf values from bytes and notices whether each stands in its shortest form.
 */
import { MalformedPacketError } from "../errors.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface NativeText {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
}
/** Node's own conversion, several times faster than TextDecoder for the short ASCII texts of a packet. */
const native = (globalThis as { Buffer?: { prototype: NativeText } }).Buffer?.prototype.latin1Slice;

/** Up to this size a packet is turned into text once, and its fields are cut out of that. */
const WHOLE_TEXT_BYTES = 4096;

/** Fields and items of lists in a packet. More are refused before they cost time and memory. */
const maxFields = 65_536;

export class ByteReader {
  readonly bytes: Uint8Array;
  /** The bytes as text, one character a byte; "" when it is not used. */
  private readonly text: string;
  pos = 0;
  /** False once a value was not in its shortest form, or is a NaN, whose bits do not survive in a number. */
  minimal = true;

  constructor(bytes: Uint8Array) {
    // Of a Buffer, slice() would be a view on bytes that are somebody else's.
    this.bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.text =
      native !== undefined && bytes.length <= WHOLE_TEXT_BYTES ? native.call(bytes, 0, bytes.length) : "";
  }

  #fields = 0;

  /** Counts a field or an item of a list. @throws MalformedPacketError for one too many */
  count(): void {
    if (++this.#fields > maxFields) throw malformed(`more than ${maxFields} fields`);
  }

  /** A tag, counted. */
  tag(): number {
    this.count();
    return this.uint32();
  }

  /** A varint that must fit 32 bits: a tag or a length. */
  uint32(): number {
    const { bytes } = this;
    let byte = bytes[this.pos++];
    if (byte === undefined) throw truncated();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.pos++];
      if (byte === undefined) throw truncated();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte === 0) this.minimal = false;
        if (value > 0xffffffff) throw malformed("a tag or length is out of range");
        return value;
      }
    }
    throw malformed("a tag or length is longer than five bytes");
  }

  /** A varint of up to 64 bits, as a bigint. */
  uint64(): bigint {
    const { bytes } = this;
    const start = this.pos;
    let low = 0; // the first 49 bits, exact in a double
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw truncated();
      if (i < 7) low += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) this.minimal = false;
        if (i < 7) return BigInt(low);
        if (i === 9 && byte > 1) this.minimal = false; // bits beyond 64 are dropped
        return BigInt.asUintN(64, this.wide(start, i + 1) + BigInt(low));
      }
    }
    throw malformed("a varint is longer than ten bytes");
  }

  /** The bits from the 50th on of a varint of `count` bytes. */
  private wide(start: number, count: number): bigint {
    let high = 0n;
    for (let i = 7; i < count; i++) high |= BigInt(this.bytes[start + i]! & 0x7f) << BigInt(7 * i);
    return high;
  }

  /** A varint as int32 and enums are read: its low 32 bits. */
  int32(): number {
    const { bytes, pos } = this;
    let value32 = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[pos + i];
      if (byte === undefined) break; // reported below
      value32 |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if (byte === 0 && i > 0) this.minimal = false;
        this.pos = pos + i + 1;
        return value32;
      }
    }
    const wide = BigInt.asIntN(64, this.uint64());
    const value = Number(BigInt.asIntN(32, wide));
    if (BigInt(value) !== wide) this.minimal = false;
    return value;
  }

  /** The low 32 bits of a varint, as uint32 and sint32 are read. */
  low32(): number {
    const wide = this.uint64();
    const value = BigInt.asUintN(32, wide);
    if (value !== wide) this.minimal = false;
    return Number(value);
  }

  bool(): boolean {
    const value = this.uint64();
    if (value > 1n) this.minimal = false;
    return value !== 0n;
  }

  /** The next `size` bytes, for a number of fixed size. */
  view(size: number): DataView {
    const at = this.advance(size);
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, size);
  }

  /** Moves past `count` bytes and returns where they began. */
  advance(count: number): number {
    const at = this.pos;
    if (count > this.bytes.length - at) throw truncated();
    this.pos = at + count;
    return at;
  }

  /** Bytes behind their length, as a copy. */
  copy(): Uint8Array {
    const size = this.uint32();
    const at = this.advance(size);
    return this.bytes.slice(at, at + size);
  }

  /** UTF-8 text behind its length. */
  string(): string {
    const size = this.uint32();
    const at = this.advance(size);
    const { bytes } = this;
    const end = at + size;
    let ascii = true;
    for (let i = at; i < end; i++) {
      if (bytes[i]! > 0x7f) {
        ascii = false;
        break;
      }
    }
    if (ascii && this.text !== "") return this.text.slice(at, end);
    if (ascii && native !== undefined) return native.call(bytes, at, end);
    try {
      return decoder.decode(bytes.subarray(at, end));
    } catch (cause) {
      throw malformed("a text field is not UTF-8", cause);
    }
  }
}

export function malformed(problem: string, cause?: unknown): MalformedPacketError {
  return new MalformedPacketError(problem, { cause });
}

function truncated(): MalformedPacketError {
  return malformed("the bytes end in the middle of a field");
}
