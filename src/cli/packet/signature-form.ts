/** The two forms of an ECDSA signature on P-256: `r` and `s` one after the other, and ASN.1 DER. */

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** DER from 64 bytes of `r` and `s`. Undefined for anything else. */
export function toDer(signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== 64) return undefined;
  const body = [...integer(signature.subarray(0, 32)), ...integer(signature.subarray(32))];
  return Uint8Array.from([SEQUENCE, body.length, ...body]);
}

function integer(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = [...bytes.subarray(first < 0 ? bytes.length - 1 : first)];
  if (digits[0]! > 0x7f) digits.unshift(0); // else it would be negative
  return [INTEGER, digits.length, ...digits];
}

/** A DER signature without what follows it. Undefined where nothing follows, or there is no DER. */
export function trimDer(signature: Uint8Array): Uint8Array | undefined {
  const [tag, length = 0] = signature;
  if (tag !== SEQUENCE || length > 0x7f || signature.length <= length + 2) return undefined;
  return signature.slice(0, length + 2);
}
