import type * as NodeCrypto from "node:crypto";
import { sha256 as portable } from "@noble/hashes/sha2.js";
import { builtinModule } from "../../core/builtin.js";

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
