/**
 * Where a signature that nobody seems to have made came from: everything that peers are known to do is tried.
 */
import { createHash, createPublicKey, verify as nodeVerify } from "node:crypto";
import { clone } from "@bufbuild/protobuf";
import type { BusPacket } from "../../../gen/cap/index.js";
import { BusPacketSchema } from "../../../gen/cap/index.js";
import { SIGNATURE_FIELD } from "../../cap/packet.js";
import { withoutField } from "../../cap/wire/decode.js";
import { anyVerifies, type Candidate, formsOf, signerOf } from "./candidates.js";
import { messageToJson } from "./packet-json.js";
import { toDer, trimDer } from "./signature-form.js";
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
  if (signer !== undefined) {
    return no("wrong_key", `signed with the key of ${signer}, but it says it is from ${senderId}`);
  }
  const changed = await changedSince(message, own, others);
  if (changed !== undefined) return changed;
  const reshaped = await reshapedSignature(signature, forms, own);
  if (reshaped !== undefined) return reshaped;
  for (const form of forms) {
    const hash = createHash("sha256").update(form).digest();
    if (await anyVerifies(own, hash, signature)) {
      return no("hashed_twice", "the signer hashed the bytes before a function that hashes them again");
    }
    for (const name of ["sha512", "sha384", "sha1"]) {
      if (own.some(({ pem }) => verifies(name, form, pem, signature))) {
        return no("other_hash", `the signature is over ${name}, CAP requires SHA-256`);
      }
    }
  }
  const count = own.length === 1 ? "the key of" : `one of ${own.length} keys of`;
  return no(
    "wrong_signature",
    `the signature was not made with ${count} ${senderId} over this packet`,
    "another key signed it (was it rotated?), or the packet was changed after it was signed: a relay that drops " +
      "fields it does not know changes it too",
  );
}

async function changedSince(
  message: BusPacket,
  own: readonly Candidate[],
  others: readonly Candidate[],
): Promise<Verdict | undefined> {
  const { signature } = message;
  const changed = (change: { authToken?: string; senderId?: string }): readonly Uint8Array[] =>
    formsOf(Object.assign(clone(BusPacketSchema, message), change));
  const anyForm = async (keys: readonly Candidate[], forms: readonly Uint8Array[]): Promise<boolean> => {
    for (const form of forms) if (await anyVerifies(keys, form, signature)) return true;
    return false;
  };
  if (messageToJson(BusPacketSchema, message).unknown.length > 0) {
    if (await anyForm(own, formsOf(withoutUnknown(message)))) {
      return no(
        "unknown_fields_dropped",
        "the signer left out fields that it does not know; they belong to the signed bytes",
        "whoever signs a packet again must keep its unknown fields",
      );
    }
  }
  if (message.authToken !== "" && (await anyForm(own, changed({ authToken: "" })))) {
    return no(
      "token_changed",
      "auth_token was set after the packet was signed",
      "set the token first, then sign",
    );
  }
  for (const sender of new Set(others.map(({ sender }) => sender!))) {
    const theirs = others.filter((candidate) => candidate.sender === sender);
    if (await anyForm(theirs, changed({ senderId: sender }))) {
      return no("sender_changed", `this is a packet of ${sender}; sender_id was changed after it was signed`);
    }
  }
  return undefined;
}

async function reshapedSignature(
  signature: Uint8Array,
  forms: readonly Uint8Array[],
  own: readonly Candidate[],
): Promise<Verdict | undefined> {
  const tries = [
    [
      "signature_not_der",
      "the signature is r and s one after the other, CAP requires ASN.1 DER",
      toDer(signature),
    ],
    ["signature_has_more_bytes", "bytes follow after the DER signature", trimDer(signature)],
  ] as const;
  for (const [problem, text, made] of tries) {
    if (made === undefined) continue;
    for (const form of forms) if (await anyVerifies(own, form, made)) return no(problem, text);
  }
  return undefined;
}

function withoutUnknown(message: BusPacket): BusPacket {
  const copy = clone(BusPacketSchema, message);
  dropUnknown(copy);
  return copy;
}

function dropUnknown(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  delete (value as { $unknown?: unknown }).$unknown;
  for (const inner of Object.values(value)) dropUnknown(inner);
}

function verifies(hash: string, form: Uint8Array, pem: string, signature: Uint8Array): boolean {
  try {
    return nodeVerify(hash, form, createPublicKey(pem), signature);
  } catch {
    return false; // not DER
  }
}
