/**
 * The public keys a receiver trusts, by sender. A sender may have several, so that keys can be rotated.
 */
import type { CryptoBackend, KeyOptions, SigningKey, VerifyingKey } from "./backend.js";
import { defaultCrypto } from "./backend.js";
import { invalidKey } from "./pem.js";

/** A public key: PEM text (SPKI), or one that was parsed. */
export type PublicKey = string | VerifyingKey;

/** The keys of each sender id. An empty object trusts nobody. */
export type PublicKeys =
  | Readonly<Record<string, PublicKey | readonly PublicKey[]>>
  | ReadonlyMap<string, PublicKey | readonly PublicKey[]>;

/** A private key: PEM text (PKCS8 or SEC1), or one that was parsed. */
export type PrivateKey = string | SigningKey;

/** Options of {@link KeyRing} and {@link toSigningKey}. */
export interface CryptoOptions extends KeyOptions {
  /** Default: node:crypto where there is one, else @noble/curves. */
  readonly crypto?: CryptoBackend;
}

/** Parsed public keys by sender id. */
export class KeyRing {
  private readonly keys = new Map<string, readonly VerifyingKey[]>();

  /** @throws ValidationError `INVALID_KEY`, naming the sender, for a key that is none. */
  constructor(publicKeys: PublicKeys, options: CryptoOptions = {}) {
    const crypto = options.crypto ?? defaultCrypto();
    const entries = publicKeys instanceof Map ? [...publicKeys] : Object.entries(publicKeys);
    for (const [sender, given] of entries as [string, PublicKey | readonly PublicKey[]][]) {
      const list = (Array.isArray(given) ? given : [given]) as readonly PublicKey[];
      this.keys.set(
        sender,
        list.map((key) => {
          if (typeof key === "object" && key !== null && typeof key.verify === "function") return key;
          try {
            return crypto.verifyingKey(key as string, options);
          } catch (cause) {
            throw invalidKey(`public key of "${sender}" cannot be used`, cause);
          }
        }),
      );
    }
  }

  /** The keys of a sender; none if it is unknown. */
  of(senderId: string): readonly VerifyingKey[] {
    return this.keys.get(senderId) ?? [];
  }
}

/** Parses a private key unless it is parsed already. */
export function toSigningKey(key: PrivateKey, options: CryptoOptions = {}): SigningKey {
  if (typeof key === "object" && key !== null && typeof key.sign === "function") return key;
  return (options.crypto ?? defaultCrypto()).signingKey(key as string);
}

/** A new P-256 key pair in PEM. */
export function generateKeyPair(options: CryptoOptions = {}): {
  privateKeyPem: string;
  publicKeyPem: string;
} {
  return (options.crypto ?? defaultCrypto()).generateKeyPair();
}
