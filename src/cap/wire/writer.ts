/**
 * Writes the bytes of messages: what packets hold most by itself, and numbers of other types with protobuf-es. And the
 * two orders in which map entries are written.
 */
import { BinaryWriter, getTextEncoding } from "@bufbuild/protobuf/wire";
import { ValidationError } from "../../core/errors.js";
import type { Scalar } from "./plan.js";

/** Messages share memory in chunks of this size: an `ArrayBuffer` for each would cost more than writing it. */
const CHUNK = 16 * 1024;
/** Up to this length a text is written character by character, which costs less than a call of the platform. */
const SHORT_TEXT = 96;

const encoder = new TextEncoder();
const { checkUtf8 } = getTextEncoding();

/** Writes one message after the other. `BinaryWriter`, with a buffer for each message, takes longer. */
export class PacketWriter {
  /** Of maps in the message that is written now. */
  order: MapOrder = "spec";
  /** Whether the two orders give different bytes for it. */
  ordersDiffer = false;
  #bytes = new Uint8Array(CHUNK);
  /** Where the message starts. */
  #start = 0;
  #at = 0;
  readonly #others = new BinaryWriter();

  /** What was written since the last call: a view of memory in which other messages are. */
  finish(): Uint8Array<ArrayBuffer> {
    const { length } = this.#bytes;
    const written = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    if (length <= CHUNK) return written;
    this.#bytes = new Uint8Array(CHUNK); // no small message keeps the memory of a large one
    this.#start = this.#at = 0;
    return written;
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#at - this.#start;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    this.#put(value);
  }

  #put(value: number): void {
    let rest = value;
    for (; rest > 0x7f_ff_ff_ff; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  /** Starts what stands behind its length. @returns what {@link end} has to get */
  open(): number {
    this.varint(0); // most lengths take one byte
    return this.size;
  }

  /** Writes the length of all since {@link open} in front of it. */
  end(opened: number): void {
    const length = this.size - opened;
    let more = 0;
    for (let rest = length; rest > 0x7f; rest >>>= 7) more++;
    this.#reserve(more);
    const from = this.#start + opened;
    if (more > 0) this.#bytes.copyWithin(from + more, from, this.#at);
    this.#at = from - 1;
    this.#put(length);
    this.#at += length;
  }

  /** @throws ValidationError `INVALID_TEXT` for a text that has no UTF-8 form. */
  string(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    if (!checkUtf8(text)) throw new ValidationError("text has a lone surrogate", { code: "INVALID_TEXT" });
    const opened = this.open();
    this.#reserve(text.length * 3);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(this.#at)).written;
    this.end(opened);
  }

  /** Writes a text of ASCII characters, unless it is another one. */
  #ascii(text: string): boolean {
    const { length } = text;
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.#at = start + length;
    return true;
  }

  /** @throws an Error for a value that is out of range. */
  scalar(method: Scalar["method"], value: never): void {
    this.raw(this.#others[method](value).finish());
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(CHUNK, 2 * this.size, this.size + more));
    if (this.size > 0) bytes.set(this.#bytes.subarray(this.#start, this.#at));
    this.#at = this.size;
    this.#start = 0;
    this.#bytes = bytes;
  }
}

/**
 * The two orders in which the field sorts map entries (CAP spec 05 and cap-sdk-python 2.17.0).
 *
 * Both compare keys by their UTF-8 bytes. They differ only where one key is a prefix of another: the
 * specification (and Go) puts the shorter key first, the upb runtime under cap-sdk-python, PHP and Ruby the longer one.
 */
export type MapOrder = "spec" | "upb";

/** Rank of a UTF-16 code unit such that comparing ranks is comparing UTF-8 bytes. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800; // surrogates stand for U+10000 and above
}

/** Compares two well-formed strings by their UTF-8 bytes; below 0 when `a` comes first. */
function compareSpec(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function compareUpb(a: string, b: string): number {
  return isPrefix(a, b) ? b.length - a.length : compareSpec(a, b);
}

/** Whether one of the keys is a prefix of the other, so that the two orders place them differently. */
export function isPrefix(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

/** Sorts map keys in place. */
export function sortKeys(keys: string[], order: MapOrder): string[] {
  return keys.length > 1 ? keys.sort(order === "spec" ? compareSpec : compareUpb) : keys;
}
