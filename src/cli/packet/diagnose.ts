/**
 * Why a packet does not verify. A receiver only says that it does not; here everything that peers are known to do
 * is tried: the other map order, bytes that were not canonical, and what `wrong-signature.ts` knows.
 */

import {
  type BusPacket,
  BusPacketSchema,
  PRODUCTION_PROFILE,
  PROTOCOL_VERSION,
} from "../../../gen/cap/index.js";
import { decodePacket, SIGNATURE_FIELD, validatePacket } from "../../cap/packet.js";
import { trustPhase } from "../../cap/trust/signature.js";
import { withoutField } from "../../cap/wire/decode.js";
import type { MapOrder } from "../../cap/wire/writer.js";
import { errorText } from "../../core/errors.js";
import type { KeyFiles } from "../key-files.js";
import { type Candidate, formsOf, parseKeys, signerOf } from "./candidates.js";
import { messageToJson } from "./packet-json.js";
import { type Arrival, judgeArrival, judgeProduction, judgeTrust } from "./profiles.js";
import { no, type Verdict, yes } from "./verdict.js";
import { explainWrongSignature } from "./wrong-signature.js";

/** Options of {@link diagnose}. */
export interface DiagnoseOptions extends Arrival {
  /** Accept signatures over this order only. Default: both. */
  readonly mapOrder?: MapOrder | undefined;
  /** Accept a signature over the received bytes, whatever their order. Default: false. */
  readonly acceptRawOrder?: boolean;
  /** Default: false. */
  readonly allowP384?: boolean;
}

/** Verifies a packet, and finds out why not. */
export async function diagnose(
  bytes: Uint8Array,
  files: KeyFiles,
  options: DiagnoseOptions = {},
): Promise<Verdict> {
  const candidates = parseKeys(files, options.allowP384 ?? false);
  if (bytes.length === 0) return no("malformed", "there are no bytes");
  let message: BusPacket;
  try {
    message = decodePacket(bytes, Infinity);
  } catch (error) {
    return no("malformed", `the bytes are not a packet: ${errorText(error)}`);
  }
  const about = { sender: message.senderId, payload: message.payload.case };
  const isTrustPhase = trustPhase(message) !== undefined;
  const issues = isTrustPhase ? [] : validatePacket(message);
  const broken = (field: string): boolean => issues.some((issue) => issue.field === field);
  const finding =
    (broken("protocol_version") &&
      no("wrong_version", `protocol_version is ${message.protocolVersion}, not ${PROTOCOL_VERSION}`)) ||
    (broken("payload") && unknownPayload(message)) ||
    (await judgeSignature(message, bytes, candidates, options));
  if (finding.ok && issues.length > 0) {
    const rules = issues.map(({ field, message }) => `${field}: ${message}`).join("; ");
    const text = `the signature is right, and receivers refuse it all the same: ${rules}`;
    return { ...no("broken_rule", text), ...about };
  }
  const refused = finding.ok && !isTrustPhase ? judgeArrival(message, options) : undefined;
  return { ...(refused ?? finding), ...about };
}

function unknownPayload(message: BusPacket): Verdict {
  const { unknown } = messageToJson(BusPacketSchema, message);
  const numbers = unknown.filter(({ path }) => !path.includes(".")).map(({ number }) => number);
  const why = numbers.length === 0 ? "" : `; field ${numbers.join(", ")} is not known to this version`;
  return no("unknown_payload", `the packet carries no payload${why}`);
}

async function judgeSignature(
  message: BusPacket,
  received: Uint8Array,
  all: readonly Candidate[],
  options: DiagnoseOptions,
): Promise<Verdict> {
  const { senderId, signature } = message;
  if (senderId === "") return no("missing_signature", "sender_id is empty, so nobody can have signed it");
  if (signature.length === 0) {
    const advice = "sign it (agentwire sign), or take the receiver's public keys away";
    return no("missing_signature", "the packet carries no signature", advice);
  }
  const own = all.filter(({ sender }) => sender === senderId || sender === undefined);
  const others = all.filter((candidate) => !own.includes(candidate));
  if (own.length === 0) {
    const signer = await signerOf(others, formsOf(message), signature);
    const hint = signer === undefined ? "" : `; the signature was made with the key of ${signer.sender}`;
    const known = [...new Set(all.map(({ sender }) => sender))].join(", ");
    const advice = `keys are known for: ${known || "nobody"}`;
    return no("unknown_sender", `no key is known for ${senderId}${hint}`, advice);
  }
  const isTrust = trustPhase(message) !== undefined;
  if (isTrust || message.signatureMetadata?.profileVersion === PRODUCTION_PROFILE) {
    const allowed = own.filter(({ key }) => key.curve === "P-256");
    if (allowed.length === 0) {
      const advice = "worker trust and CAP-PRODUCTION take keys on P-256 only";
      return no("wrong_curve", `the key of ${senderId} is on P-384`, advice);
    }
    return isTrust
      ? judgeTrust(message, allowed, others, options)
      : judgeProduction(received, message, allowed, others, options);
  }
  const genuine = await genuineForm(message, received, own, options);
  return genuine ?? explainWrongSignature(message, received, own, others);
}

async function genuineForm(
  message: BusPacket,
  received: Uint8Array,
  own: readonly Candidate[],
  { mapOrder, acceptRawOrder }: DiagnoseOptions,
): Promise<Verdict | undefined> {
  const [spec, upb] = formsOf(message);
  const over = (form: Uint8Array) => signerOf(own, [form], message.signature);
  if (await over(spec!)) {
    if (upb !== undefined && mapOrder === "upb") return otherOrder("spec", "upb");
    return yes(upb === undefined ? "either order" : "spec order", "the signature is the sender's");
  }
  if (upb !== undefined && (await over(upb))) {
    if (mapOrder === "spec") return otherOrder("upb", "spec");
    const advice = "peers that sort maps in spec order only (Go, the specification) refuse this packet";
    return { ...yes("upb order", "the signature is the sender's, over maps in upb order"), advice };
  }
  if (!(await over(withoutField(received, SIGNATURE_FIELD)))) return undefined;
  if (acceptRawOrder)
    return yes("received bytes", "the signature is the sender's, over the bytes as received");
  return no(
    "not_canonical",
    "the signature is the sender's, but over bytes that are not canonical: it signed what it sent as it was",
    "older Go SDKs do that: --accept-raw-order here, `acceptRawOrder` at the receiver, or a newer SDK there",
  );
}

function otherOrder(signed: MapOrder, wanted: MapOrder): Verdict {
  return no(
    "map_order",
    `the signature is the sender's, but over maps in ${signed} order, not in ${wanted} order`,
    `let the receiver try both orders, or sign with --map-order ${wanted}`,
  );
}
