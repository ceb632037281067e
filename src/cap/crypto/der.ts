/** Just enough DER for elliptic curve keys. */
import { invalidKey } from "./pem.js";

/** Tags of DER values. */
export const Tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  context0: 0xa0,
} as const;

/** Reads DER values one after the other. */
export class DerReader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** Whether the next value has this tag. */
  isNext(tag: number): boolean {
    return this.bytes[this.at] === tag;
  }

  /** @throws ValidationError `INVALID_KEY` when the next value has another tag or is cut off. */
  read(tag: number): Uint8Array {
    const { bytes } = this;
    if (bytes[this.at++] !== tag) throw invalidKey("the key is damaged: its DER has another structure");
    let size = bytes[this.at++] ?? 0;
    if (size === 0x81) size = bytes[this.at++] ?? 0;
    else if (size === 0x82) size = ((bytes[this.at++] ?? 0) << 8) | (bytes[this.at++] ?? 0);
    else if (size > 0x7f) throw invalidKey("the key is damaged: a DER length is not supported");
    const start = this.at;
    this.at += size;
    if (this.at > bytes.length) throw invalidKey("the key is cut off");
    return bytes.subarray(start, this.at);
  }

  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }
}

/** A DER value of at most 255 bytes. */
export function der(tag: number, ...content: Iterable<number>[]): number[] {
  const bytes = content.flatMap((part) => [...part]);
  return [tag, ...(bytes.length < 0x80 ? [] : [0x81]), bytes.length, ...bytes];
}
