/**
 * Reads and writes the three key forms of CAP without a crypto library: PKCS8 and SEC1 private keys, SPKI
 * public keys, all in PEM. Just enough DER for that.
 */
import { ValidationError } from "../../core/errors.js";

/** Curves a key can be on. */
export type Curve = "P-256" | "P-384";

const OID_EC = "2a8648ce3d0201";
const CURVES: Readonly<Record<string, Curve>> = { "2a8648ce3d030107": "P-256", "2b81040022": "P-384" };
const SCALAR_BYTES: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48 };

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OID = 0x06;
const CURVE_IN_SEC1 = 0xa0;

/** A key taken out of its PEM text. */
export interface ParsedKey {
  readonly curve: Curve;
  /** The scalar of a private key, or the point of a public one. */
  readonly bytes: Uint8Array;
}

export function invalidKey(problem: string, cause?: unknown): ValidationError {
  return new ValidationError(problem, { code: "INVALID_KEY", cause });
}

/** The kind of key a PEM text holds, from its first line. */
export function pemLabel(pem: unknown): string {
  if (typeof pem !== "string") throw invalidKey(`a key must be PEM text, is ${typeof pem}`);
  const label = /^\s*-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1];
  if (label === undefined) throw invalidKey("a key must be PEM text that begins with -----BEGIN …-----");
  return label;
}

/** Reads a private key in PKCS8 or SEC1 form. */
export function parsePrivatePem(pem: string): ParsedKey {
  const label = pemLabel(pem);
  if (label === "PRIVATE KEY") {
    const outer = new Der(derOf(pem)).enter(SEQUENCE);
    outer.read(INTEGER);
    const curve = readAlgorithm(outer);
    return parseSec1(outer.read(OCTET_STRING), curve);
  }
  if (label === "EC PRIVATE KEY") return parseSec1(derOf(pem), undefined);
  throw invalidKey(`a private key must be "PRIVATE KEY" or "EC PRIVATE KEY", is "${label}"`);
}

/** Reads a public key in SPKI form. */
export function parsePublicPem(pem: string): ParsedKey {
  const label = pemLabel(pem);
  if (label !== "PUBLIC KEY") throw invalidKey(`a public key must be "PUBLIC KEY", is "${label}"`);
  const outer = new Der(derOf(pem)).enter(SEQUENCE);
  const curve = readAlgorithm(outer);
  const bits = outer.read(BIT_STRING);
  if (bits[0] !== 0) throw invalidKey("the public key is damaged");
  return { curve, bytes: bits.subarray(1) };
}

function readAlgorithm(der: Der): Curve {
  const algorithm = der.enter(SEQUENCE);
  if (hex(algorithm.read(OID)) !== OID_EC) throw invalidKey("the key is not an elliptic curve key");
  return curveOf(algorithm.read(OID));
}

function parseSec1(bytes: Uint8Array, known: Curve | undefined): ParsedKey {
  const key = new Der(bytes).enter(SEQUENCE);
  key.read(INTEGER);
  const scalar = key.read(OCTET_STRING);
  const curve = known ?? curveOf(key.enter(CURVE_IN_SEC1).read(OID));
  if (scalar.length !== SCALAR_BYTES[curve]) throw invalidKey("the private key has the wrong length");
  return { curve, bytes: scalar };
}

function curveOf(oid: Uint8Array): Curve {
  const curve = CURVES[hex(oid)];
  if (curve === undefined) throw invalidKey("the key is on a curve other than P-256 and P-384");
  return curve;
}

/** Reads DER values one after the other. */
class Der {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  read(tag: number): Uint8Array {
    const { bytes } = this;
    if (bytes[this.at++] !== tag) throw invalidKey("the key is damaged");
    let size = bytes[this.at++] ?? 0;
    if (size === 0x81) size = bytes[this.at++] ?? 0;
    else if (size === 0x82) size = ((bytes[this.at++] ?? 0) << 8) | (bytes[this.at++] ?? 0);
    else if (size > 0x7f) throw invalidKey("the key is damaged");
    const start = this.at;
    this.at += size;
    if (this.at > bytes.length) throw invalidKey("the key is cut off");
    return bytes.subarray(start, this.at);
  }

  enter(tag: number): Der {
    return new Der(this.read(tag));
  }
}

function derOf(pem: string): Uint8Array {
  const body = /-----BEGIN [^-]+-----([\s\S]*?)-----END [^-]+-----/.exec(pem)?.[1];
  if (body === undefined) throw invalidKey("the PEM text has no end line");
  try {
    return Uint8Array.from(atob(body.replace(/\s+/g, "")), (char) => char.charCodeAt(0));
  } catch (cause) {
    throw invalidKey("the PEM text is not base64", cause);
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(text: string): number[] {
  return text.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
}

// The DER around a P-256 key is always the same.
const PKCS8_P256 = bytesOf("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420");
const PKCS8_P256_POINT = bytesOf("a144034200");
const SPKI_P256 = bytesOf("3059301306072a8648ce3d020106082a8648ce3d030107034200");

/** PEM (PKCS8) of a P-256 private key. `point` is the uncompressed public point, 65 bytes. */
export function privatePem(scalar: Uint8Array, point: Uint8Array): string {
  return pem("PRIVATE KEY", [...PKCS8_P256, ...scalar, ...PKCS8_P256_POINT, ...point]);
}

/** PEM (SPKI) of a P-256 public key. `point` is the uncompressed public point, 65 bytes. */
export function publicPem(point: Uint8Array): string {
  return pem("PUBLIC KEY", [...SPKI_P256, ...point]);
}

function pem(label: string, der: readonly number[]): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
