/**
 * Signing with node:crypto: keys parsed once; work done at once, or in libuv's pool, where several packets are
 * signed and verified at the same time.
 */
import type * as NodeCrypto from "node:crypto";
import { builtinModule } from "../../core/builtin.js";
import type { CryptoBackend, KeyOptions, SigningKey, VerifyingKey } from "./backend.js";
import { invalidKey, pemLabel } from "./pem.js";

type Crypto = typeof NodeCrypto;

const CURVE_NAMES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384" };

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
      const label = pemLabel(pem);
      if (label !== "PRIVATE KEY" && label !== "EC PRIVATE KEY") {
        throw invalidKey(`a private key must be "PRIVATE KEY" or "EC PRIVATE KEY", is "${label}"`);
      }
      const key = parse(() => crypto.createPrivateKey(pem));
      if (curveOf(key) !== "P-256") throw invalidKey(`a signing key must be on P-256, is on ${curveOf(key)}`);
      const publicKeyPem = crypto.createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
      return {
        sign: (data) =>
          new Promise((resolve, reject) => {
            crypto.sign("sha256", data, key, (error, signature) =>
              error ? reject(error) : resolve(signature),
            );
          }),
        signSync: (data) => crypto.sign("sha256", data, key),
        publicKeyPem,
      };
    },

    verifyingKey(pem: string, options: KeyOptions = {}): VerifyingKey {
      const label = pemLabel(pem);
      if (label !== "PUBLIC KEY") throw invalidKey(`a public key must be "PUBLIC KEY", is "${label}"`);
      const key = parse(() => crypto.createPublicKey(pem));
      const curve = curveOf(key);
      if (curve !== "P-256" && !(curve === "P-384" && options.allowP384)) {
        throw invalidKey(`a public key must be on P-256, is on ${curve}`);
      }
      return {
        verify: (data, signature) =>
          new Promise((resolve) => {
            crypto.verify("sha256", data, key, signature, (error, valid) => resolve(!error && valid));
          }),
        verifySync: (data, signature) => {
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

function parse(make: () => NodeCrypto.KeyObject): NodeCrypto.KeyObject {
  try {
    return make();
  } catch (cause) {
    throw invalidKey("the key cannot be read", cause);
  }
}

function curveOf(key: NodeCrypto.KeyObject): string {
  const name = key.asymmetricKeyDetails?.namedCurve;
  return name === undefined ? `no curve (${key.asymmetricKeyType})` : (CURVE_NAMES[name] ?? name);
}
