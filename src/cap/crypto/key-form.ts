/**
 * Reads and writes the key forms of CAP without a crypto library: PKCS8 and SEC1 private keys, SPKI public keys.
 * Both backends take keys through here, so that they agree on which are valid. With just enough DER for that, and the
 * two curves, each made on first use: the ready-made ones of @noble/curves come with P-521, SHA-512 and with protocols that
 * nothing here needs, and are all made when their module is loaded.
 */

import { type ECDSA, ecdsa, weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { hex } from "../../core/ids.js";
import type { KeyOptions } from "./backend.js";
import { invalidKey, pemBlock, pemText } from "./pem.js";

const OID_EC = "2a8648ce3d0201";
const OID_PRIME_FIELD = "2a8648ce3d0101";

/** A key taken out of its PEM text. */
export interface ParsedKey {
  readonly curve: Curve;
  /** The scalar of a private key, as long as its curve's order, or the point of a public key. */
  readonly bytes: Uint8Array;
}

/** Reads a private key on P-256, in PKCS8 or SEC1 form. A public key beside it is not looked at. */
export function parsePrivatePem(pem: unknown): ParsedKey {
  const block = pemBlock(pem, ["PRIVATE KEY", "EC PRIVATE KEY"]);
  const parsed = block.label === "EC PRIVATE KEY" ? parseSec1(block.der) : parsePkcs8(block.der);
  if (parsed.curve === "P-256") return parsed;
  throw invalidKey(`a signing key must be on P-256, is on ${parsed.curve}`);
}

function parsePkcs8(bytes: Uint8Array): ParsedKey {
  const outer = new DerReader(bytes).enter(Tag.sequence);
  outer.read(Tag.integer);
  const curve = readAlgorithm(outer);
  return parseSec1(outer.read(Tag.octetString), curve);
}

/** Reads a public key in SPKI form, with its point in any of the three forms. */
export function parsePublicPem(pem: unknown, { allowP384 = false }: KeyOptions = {}): ParsedKey {
  const outer = new DerReader(pemBlock(pem, ["PUBLIC KEY"]).der).enter(Tag.sequence);
  const curve = readAlgorithm(outer);
  if (curve === "P-384" && !allowP384) throw invalidKey("a public key must be on P-256, is on P-384");
  const bits = outer.read(Tag.bitString);
  if (bits[0] !== 0) throw invalidKey("the public key is damaged");
  const bytes = bits.slice(1);
  const parity = bytes.at(-1)! & 1;
  if (bytes[0] === 6 + parity && bytes.length > 33) bytes[0] = 4; // hybrid: uncompressed, with the parity of y
  return { curve, bytes };
}

function readAlgorithm(reader: DerReader): Curve {
  const algorithm = reader.enter(Tag.sequence);
  if (hex(algorithm.read(Tag.oid)) !== OID_EC) throw invalidKey("the key is not an elliptic curve key");
  return readCurve(algorithm);
}

function parseSec1(bytes: Uint8Array, known?: Curve): ParsedKey {
  const key = new DerReader(bytes).enter(Tag.sequence);
  key.read(Tag.integer);
  const scalar = hex(key.read(Tag.octetString)).replace(/^(00)+/, "");
  if (known === undefined && !key.isNext(Tag.context0))
    throw invalidKey("the private key does not name its curve");
  const curve = known ?? readCurve(key.enter(Tag.context0));
  const { n } = CURVES[curve];
  if (scalar === "" || scalar.length > n.length || scalar.padStart(n.length, "0") >= n)
    throw invalidKey("the private key is out of range");
  return { curve, bytes: Uint8Array.from(bytesOf(scalar.padStart(n.length, "0"))) };
}

/** A curve by its name, or by its parameters written out. */
function readCurve(reader: DerReader): Curve {
  const matches = reader.isNext(Tag.oid) ? isNamed(hex(reader.read(Tag.oid))) : isWrittenOut(reader);
  const curve = (Object.keys(CURVES) as Curve[]).find(matches);
  if (curve === undefined) throw invalidKey("the key is on a curve other than P-256 and P-384");
  return curve;
}

function isNamed(oid: string): (curve: Curve) => boolean {
  return (curve) => CURVES[curve].oid === oid;
}

function isWrittenOut(reader: DerReader): (curve: Curve) => boolean {
  const parameters = reader.enter(Tag.sequence);
  parameters.read(Tag.integer);
  const field = parameters.enter(Tag.sequence);
  const isPrime = hex(field.read(Tag.oid)) === OID_PRIME_FIELD;
  const p = isPrime ? number(field.read(Tag.integer)) : 0n;
  const coefficients = parameters.enter(Tag.sequence);
  const [a, b] = [number(coefficients.read(Tag.octetString)), number(coefficients.read(Tag.octetString))];
  const generator = hex(parameters.read(Tag.octetString));
  const n = number(parameters.read(Tag.integer));
  return (curve) => {
    const known = CURVES[curve];
    const prime = BigInt(`0x${known.p}`);
    const isCurve = p === prime && a === prime - 3n && b === BigInt(`0x${known.b}`);
    return isCurve && n === BigInt(`0x${known.n}`) && pointForms(known).includes(generator);
  };
}

/** The ways to write a curve's generator: compressed, uncompressed, and with both. */
function pointForms({ Gx, Gy }: { readonly Gx: string; readonly Gy: string }): string[] {
  const parity = Number.parseInt(Gy.slice(-1), 16) & 1;
  return [`0${2 + parity}${Gx}`, `04${Gx}${Gy}`, `0${6 + parity}${Gx}${Gy}`];
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x0${hex(bytes)}`); // a damaged file may have a number without digits
}

function bytesOf(text: string): number[] {
  return text.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
}

function algorithmOf(curve: Curve): number[] {
  return der(Tag.sequence, der(Tag.oid, bytesOf(OID_EC)), der(Tag.oid, bytesOf(CURVES[curve].oid)));
}

/** PEM (PKCS8) of a private key. With its point the public key stands beside it. */
export function privatePem({ curve, bytes }: ParsedKey, point?: Uint8Array): string {
  const beside = point === undefined ? [] : der(0xa1, der(Tag.bitString, [0], point));
  const sec1 = der(Tag.sequence, der(Tag.integer, [1]), der(Tag.octetString, bytes), beside);
  const pkcs8 = der(Tag.sequence, der(Tag.integer, [0]), algorithmOf(curve), der(Tag.octetString, sec1));
  return pemText({ label: "PRIVATE KEY", der: Uint8Array.from(pkcs8) });
}

/** PEM (SPKI) of a public key. */
export function publicPem({ curve, bytes }: ParsedKey): string {
  const spki = der(Tag.sequence, algorithmOf(curve), der(Tag.bitString, [0], bytes));
  return pemText({ label: "PUBLIC KEY", der: Uint8Array.from(spki) });
}

/** A text that is the same for every form of the same public key. */
export function keyId({ curve, bytes }: ParsedKey): string {
  const size = CURVES[curve].n.length / 2;
  const parity = bytes[0] === 4 ? bytes.at(-1)! & 1 : bytes[0]! & 1;
  return `${curve} ${parity} ${hex(bytes.subarray(1, 1 + size))}`;
}

/** Object identifier and domain parameters in hexadecimal (NIST SP 800-186, 3.2.1.3 and 3.2.1.4); a is p - 3. */
export const CURVES = {
  "P-256": {
    oid: "2a8648ce3d030107",
    p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    Gx: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    Gy: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
  },
  "P-384": {
    oid: "2b81040022",
    p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    Gx: "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
    Gy: "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
  },
} as const;

/** Curves a key can be on. */
export type Curve = keyof typeof CURVES;

const made = new Map<Curve, ECDSA>();

/** ECDSA over SHA-256 on this curve, as CAP has it on both. */
export function ecdsaOn(curve: Curve): ECDSA {
  let algorithm = made.get(curve);
  if (algorithm === undefined) {
    const of = (name: "p" | "n" | "b" | "Gx" | "Gy") => BigInt(`0x${CURVES[curve][name]}`);
    const p = of("p");
    const domain = { p, n: of("n"), h: 1n, a: p - 3n, b: of("b"), Gx: of("Gx"), Gy: of("Gy") };
    algorithm = ecdsa(weierstrass(domain), sha256);
    made.set(curve, algorithm);
  }
  return algorithm;
}

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
