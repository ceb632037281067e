/** Signing with node:crypto: keys parsed once, work done at once, which is cheaper than a trip to another thread. */
import type * as NodeCrypto from "node:crypto";
import { builtinModule } from "../../core/builtin.js";
import type { CryptoBackend, KeyOptions, SigningKey, VerifyingKey } from "./backend.js";
import { parsePrivatePem, parsePublicPem, privatePem, publicPem } from "./key-form.js";
import { invalidKey } from "./pem.js";

type Crypto = typeof NodeCrypto;

/** The backend over this platform's node:crypto, or undefined where there is none. */
export function findNodeCrypto(): CryptoBackend | undefined {
  const crypto = builtinModule<Crypto>("node:crypto");
  return typeof crypto?.createPrivateKey === "function" ? nodeCrypto(crypto) : undefined;
}

/** The backend over a node:crypto module. */
export function nodeCrypto(crypto: Crypto): CryptoBackend {
  return {
    name: "node:crypto",

    signingKey(pem: string): SigningKey {
      const parsed = parsePrivatePem(pem);
      const key = keyObject(() => crypto.createPrivateKey(privatePem(parsed)));
      const publicKeyPem = crypto.createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
      return { sign: (data) => crypto.sign("sha256", data, key), publicKeyPem };
    },

    verifyingKey(pem: string, options?: KeyOptions): VerifyingKey {
      const parsed = parsePublicPem(pem, options);
      const key = keyObject(() => crypto.createPublicKey(publicPem(parsed)));
      return {
        curve: parsed.curve,
        verify: (data, signature) => {
          try {
            return crypto.verify("sha256", data, key, signature);
          } catch {
            return false; // not DER
          }
        },
      };
    },

    generateKeyPair() {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", {
        namedCurve: "prime256v1",
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
      });
      return { privateKeyPem: privateKey, publicKeyPem: publicKey };
    },
  };
}

function keyObject(make: () => NodeCrypto.KeyObject): NodeCrypto.KeyObject {
  try {
    return make();
  } catch (cause) {
    throw invalidKey("the key cannot be used: its point is not on its curve", cause);
  }
}
