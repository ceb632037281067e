/**
 * A buffer that is filled from its end towards its start. A message is written last field first, so the
 * length of a sub-message is known when its prefix is due: one pass, no size pass, no copies.
 */
import { ValidationError } from "../../core/errors.js";
import { cutBytes } from "./block.js";

const encoder = new TextEncoder();
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

export class ByteWriter {
  private buffer = new Uint8Array(4096);
  /** Index of the first byte written so far. */
  private start = this.buffer.length;

  /** Bytes written so far. */
  get length(): number {
    return this.buffer.length - this.start;
  }

  /** Forgets everything; the next message starts empty. */
  reset(): void {
    if (this.buffer.length > 1 << 20) this.buffer = new Uint8Array(4096); // one large packet is not kept for ever
    this.start = this.buffer.length;
  }

  /** A copy of what was written; when it is for a moment only, see {@link cutBytes}. */
  finish(momentary: boolean): Uint8Array {
    if (!momentary) return this.buffer.slice(this.start);
    const bytes = cutBytes(this.length);
    bytes.set(this.buffer.subarray(this.start));
    return bytes;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.start) return;
    const used = this.length;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, used + bytes));
    grown.set(this.buffer.subarray(this.start), grown.length - used);
    this.buffer = grown;
    this.start = grown.length - used;
  }

  /** An unsigned number below 2^32 as a varint. */
  varint32(value: number): void {
    this.reserve(5);
    if (value < 0x80) {
      this.buffer[--this.start] = value;
      return;
    }
    const size = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    this.start -= size;
    let at = this.start;
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[at] = rest;
  }

  /** A signed 32 bit number as int32 and enums are written: sign extended to 64 bits when negative. */
  int32(value: number): void {
    if (value >= 0) this.varint32(value);
    else this.varint64(BigInt(value));
  }

  /** The low 64 bits of a number as a varint. */
  varint64(value: bigint): void {
    this.reserve(10);
    if (value >= 0n && value <= maxSafe) return this.varint53(Number(value));
    const wide = BigInt.asUintN(64, value);
    // In groups of 28 bits, four bytes each: arithmetic on bigints is slow.
    const groups = [Number(wide & 0xfffffffn), Number((wide >> 28n) & 0xfffffffn), Number(wide >> 56n)];
    const last = groups[2]! > 0 ? 2 : groups[1]! > 0 ? 1 : 0;
    const size = 4 * last + sizeOf(groups[last]!);
    this.start -= size;
    for (let i = 0; i < size; i++) {
      const bits = (groups[i >> 2]! >>> (7 * (i & 3))) & 0x7f;
      this.buffer[this.start + i] = i + 1 < size ? bits | 0x80 : bits;
    }
  }

  private varint53(value: number): void {
    let size = 1;
    for (let limit = 0x80; value >= limit; limit *= 0x80) size++;
    this.start -= size;
    let at = this.start;
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[at] = rest;
  }

  /** Room for a number of fixed size. */
  fixed(size: number): DataView {
    this.reserve(size);
    this.start -= size;
    return new DataView(this.buffer.buffer, this.start, size);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.start -= bytes.length;
    this.buffer.set(bytes, this.start);
  }

  /**
   * Text as UTF-8, behind its length.
   *
   * @throws ValidationError when the text has a lone surrogate and so no UTF-8 form.
   */
  string(text: string): void {
    const size = text.length;
    this.reserve(size);
    const at = this.start - size;
    let i = 0;
    for (; i < size; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      this.buffer[at + i] = unit;
    }
    if (i === size) {
      this.start = at;
      this.varint32(size);
      return;
    }
    if (!isWellFormed(text)) throw new ValidationError("text has a lone surrogate", { code: "INVALID_TEXT" });
    const bytes = encoder.encode(text);
    this.raw(bytes);
    this.varint32(bytes.length);
  }
}

/** How many bytes a varint of up to 28 bits takes. */
function sizeOf(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

/** True when every surrogate in the text is half of a pair. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}
