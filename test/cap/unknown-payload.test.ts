/** Packets of a later version: what is not known here travels on, and is named for what it is. */
import { describe, expect, it } from "vitest";
import type { BusPacket } from "../../gen/cap/index.js";
import { toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { generateKeyPair, KeyRing, MemoryBus, UnknownPayloadError } from "../../src/cap/index.js";
import {
  assertValidPacket,
  canonicalBytes,
  createPacket,
  decodePacket,
  encodePacket,
  validatePacket,
} from "../../src/cap/packet.js";
import { Party } from "../../src/cap/party.js";
import { openPacket, verifyPacket } from "../../src/cap/verify.js";
import { req } from "../requirements/index.ts";
import { toBase64 } from "./vectors.ts";

const pair = generateKeyPair();
const key = toSigningKey(pair.privateKeyPem);
const keys = new KeyRing({ later: pair.publicKeyPem });

/** A signed packet with a payload in field 1999, as a later version would send it. */
async function laterPacket(): Promise<{ packet: BusPacket; bytes: Uint8Array }> {
  const packet = createPacket({ case: "jobCancel", value: {} }, { senderId: "later", traceId: "t" });
  packet.payload = { case: undefined };
  packet.$unknown = [{ no: 1999, wireType: 2, data: Uint8Array.of(3, 0x0a, 1, 0x6a) }];
  packet.signature = await key.sign(canonicalBytes(packet).bytes);
  return { packet, bytes: encodePacket(packet) };
}

describe("a payload this version does not know", () => {
  it("is decoded, verified and encoded again to the same bytes", async () => {
    const { bytes } = await laterPacket();
    const decoded = decodePacket(bytes);
    expect(decoded.$unknown).toEqual([{ no: 1999, wireType: 2, data: Uint8Array.of(3, 0x0a, 1, 0x6a) }]);
    await expect(verifyPacket(decoded, bytes, keys)).resolves.toBe("spec");
    expect(toBase64(encodePacket(decoded))).toBe(toBase64(bytes));
  });

  it(req("cap.validate.rules", "is named as what it is, and refused with the code for it"), async () => {
    const { packet, bytes } = await laterPacket();
    const issues = [{ field: "payload", message: "is not known to this version: field 1999" }];
    expect(validatePacket(packet)).toEqual(issues);
    expect(() => assertValidPacket(packet)).toThrow(UnknownPayloadError);
    await expect(openPacket(bytes, { keys })).rejects.toMatchObject({
      numericCode: 102,
      details: { issues },
    });
  });

  it("is named after its protocol where a packet of that protocol is checked", async () => {
    const { packet } = await laterPacket();
    Object.assign(packet.payload, { case: "reviewRequest", value: {} });
    const message = "is not known to this version: reviewRequest";
    expect(validatePacket(packet)).toEqual([{ field: "payload", message }]);
  });

  it("is a missing payload where no unknown field holds a message", async () => {
    const { packet } = await laterPacket();
    packet.$unknown = [{ no: 1999, wireType: 0, data: Uint8Array.of(1) }];
    expect(validatePacket(packet)).toEqual([{ field: "payload", message: "must not be nil" }]);
  });

  it("is forwarded without loss, its signature looked at, by a receiver that asks for it", async () => {
    const { bytes } = await laterPacket();
    const bus = new MemoryBus();
    const options = { publicKeys: { later: pair.publicKeyPem } };
    const relay = new Party({ bus: bus.connect(), senderId: "relay", ...options });
    const arrived = new Promise<Uint8Array>((resolve) => {
      void bus.connect().subscribe("there", ({ data }) => resolve(data));
    });
    const check = (packet: BusPacket) =>
      expect(validatePacket(packet).filter(({ field }) => field !== "payload")).toEqual([]);
    const onPacket = (packet: BusPacket) => void relay.bus.publish("there", encodePacket(packet));
    await relay.receive("here", { onPacket }, { check });
    const forged = bytes.slice();
    forged[forged.length - 1]! ^= 1; // in the unknown payload
    await relay.bus.publish("here", forged);
    await relay.bus.publish("here", bytes);
    expect(toBase64(await arrived)).toBe(toBase64(bytes));
    expect(relay.stats).toEqual({ received: 2, refused: 1 });
  });
});

describe("a field this version does not know", () => {
  it(
    req("cap.canonical.unknown", "goes along when a request is taken over into another packet"),
    async () => {
      const sent = createPacket(
        { case: "jobRequest", value: { jobId: "j", topic: "job.echo" } },
        { senderId: "later", traceId: "t" },
      );
      if (sent.payload.case === "jobRequest")
        sent.payload.value.$unknown = [{ no: 1999, wireType: 2, data: Uint8Array.of(1, 0x67) }];
      const { payload } = decodePacket(encodePacket(sent));
      const dispatched = createPacket(payload, { senderId: "scheduler", traceId: "t" });
      const message = decodePacket(encodePacket(dispatched));
      expect(message.payload.value?.$unknown).toEqual([
        { no: 1999, wireType: 2, data: Uint8Array.of(1, 0x67) },
      ]);
      expect(validatePacket(message)).toEqual([]);
    },
  );
});
