/**
 * Reads and writes the key forms of CAP without a crypto library: PKCS8 and SEC1 private keys, SPKI public keys.
 * Both backends take keys through here, so that they agree on which are valid.
 */
import { hex } from "../../core/ids.js";
import type { KeyOptions } from "./backend.js";
import { CURVES, type Curve } from "./curves.js";
import { DerReader, der, Tag } from "./der.js";
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
