/** CAP-PRODUCTION against what cap-sdk-python 2.17.0 made and judged, on both crypto backends. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { IdentityBindingSchema, JobRequestSchema, ResourceRefSchema } from "../../gen/cap/index.js";
import { defaultCrypto, nobleCrypto, toSigningKey, type VerifyingKey } from "../../src/cap/index.js";
import { createPacket, decodePacket, encodePacket } from "../../src/cap/packet.js";
import { takeApart } from "../../src/cap/production/exact-bytes.js";
import {
  checkIdentity,
  MemoryReplayStore,
  openProduction,
  sealProduction,
} from "../../src/cap/production/index.js";
import { checkResourceRef, legacyKey } from "../../src/cap/production/resource.js";
import { keysById } from "../../src/cap/trust/config.js";
import { timestampOf } from "../../src/cap/wire/well-known.js";
import type { AgentwireError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { fromBase64, keyFile } from "./vectors.ts";

interface Trust {
  readonly audience: string;
  readonly tenant: string;
  readonly sender: string;
  readonly clock_skew?: number;
}
interface Vectors {
  readonly positive: readonly {
    readonly now: string;
    readonly trust: Trust;
    readonly raw_b64: string;
    readonly unsigned_b64: string;
    readonly signature_b64: string;
    readonly preimage_digest_hex: string;
    readonly body_digest_hex: string;
  }[];
  readonly negative: readonly {
    readonly name: string;
    readonly now: string;
    readonly trust: Trust;
    readonly raw_b64: string | null;
    readonly outcome: string;
  }[];
  readonly resource_ref: readonly {
    readonly name: string;
    readonly now: string;
    readonly installed: readonly string[];
    readonly ref: JsonValue;
    readonly outcome: string;
  }[];
  readonly legacy_key: readonly {
    readonly pointer: string;
    readonly key: string | null;
    readonly error: string | null;
  }[];
  readonly replay: readonly {
    readonly step: string;
    readonly tenant: string;
    readonly audience: string;
    readonly sender: string;
    readonly message_id_b64: string;
    readonly digest_b64: string;
    readonly expires_in_s: number;
    readonly outcome: string;
  }[];
  readonly identity_binding: readonly {
    readonly name: string;
    readonly request: JsonValue;
    readonly authoritative: Record<string, string>;
    readonly outcome: string;
  }[];
}

const file = join(import.meta.dirname, "../vectors/cap/production.json");
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function verdictOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return "accepted";
  } catch (error) {
    return (error as AgentwireError).message;
  }
}

describe.each([defaultCrypto(), nobleCrypto])("CAP-PRODUCTION on $name", (crypto) => {
  const scheduler = keysById("keys", { "sched-key-1": keyFile("scheduler.pub.pem") }, { crypto });
  const trustOf = (
    { audience, tenant, sender, clock_skew = 0 }: Trust,
    now: string,
    keys: ReadonlyMap<string, VerifyingKey> = scheduler,
  ) => ({
    audience,
    tenantId: tenant,
    senderId: sender,
    keys,
    clockSkewMs: clock_skew * 1000,
    clock: new FakeClock({ now: Date.parse(now) }),
  });

  it.each(vectors.positive)(
    req("cap.production.vectors", "opens the exact bytes of $trust.audience %#"),
    async (vector) => {
      const raw = fromBase64(vector.raw_b64);
      const { signed, unsigned, signature } = takeApart(raw);
      expect(unsigned).toEqual(fromBase64(vector.unsigned_b64));
      expect(signature).toEqual(fromBase64(vector.signature_b64));
      expect(sha256(signed)).toBe(vector.preimage_digest_hex);
      expect(sha256(unsigned)).toBe(vector.body_digest_hex);
      const { packet } = await openProduction(raw, trustOf(vector.trust, vector.now));
      expect(packet).toEqual(decodePacket(raw));
    },
  );

  it.each(vectors.negative)(
    req("cap.production.vectors", "judges $name as the SDK does: $outcome"),
    async ({ name, now, trust, raw_b64, outcome }) => {
      if (name === "p384_key") {
        const configure = () => keysById("keys", { p384: keyFile("p384.pub.pem") }, { crypto });
        expect(configure).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
        const parsed = crypto.verifyingKey(keyFile("p384.pub.pem"), { allowP384: true });
        expect(() => keysById("keys", { p384: parsed })).toThrow("must be on P-256");
        const { curve: _, ...nameless } = parsed;
        for (const key of [parsed, nameless as typeof parsed]) {
          const open = openProduction(fromBase64(raw_b64!), {
            ...trustOf(trust, now),
            keys: new Map([["p384", key]]),
          });
          await expect(open).rejects.toThrow("must be on P-256");
        }
        return;
      }
      let raw = raw_b64 === null ? new Uint8Array(0) : fromBase64(raw_b64);
      if (raw_b64 === null) raw = new Uint8Array(1_048_577).fill(0x61);
      const verdict = await verdictOf(() => openProduction(raw, trustOf(trust, now)));
      const expected = outcome.replace(/^ProductionSignatureError: /, "");
      if (name === "truncated") expect(verdict).toContain("the bytes end");
      else if (name === "blank_tenant") expect(verdict).toContain("production trust requires tenantId");
      else if (name === "skew_over_1m")
        expect(verdict).toContain("clockSkewMs must be a number of at least 0 and at most 60000");
      else expect(verdict).toBe(expected);
    },
  );

  it("refuses what is too large before anything else, and does not send it", async () => {
    const control = vectors.negative.find(({ name }) => name === "control")!;
    const { packet } = await openProduction(
      fromBase64(control.raw_b64!),
      trustOf(control.trust, control.now),
    );
    const large = { ...packet, signature: new Uint8Array(0), authToken: "a".repeat(1_048_576) };
    const key = toSigningKey(keyFile("scheduler.pkcs8.pem"), { crypto });
    const options = { key, keyId: "sched-key-1", audience: "job.echo", clock: new FakeClock() };
    await expect(sealProduction(large, options)).rejects.toThrow(
      "a production packet may have 1048576 bytes",
    );
    const raw = encodePacket({ ...large, signature: new Uint8Array(70) });
    expect(await verdictOf(() => openProduction(raw, trustOf(control.trust, control.now)))).toBe(
      "production packet exceeds size limit",
    );
  });

  it("opens what it seals, on no other subject and with a new message id each time", async () => {
    const { now, trust, raw_b64 } = vectors.positive[0]!;
    const { packet } = await openProduction(fromBase64(raw_b64), trustOf(trust, now));
    const clock = new FakeClock({ now: Date.parse(now) });
    const key = toSigningKey(keyFile("scheduler.pkcs8.pem"), { crypto });
    const seal = () => sealProduction(packet, { key, keyId: "sched-key-1", audience: "job.echo", clock });
    const opened = await openProduction(await seal(), trustOf(trust, now));
    expect(opened.packet.payload).toEqual(packet.payload);
    expect(opened.expiresAtMs).toBe(Date.parse(now) + 240_000);
    const again = await openProduction(await seal(), trustOf(trust, now));
    expect(again.messageId).not.toEqual(opened.messageId);
    const elsewhere = trustOf({ ...trust, audience: "job.other" }, now);
    await expect(openProduction(await seal(), elsewhere)).rejects.toMatchObject({
      details: { problem: "wrong_audience" },
    });
  });
});

describe("beside the signature", () => {
  it.each(vectors.resource_ref)(
    req("cap.production.vectors", "a reference: $name, $outcome"),
    async ({ ref, installed, now, outcome }) => {
      const message = fromJson(ResourceRefSchema, ref);
      const verdict = await verdictOf(() => checkResourceRef(message, installed, Date.parse(now)));
      expect(verdict).toBe(outcome === "ok" ? "accepted" : outcome);
    },
  );

  it.each([
    ["a size of 1 byte", { sizeBytes: 1n }, true],
    ["a size of 0 bytes", { sizeBytes: 0n }, false],
    ["a size of 2^30 bytes", { sizeBytes: 2n ** 30n }, true],
    ["a size of 2^30 + 1 bytes", { sizeBytes: 2n ** 30n + 1n }, false],
    ["a URI of 2,048 characters", { uri: `redis://a/${"x".repeat(2_038)}` }, true],
    ["a URI of 2,049 characters", { uri: `redis://a/${"x".repeat(2_039)}` }, false],
    ["an authority of 255 characters", { uri: `redis://${"x".repeat(255)}` }, true],
    ["an authority of 256 characters", { uri: `redis://${"x".repeat(256)}` }, false],
    ["an end a millisecond ahead", { expiresAt: timestampOf(1_001) }, true],
    ["an end at this moment", { expiresAt: timestampOf(1_000) }, false],
  ])("a reference with %s", (_, change, isTaken) => {
    const ref = create(ResourceRefSchema, {
      resolverId: "redis",
      uri: "redis://a",
      mediaType: "text/plain",
      purpose: "job.context",
      sha256: new Uint8Array(32),
      sizeBytes: 7n,
      expiresAt: timestampOf(2_000),
      ...change,
    });
    const check = () => checkResourceRef(ref, ["redis"], 1_000);
    if (isTaken) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: "INVALID_RESOURCE" }));
  });

  it.each([
    ["a key id", { keyId: " " }],
    ["an audience", { audience: " " }],
  ])("nothing is sealed without %s", async (_, change) => {
    const packet = createPacket({ case: "jobRequest", value: { jobId: "j" } }, { senderId: "s" });
    const key = toSigningKey(keyFile("scheduler.pkcs8.pem"));
    const options = { key, keyId: "k", audience: "job.a", ...change };
    await expect(sealProduction(packet, options)).rejects.toMatchObject({ name: "ValidationError" });
  });

  it.each(vectors.legacy_key)(
    req("cap.production.vectors", "a legacy pointer: $pointer"),
    async ({ pointer, key, error }) => {
      if (key === null) expect(await verdictOf(() => legacyKey(pointer))).toBe(error);
      else expect(legacyKey(pointer)).toBe(key);
    },
  );

  it(req("cap.production.vectors", "the replay store"), async () => {
    const clock = new FakeClock();
    const store = new MemoryReplayStore({ clock });
    for (const {
      outcome,
      tenant,
      audience,
      sender,
      message_id_b64,
      digest_b64,
      expires_in_s,
    } of vectors.replay) {
      const verdict = await verdictOf(() => {
        const admitted = store.admit({
          tenantId: tenant,
          audience,
          senderId: sender,
          messageId: fromBase64(message_id_b64),
          digest: fromBase64(digest_b64),
          untilMs: clock.now() + expires_in_s * 1000,
        });
        throw new Error(admitted);
      });
      if (outcome.startsWith("ReplayConflictError")) expect(verdict).toBe("conflict");
      else if (outcome.includes("invalid replay")) expect(verdict).toBe("invalid replay admission input");
      else if (outcome.includes("in the future")) expect(verdict).toContain("in the future");
      else expect(verdict).toBe(outcome);
    }
  });

  it.each(vectors.identity_binding)(
    req("cap.production.vectors", "an identity: $name, $outcome"),
    async ({ request, authoritative, outcome }) => {
      const { tenant_id: tenantId = "", principal_id: principalId = "" } = authoritative;
      const identity = create(IdentityBindingSchema, { tenantId, principalId });
      const verdict = await verdictOf(() => checkIdentity(fromJson(JobRequestSchema, request), identity));
      expect(verdict).toBe(outcome === "ok" ? "accepted" : outcome);
    },
  );
});
