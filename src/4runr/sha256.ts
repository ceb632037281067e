/** SHA-256 (FIPS 180-4) at once: what every platform has is asynchronous, and a library takes a tenth of the client. */
import { hex } from "../core/ids.js";

const primes: number[] = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);

/** The first 32 bits of the fractions of roots. */
const fractions = (numbers: readonly number[], root: (n: number) => number): Int32Array =>
  Int32Array.from(numbers, (n) => (root(n) % 1) * 2 ** 32);
const ROUNDS = fractions(primes, Math.cbrt);
const START = fractions(primes.slice(0, 8), Math.sqrt);

const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** The digest of a text in UTF-8, in lower-case hexadecimal. */
export function sha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer(((bytes.length + 72) >> 6) << 6));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setBigUint64(padded.byteLength - 8, BigInt(bytes.length) * 8n);
  const state = START.slice();
  const words = new Int32Array(64);
  for (let block = 0; block < padded.byteLength; block += 64) {
    const turn = state.slice();
    for (let i = 0; i < 64; i++) {
      if (i < 16) words[i] = padded.getInt32(block + 4 * i);
      else {
        const x = words[i - 15]!;
        const y = words[i - 2]!;
        const low = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
        words[i] = words[i - 16]! + low + words[i - 7]! + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
      }
      const a = turn[0]!;
      const e = turn[4]!;
      const chosen = (e & turn[5]!) ^ (~e & turn[6]!);
      const most = (a & turn[1]!) ^ (a & turn[2]!) ^ (turn[1]! & turn[2]!);
      const one = turn[7]! + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + ROUNDS[i]! + words[i]!;
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + most;
      turn.copyWithin(1, 0);
      turn[0] = one + two;
      turn[4]! += one;
    }
    for (const [i, word] of turn.entries()) state[i]! += word;
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (const [i, word] of state.entries()) digest.setInt32(4 * i, word);
  return hex(new Uint8Array(digest.buffer));
}
