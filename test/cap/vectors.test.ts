import { createHash } from "node:crypto";
import { type DescMessage, fromJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  BusPacketSchema,
  file_cordum_agent_v1_job,
  file_cordum_agent_v1_policy,
  file_cordum_agent_v1_safety,
} from "../../gen/cap/index.js";
import { defaultCrypto } from "../../src/cap/crypto/backend.js";
import { type CryptoOptions, toSigningKey } from "../../src/cap/crypto/key-ring.js";
import { KeyRing, keyFromPointer, nobleCrypto } from "../../src/cap/index.js";
import {
  canonicalBytes,
  decodePacket,
  encodePacket,
  signPacket,
  validatePacket,
} from "../../src/cap/packet.js";
import { sanitizeAgentName } from "../../src/cap/payloads.js";
import { parseWorkerTrustMode } from "../../src/cap/trust/config.js";
import { openPacket } from "../../src/cap/verify.js";
import { encodeCanonical } from "../../src/cap/wire/encode.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import { fromBase64, keyFile, messages, negative, packets, senderKeys, small, toBase64 } from "./vectors.ts";

const backends = [defaultCrypto(), nobleCrypto];

async function accepted(bytes: Uint8Array, keys: KeyRing | undefined): Promise<boolean> {
  try {
    await openPacket(bytes, { keys });
    return true;
  } catch {
    return false;
  }
}

it("runs on two different crypto libraries", () => {
  expect(backends.map(({ name }) => name)).toEqual(["node:crypto", "@noble/curves"]);
});

describe("packets.json", () => {
  it.each(packets)(req("cap.canonical.bytes", "$name: canonical bytes in both map orders"), (vector) => {
    const packet = fromJson(BusPacketSchema, vector.json as never);
    const upb = canonicalBytes(packet, "upb");
    const spec = canonicalBytes(packet, "spec");
    expect(toBase64(upb.bytes)).toBe(vector.canonical_unsigned_b64);
    expect(toBase64(spec.bytes)).toBe(vector.canonical_unsigned_spec_b64 ?? vector.canonical_unsigned_b64);
    expect(createHash("sha256").update(upb.bytes).digest("hex")).toBe(vector.sha256_hex);
    expect(spec.ordersDiffer).toBe(!vector.map_orders_agree);
  });

  it.each(packets)(
    req("cap.packet.roundtrip", "$name: decoded and encoded again to the same bytes"),
    (vector) => {
      const bytes = fromBase64(vector.packet_b64);
      const decoded = decodePacket(bytes);
      expect(toBase64(encodePacket(decoded, "upb"))).toBe(vector.packet_b64);
      expect(toBase64(encodePacket(decoded)) === vector.packet_b64).toBe(vector.map_orders_agree);
    },
  );

  it.each(packets)(req("cap.validate.rules", "$name: the same broken rules in the same words"), (vector) => {
    const message = decodePacket(fromBase64(vector.packet_b64));
    expect(validatePacket(message).map(({ field, message: text }) => [field, text])).toEqual(
      vector.sdk_validation_errors,
    );
  });

  describe.each(backends)("with $name", (crypto) => {
    const keys = new KeyRing(senderKeys, { crypto });

    it.each(packets)(
      req("cap.verify.orders", "$name: the same verdict, in either map order"),
      async (vector) => {
        expect(await accepted(fromBase64(vector.packet_b64), keys)).toBe(vector.accepted_with_keys);
        expect(await accepted(fromBase64(vector.packet_b64), undefined)).toBe(vector.accepted_without_keys);
        if (vector.packet_spec_b64) {
          const valid = vector.sdk_validation_errors.length === 0;
          expect(await accepted(fromBase64(vector.packet_spec_b64), keys)).toBe(valid);
        }
      },
    );

    it.each(packets)(req("cap.sign.bytes", "$name: what it signs is verified again"), async (vector) => {
      const packet = fromJson(BusPacketSchema, vector.json as never);
      const key = toSigningKey(keyFile(`${vector.key}.pkcs8.pem`), { crypto });
      for (const order of ["spec", "upb"] as const) {
        const signed = await signPacket(packet, key, order);
        expect(await accepted(signed.bytes, keys)).toBe(vector.accepted_with_keys);
        const again = decodePacket(signed.bytes);
        expect(toBase64(encodePacket(again, order))).toBe(toBase64(signed.bytes));
      }
    });
  });
});

describe("negative.json", () => {
  it.each(negative.filter((vector) => vector.canonical_unsigned_b64 !== null))(
    req("cap.canonical.equivalent", "$name: other bytes of the same message have the same canonical form"),
    (vector) => {
      const message = decodePacket(fromBase64(vector.packet_b64));
      expect(toBase64(canonicalBytes(message, "upb").bytes)).toBe(vector.canonical_unsigned_b64);
    },
  );

  describe.each(backends)("with $name", (crypto) => {
    const p384 = { p384: keyFile("p384.pub.pem") };
    const given = { all: senderKeys, empty: {}, "all+p384": { ...senderKeys, ...p384 } };

    it.each(negative)(req("cap.verify.strict", "$name: the same verdicts"), async ({ name, ...vector }) => {
      const bytes = fromBase64(vector.packet_b64);
      const verdict = async (options: CryptoOptions) => {
        try {
          return await accepted(bytes, new KeyRing(given[vector.public_keys], { crypto, ...options }));
        } catch {
          return false; // a key was refused
        }
      };
      expect(await verdict({ allowP384: true })).toBe(vector.accepted_with_keys);
      expect(await accepted(bytes, undefined)).toBe(vector.accepted_without_keys);
      if ((await verdict({})) !== vector.accepted_with_keys) {
        expect(expectedDifference(`cap/negative/${name}`), "not in expected-differences.yaml").toBeDefined();
      }
    });

    it(req("cap.keys.curve", "a P-384 key is refused unless it is asked for"), () => {
      expect(() => new KeyRing(p384, { crypto })).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
      expect(() => toSigningKey(keyFile("p384.pkcs8.pem"), { crypto })).toThrow("on P-256");
      expect(() => toSigningKey(keyFile("p384.sec1.pem"), { crypto })).toThrow("on P-256");
    });
  });

  it("differs nowhere else", () => {
    expect(staleDifferences("cap/")).toEqual([]);
  });
});

describe("messages.json", () => {
  const types = new Map<string, DescMessage>();
  for (const file of [file_cordum_agent_v1_job, file_cordum_agent_v1_policy, file_cordum_agent_v1_safety]) {
    for (const type of file.messages) types.set(type.typeName, type);
  }

  it.each(messages)(req("cap.canonical.messages", "$type: canonical bytes in both map orders"), (vector) => {
    const type = types.get(vector.type)!;
    const message = fromJson(type, vector.json as never);
    expect(toBase64(encodeCanonical(type, message, { mapOrder: "upb" }).bytes)).toBe(
      vector.deterministic_b64,
    );
    expect(toBase64(encodeCanonical(type, message, { mapOrder: "spec" }).bytes)).toBe(
      vector.deterministic_spec_b64,
    );
  });
});

describe("small.json", () => {
  it.each(small.pointers)(req("cap.pointer.key", "pointer $pointer"), ({ pointer, key, error }) => {
    if (error === null) expect(keyFromPointer(pointer)).toBe(key);
    else expect(() => keyFromPointer(pointer)).toThrow(error.replace(/^\w+: /, ""));
  });

  it.each(small.agent_names)(req("cap.agent-name.sanitize", "agent name $input"), ({ input, output }) => {
    expect(sanitizeAgentName(input)).toBe(output);
  });

  it.each(small.trust_modes)(req("cap.trust.mode", "trust mode '$input'"), ({ input, mode }) => {
    if (mode === undefined)
      expect(() => parseWorkerTrustMode(input)).toThrow(
        expect.objectContaining({ code: "INVALID_TRUST_MODE" }),
      );
    else expect(parseWorkerTrustMode(input)).toBe(mode);
  });
});
