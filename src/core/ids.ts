/** Random ids, from the platform's cryptographic source. */

/** A source of random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/** Cryptographically strong random bytes. `length`: at most 65,536. */
export const randomBytes: RandomBytes = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length));

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `bytes` random bytes in lower-case hexadecimal, two characters each. */
export function randomHex(bytes: number, source: RandomBytes = randomBytes): string {
  return hex(source(bytes));
}

/** A random UUID, version 4 (RFC 9562), in lower case. */
export function uuid(source: RandomBytes = randomBytes): string {
  const bytes = source(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
