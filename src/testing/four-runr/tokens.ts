/**
 * Tokens of the gateway: standard base64 of a JSON payload, a dot, and the HMAC-SHA256 of that base64 text in
 * lower-case hexadecimal. Clients treat them as opaque.
 */
import type * as NodeCrypto from "node:crypto";
import { requireBuiltin } from "../../core/builtin.js";

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

/** A token that was looked at. */
export type TokenVerdict =
  | { readonly ok: true; readonly payload: TokenPayload }
  | { readonly ok: false; readonly status: 400 | 403; readonly error: string };

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

  /** Format, signature and payload; not the expiry. Parts after the second dot are ignored. */
  read(token: string): TokenVerdict {
    const [part, signature] = token.split(".");
    if (!part || !signature) {
      return { ok: false, status: 400, error: "Invalid token format. Expected: BASE64(encrypted).SIGNATURE" };
    }
    if (signature !== this.#sign(part)) return { ok: false, status: 403, error: "Invalid token signature" };
    try {
      const payload = JSON.parse(Buffer.from(part, "base64").toString("utf8")) as TokenPayload;
      return { ok: true, payload };
    } catch {
      return { ok: false, status: 403, error: "Token decoding failed" };
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

  #sign(part: string): string {
    return this.#crypto.createHmac("sha256", this.#secret).update(part).digest("hex");
  }
}
