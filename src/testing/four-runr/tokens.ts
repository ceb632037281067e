/**
 * Tokens of the gateway: standard base64 of a JSON payload, a dot, and the HMAC-SHA256 of that base64 text in
 * lower-case hexadecimal. Clients treat them as opaque.
 */
import type * as NodeCrypto from "node:crypto";
import { requireBuiltin } from "../../core/builtin.js";
import { refusal } from "../http/refusal.js";

/** What a token says, in the order in which it says it. */
export interface TokenPayload {
  readonly agent_id: string;
  readonly agent_name: string;
  readonly tools: readonly unknown[];
  readonly permissions: readonly unknown[];
  /** As it was asked for. Without it a token never expires. */
  readonly expires_at?: string | number;
  readonly nonce: string;
  readonly issued_at: string;
}

/** Makes and checks tokens with one secret. */
export class TokenMint {
  readonly #crypto = requireBuiltin<typeof NodeCrypto>("node:crypto", "the local gateway");
  readonly #secret: string;

  /** `secret`: the gateway's signing secret, used as UTF-8. */
  constructor(secret: string) {
    this.#secret = secret;
  }

  /** The token, and the hash of its payload by which the registry knows it. */
  issue(payload: TokenPayload): { readonly token: string; readonly payloadHash: string } {
    const text = JSON.stringify(payload);
    const part = Buffer.from(text).toString("base64");
    return { token: `${part}.${this.#sign(part)}`, payloadHash: this.hash(text) };
  }

  /**
   * The payload, once format and signature are checked; not the expiry. Parts after the second dot are ignored.
   *
   * @throws Refusal; `onUndecodable` is called before for a payload that cannot be read
   */
  read(token: string, onUndecodable: () => void): TokenPayload {
    const [part, signature] = token.split(".");
    if (!part || !signature) {
      throw refusal(400, "Invalid token format. Expected: BASE64(encrypted).SIGNATURE");
    }
    if (signature !== this.#sign(part)) throw refusal(403, "Invalid token signature");
    try {
      return JSON.parse(Buffer.from(part, "base64").toString("utf8")) as TokenPayload;
    } catch {
      onUndecodable();
      throw refusal(403, "Token decoding failed");
    }
  }

  /** SHA-256 in lower-case hexadecimal. */
  hash(text: string): string {
    return this.#crypto.createHash("sha256").update(text).digest("hex");
  }

  /** An RSA-2048 key pair, as every agent gets one. Takes about a tenth of a second. */
  keyPair(): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
    return new Promise((resolve, reject) => {
      const options = {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
      } as const;
      this.#crypto.generateKeyPair("rsa", options, (error, publicKey, privateKey) =>
        error ? reject(error) : resolve({ publicKey, privateKey }),
      );
    });
  }

  /** The public half of a private key. @throws an error of the platform for a text that is not one */
  publicKey(privateKeyPem: string): string {
    return this.#crypto.createPublicKey(privateKeyPem).export({ type: "spki", format: "pem" }).toString();
  }

  #sign(part: string): string {
    return this.#crypto.createHmac("sha256", this.#secret).update(part).digest("hex");
  }
}
