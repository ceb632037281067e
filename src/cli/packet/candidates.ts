/** The keys that may have made a signature, and the bytes it may be over. */
import type { BusPacket } from "../../../gen/cap/index.js";
import { defaultCrypto } from "../../cap/crypto/backend.js";
import type { VerifyingKey } from "../../cap/index.js";
import { canonicalBytes } from "../../cap/packet.js";
import { errorText, ValidationError } from "../../core/errors.js";
import type { KeyFiles } from "../key-files.js";

/** A key that may have made the signature. */
export interface Candidate {
  /** Undefined for a key that was given without a sender: it is tried for every one. */
  readonly sender: string | undefined;
  readonly pem: string;
  readonly key: VerifyingKey;
}

/** Parses keys. @throws ValidationError `INVALID_KEY` */
export function parseKeys(files: KeyFiles, allowP384: boolean): Candidate[] {
  const parse = (sender: string | undefined, pem: string): Candidate => {
    try {
      return { sender, pem, key: defaultCrypto().verifyingKey(pem, { allowP384 }) };
    } catch (error) {
      const text = `the key of ${sender ?? "every sender"} cannot be used: ${errorText(error)}`;
      throw new ValidationError(text, { code: "INVALID_KEY" });
    }
  };
  return [...files].flatMap(([sender, pems]) => pems.map((pem) => parse(sender, pem)));
}

/** The canonical bytes in spec order, and those in upb order where they differ. */
export function formsOf(message: BusPacket): readonly Uint8Array[] {
  const spec = canonicalBytes(message, "spec");
  return spec.ordersDiffer ? [spec.bytes, canonicalBytes(message, "upb").bytes] : [spec.bytes];
}

/** The key that made a signature over one of the forms. */
export async function signerOf(
  keys: readonly Candidate[],
  forms: readonly Uint8Array[],
  signature: Uint8Array,
): Promise<Candidate | undefined> {
  for (const form of forms)
    for (const candidate of keys) if (await candidate.key.verify(form, signature)) return candidate;
  return undefined;
}
