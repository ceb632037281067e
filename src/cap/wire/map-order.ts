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

/** Result of {@link compareKeys} when the first key is a prefix of the second. */
export const PREFIX_OF_NEXT = -2;
/** Result of {@link compareKeys} when the second key is a prefix of the first. */
export const PREFIX_OF_PREVIOUS = 2;

/**
 * Compares two well-formed strings by their UTF-8 bytes: -1, 0, 1, or ±2 when they are equal up to the end
 * of the shorter one, which counts as the smaller.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) < rank(y) ? -1 : 1;
  }
  if (a.length === b.length) return 0;
  return a.length < b.length ? PREFIX_OF_NEXT : PREFIX_OF_PREVIOUS;
}

function compareUpb(a: string, b: string): number {
  const order = compareKeys(a, b);
  return order === PREFIX_OF_NEXT ? 1 : order === PREFIX_OF_PREVIOUS ? -1 : order;
}

/** Sorts map keys in place. */
export function sortKeys(keys: string[], order: MapOrder): string[] {
  const compare = order === "spec" ? compareKeys : compareUpb;
  if (keys.length > 16) return keys.sort(compare);
  for (let i = 1; i < keys.length; i++) {
    // By insertion: for the few keys of most maps much cheaper than a call of sort().
    const key = keys[i]!;
    let at = i;
    for (; at > 0 && compare(keys[at - 1]!, key) > 0; at--) keys[at] = keys[at - 1]!;
    keys[at] = key;
  }
  return keys;
}
