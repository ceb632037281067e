/**
 * Where a signature that nobody seems to have made came from: everything that peers are known to do is tried.
 */
import { createHash, createPublicKey, verify as nodeVerify } from "node:crypto";
import { clone } from "@bufbuild/protobuf";
import type { BusPacket } from "../../../gen/cap/index.js";
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { SIGNATURE_FIELD } from "../../cap/packet.js";
import { withoutField } from "../../cap/wire/decode.js";
import { type Candidate, formsOf, signerOf } from "./candidates.js";
import { messageToJson } from "./packet-json.js";
import { no, type Verdict } from "./verdict.js";

/** None of the sender's keys made the signature over the packet as it is: what else may have happened? */
export async function explainWrongSignature(
  message: BusPacket,
  received: Uint8Array,
  own: readonly Candidate[],
  others: readonly Candidate[],
): Promise<Verdict> {
  const { signature, senderId } = message;
  const forms = [...formsOf(message), withoutField(received, SIGNATURE_FIELD)];
  const signer = await signerOf(others, forms, signature);
  if (signer !== undefined)
    return no("wrong_key", `signed with the key of ${signer.sender}, but it says it is from ${senderId}`);
  const count = own.length === 1 ? "the key of" : `one of ${own.length} keys of`;
  const advice =
    "another key signed it (was it rotated?), or the packet was changed after it was signed: a relay that drops " +
    "fields it does not know changes it too";
  return (
    (await changedSince(message, own, others)) ??
    (await madeOtherwise(signature, forms, own)) ??
    no("wrong_signature", `the signature was not made with ${count} ${senderId} over this packet`, advice)
  );
}

async function changedSince(
  message: BusPacket,
  own: readonly Candidate[],
  others: readonly Candidate[],
): Promise<Verdict | undefined> {
  const signed = (keys: readonly Candidate[], change: Partial<BusPacket>, known = false) => {
    const copy = Object.assign(clone(BusPacketSchema, message), change);
    if (known) dropUnknown(copy);
    return signerOf(keys, formsOf(copy), message.signature);
  };
  if (messageToJson(BusPacketSchema, message).unknown.length > 0 && (await signed(own, {}, true))) {
    return no(
      "unknown_fields_dropped",
      "the signer left out fields that it does not know; they belong to the signed bytes",
      "whoever signs a packet again must keep its unknown fields",
    );
  }
  if (message.authToken !== "" && (await signed(own, { authToken: "" }))) {
    const advice = "set the token first, then sign";
    return no("token_changed", "auth_token was set after the packet was signed", advice);
  }
  for (const other of others) {
    if (await signed([other], { senderId: other.sender! })) {
      const text = `this is a packet of ${other.sender}; sender_id was changed after it was signed`;
      return no("sender_changed", text);
    }
  }
  return undefined;
}

async function madeOtherwise(
  signature: Uint8Array,
  forms: readonly Uint8Array[],
  own: readonly Candidate[],
): Promise<Verdict | undefined> {
  const made = (hash: string, dsaEncoding: "der" | "ieee-p1363"): boolean =>
    own.some(({ pem }) => {
      const key = { key: createPublicKey(pem), dsaEncoding };
      try {
        return forms.some((form) => nodeVerify(hash, form, key, signature));
      } catch {
        return false; // not of this encoding
      }
    });
  if (made("sha256", "ieee-p1363"))
    return no("signature_not_der", "the signature is r and s one after the other, CAP requires ASN.1 DER");
  const trimmed = trimDer(signature);
  if (trimmed !== undefined && (await signerOf(own, forms, trimmed)))
    return no("signature_has_more_bytes", "bytes follow after the DER signature");
  const hashes = forms.map((form) => createHash("sha256").update(form).digest());
  if (await signerOf(own, hashes, signature))
    return no("hashed_twice", "the signer hashed the bytes before a function that hashes them again");
  const other = ["sha512", "sha384", "sha1"].find((name) => made(name, "der"));
  return other === undefined
    ? undefined
    : no("other_hash", `the signature is over ${other}, CAP requires SHA-256`);
}

/** A DER signature without what follows it. Undefined where nothing follows, or there is no DER. */
function trimDer(signature: Uint8Array): Uint8Array | undefined {
  const [tag, length = 0] = signature;
  if (tag !== 0x30 || length > 0x7f || signature.length <= length + 2) return undefined;
  return signature.slice(0, length + 2);
}

function dropUnknown(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  delete (value as { $unknown?: unknown }).$unknown;
  for (const inner of Object.values(value)) dropUnknown(inner);
}
