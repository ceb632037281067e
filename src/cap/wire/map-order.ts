/**
 * The two orders in which the field sorts map entries (CAP spec 05 and cap-sdk-python 2.17.0).
 *
 * Both compare keys by their UTF-8 bytes. They differ only where one key is a prefix of another: the
 * specification (and Go) puts the shorter key first, the upb runtime under cap-sdk-python the longer one.
 */

/** `spec`: shorter key first (CAP spec, Go). `upb`: longer key first (cap-sdk-python, PHP, Ruby). */
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
