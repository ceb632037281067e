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
export function parseKeys(files: KeyFiles, options: { readonly allowP384?: boolean }): Candidate[] {
  return [...files].flatMap(([sender, pems]) =>
    pems.map((pem) => {
      try {
        const key = defaultCrypto().verifyingKey(pem, { allowP384: options.allowP384 ?? false });
        return { sender, pem, key };
      } catch (error) {
        throw new ValidationError(
          `the key of ${sender ?? "every sender"} cannot be used: ${errorText(error)}`,
          {
            code: "INVALID_KEY",
          },
        );
      }
    }),
  );
}

/** The canonical bytes in spec order, and those in upb order where they differ. */
export function formsOf(message: BusPacket): readonly Uint8Array[] {
  const spec = canonicalBytes(message, "spec");
  return spec.ordersDiffer ? [spec.bytes, canonicalBytes(message, "upb").bytes] : [spec.bytes];
}

/** Whether one of the keys made a signature. */
export async function anyVerifies(
  keys: readonly Candidate[],
  form: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  for (const { key } of keys) if (await key.verify(form, signature)) return true;
  return false;
}

/** The sender whose key made a signature over one of the forms. */
export async function signerOf(
  keys: readonly Candidate[],
  forms: readonly Uint8Array[],
  signature: Uint8Array,
): Promise<string | undefined> {
  for (const form of forms) {
    for (const candidate of keys)
      if (await anyVerifies([candidate], form, signature)) return candidate.sender;
  }
  return undefined;
}
