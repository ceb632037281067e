/** Packets, signed and not, and the canonical bytes under signatures. */
import fc from "fast-check";
import { defaultCrypto, KeyRing } from "../../src/cap/index.js";
import {
  canonicalBytes,
  decodePacket,
  encodePacket,
  openPacket,
  validatePacket,
} from "../../src/cap/packet/index.js";
import { fromBase64, keyFile, negative, packets } from "../cap/vectors.ts";
import { almostBytes, must, refusable, type Target } from "./target.ts";

const golden = packets.map(({ packet_b64 }) => fromBase64(packet_b64));
const signed = packets
  .filter((one) => one.accepted_with_keys)
  .map(({ packet_b64 }) => fromBase64(packet_b64));
const broken = negative.map(({ packet_b64 }) => fromBase64(packet_b64));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** The content of a packet, in one form whatever its bytes were. */
const contentOf = (bytes: Uint8Array) => text(canonicalBytes(decodePacket(bytes), "spec").bytes);

const keys = new KeyRing(
  Object.fromEntries(
    ["client", "worker", "scheduler"].map((name) => [`${name}-1`, keyFile(`${name}.pub.pem`)]),
  ),
  { crypto: defaultCrypto() },
);

const decoding: Target = {
  name: "packets",
  promise: "decoded and encoded again to the same content, or refused by a typed error",
  short: 2_000,
  property: (count) =>
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), almostBytes([...golden, ...broken])),
      async (bytes) => {
        const decoded = await refusable(count, () => decodePacket(bytes));
        if (decoded === undefined) return true;
        const again = encodePacket(decoded);
        must(text(encodePacket(decodePacket(again))) === text(again), "canonical bytes changed by encoding");
        must(contentOf(again) === contentOf(bytes), "the content changed by encoding");
        must(Array.isArray(validatePacket(decoded)), "a packet could not be judged");
        return true;
      },
    ),
};

const contents = new Set(signed.map(contentOf));

const opening: Target = {
  name: "signed packets",
  promise: "a changed packet whose content differs is not accepted",
  short: 1_000,
  property: (count) =>
    fc.asyncProperty(almostBytes(signed), async (bytes) => {
      const opened = await refusable(count, () => openPacket(bytes, { keys }));
      must(opened === undefined || contents.has(contentOf(bytes)), "a changed packet was accepted");
      return true;
    }),
};

export const packetTargets = [decoding, opening];
