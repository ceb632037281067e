/**
 * One interface over the libraries that sign: node:crypto where there is one, @noble/curves elsewhere.
 *
 * Signatures are ECDSA over SHA-256, ASN.1 DER (CAP spec 05).
 */

import type * as NodeCrypto from "node:crypto";
import { sha256 as portable } from "@noble/hashes/sha2.js";
import { builtinModule } from "../../core/builtin.js";
import type { Curve } from "./key-form.js";
import { nobleCrypto } from "./noble.js";
import { findNodeCrypto } from "./node.js";

/** A private key that was parsed once. It never shows itself. */
export interface SigningKey {
  /** The DER signature of `data`; a promise of it from a key that signs elsewhere. */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The public half, PEM (SPKI). */
  readonly publicKeyPem: string;
}

/** A public key that was parsed once. */
export interface VerifyingKey {
  /** Whether `signature` (DER) is one of `data`. Never throws: a broken signature is a wrong one. */
  verify(data: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
  /** Where it is known. Worker trust and CAP-PRODUCTION take P-256 only. */
  readonly curve?: Curve;
}

/** Two PEM texts. */
export interface KeyPair {
  /** PKCS8. Secret. */
  readonly privateKeyPem: string;
  /** SPKI. */
  readonly publicKeyPem: string;
}

/** Which keys a backend takes. */
export interface KeyOptions {
  /**
   * Also accept P-384 public keys, as cap-sdk-python 2.17.0 does.
   *
   * Default: false.
   */
  readonly allowP384?: boolean;
}

/** A library that signs and verifies. */
export interface CryptoBackend {
  readonly name: string;
  /** @throws ValidationError `INVALID_KEY` for anything but a P-256 private key in PEM (PKCS8 or SEC1). */
  signingKey(pem: string): SigningKey;
  /** @throws ValidationError `INVALID_KEY` for anything but a public key in PEM (SPKI) on an allowed curve. */
  verifyingKey(pem: string, options?: KeyOptions): VerifyingKey;
  generateKeyPair(): KeyPair;
}

let found: CryptoBackend | undefined;

/** node:crypto where the platform has it, else @noble/curves. */
export function defaultCrypto(): CryptoBackend {
  found ??= findNodeCrypto() ?? nobleCrypto;
  return found;
}

const native = builtinModule<typeof NodeCrypto>("node:crypto");

/** The SHA-256 digest of bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return native === undefined ? portable(bytes) : native.createHash("sha256").update(bytes).digest();
}

/** Whether two byte strings are the same, in a time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
