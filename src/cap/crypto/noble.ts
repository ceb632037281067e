/**
 * Signing with @noble/curves: runs everywhere, about 20 times slower than node:crypto to sign and 40 times
 * slower to verify.
 */
import type { CryptoBackend, KeyOptions, SigningKey, VerifyingKey } from "./backend.js";
import { ecdsaOn, parsePrivatePem, parsePublicPem, privatePem, publicPem } from "./key-form.js";
import { invalidKey } from "./pem.js";

// Peers do not normalise s, so about half of their signatures have a high one.
const DER = { format: "der", lowS: false } as const;

/** The portable backend. */
export const nobleCrypto: CryptoBackend = {
  name: "@noble/curves",

  signingKey(pem: string): SigningKey {
    const { curve, bytes } = parsePrivatePem(pem);
    const p256 = ecdsaOn("P-256");
    return {
      sign: (data) => p256.sign(data, bytes, DER),
      publicKeyPem: publicPem({ curve, bytes: p256.getPublicKey(bytes, false) }),
    };
  },

  verifyingKey(pem: string, options?: KeyOptions): VerifyingKey {
    const { curve, bytes } = parsePublicPem(pem, options);
    const algorithm = ecdsaOn(curve);
    if (!algorithm.utils.isValidPublicKey(bytes))
      throw invalidKey("the public key is not a point of its curve");
    return {
      curve,
      verify(data, signature) {
        try {
          return algorithm.verify(signature, data, bytes, DER);
        } catch {
          return false; // not DER
        }
      },
    };
  },

  generateKeyPair() {
    const p256 = ecdsaOn("P-256");
    const { secretKey } = p256.keygen();
    const point = p256.getPublicKey(secretKey, false);
    const curve = "P-256";
    return {
      privateKeyPem: privatePem({ curve, bytes: secretKey }, point),
      publicKeyPem: publicPem({ curve, bytes: point }),
    };
  },
};
