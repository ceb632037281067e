/** Random ids, from the platform's cryptographic source. */

/** A source of random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/** Cryptographically strong random bytes. `length`: at most 65,536. */
export const randomBytes: RandomBytes = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length));

const pool = new Uint8Array(4096);
let used = pool.length;

/** Random bytes for ids. Asking the platform for 16 bytes costs ten times as much as all the rest of an id. */
const pooled: RandomBytes = (length) => {
  if (length > pool.length) return randomBytes(length);
  if (used + length > pool.length) {
    globalThis.crypto.getRandomValues(pool);
    used = 0;
  }
  used += length;
  return pool.slice(used - length, used);
};

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes in lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += hexOfByte[byte];
  return text;
}

/** `bytes` random bytes in lower-case hexadecimal, two characters each. */
export function randomHex(bytes: number, source: RandomBytes = pooled): string {
  return hex(source(bytes));
}

/** A random UUID, version 4 (RFC 9562), in lower case. */
export function uuid(source: RandomBytes = pooled): string {
  const bytes = source(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const text = hex(bytes);
  const parts = [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)];
  return parts.join("-");
}
