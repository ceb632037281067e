/**
 * Signing with @noble/curves: runs everywhere, about 20 times slower than node:crypto to sign and 40 times
 * slower to verify.
 */
import { p256, p384 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { CryptoBackend, KeyOptions, SigningKey, VerifyingKey } from "./backend.js";
import { invalidKey, parsePrivatePem, parsePublicPem, privatePem, publicPem } from "./pem.js";

// Peers do not normalise s, so about half of their signatures have a high one.
const DER = { format: "der", lowS: false } as const;

/** The portable backend. */
export const nobleCrypto: CryptoBackend = {
  name: "@noble/curves",

  signingKey(pem: string): SigningKey {
    const { curve, bytes } = parsePrivatePem(pem);
    if (curve !== "P-256") throw invalidKey(`a signing key must be on P-256, is on ${curve}`);
    if (!p256.utils.isValidSecretKey(bytes)) throw invalidKey("the private key is out of range");
    return {
      sign: (data) => p256.sign(data, bytes, DER),
      publicKeyPem: publicPem(p256.getPublicKey(bytes, false)),
    };
  },

  verifyingKey(pem: string, options: KeyOptions = {}): VerifyingKey {
    const { curve, bytes } = parsePublicPem(pem);
    if (curve === "P-384" && !options.allowP384)
      throw invalidKey("a public key must be on P-256, is on P-384");
    const algorithm = curve === "P-256" ? p256 : p384;
    if (!algorithm.utils.isValidPublicKey(bytes))
      throw invalidKey("the public key is not a point of its curve");
    return {
      verify(data, signature) {
        try {
          // Hashed here, because p384 would use SHA-384.
          return algorithm.verify(signature, sha256(data), bytes, { ...DER, prehash: false });
        } catch {
          return false; // not DER
        }
      },
    };
  },

  generateKeyPair() {
    const { secretKey } = p256.keygen();
    const point = p256.getPublicKey(secretKey, false);
    return { privateKeyPem: privatePem(secretKey, point), publicKeyPem: publicPem(point) };
  },
};
