/** The worker trust handshake against what cap-sdk-python 2.17.0 made and judged, on both crypto backends. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BusPacket, WorkerHandshakeChallenge } from "../../gen/cap/index.js";
import { defaultCrypto } from "../../src/cap/crypto/backend.js";
import { nobleCrypto } from "../../src/cap/crypto/noble.js";
import { encodePacket } from "../../src/cap/packet.js";
import { resolveWorkerTrust } from "../../src/cap/trust/config.js";
import { acceptChallenge, acceptResult, authenticateRequest } from "../../src/cap/trust/handshake.js";
import { checkTrustPacket, decodeTrustPacket, WorkerTrustError } from "../../src/cap/trust/messages.js";
import { signTrustPacket, trustBytes, verifyTrustPacket } from "../../src/cap/trust/signature.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { fromBase64, keyFile } from "./vectors.ts";

interface Message {
  readonly packet_b64: string;
  readonly digest_hex: string;
  readonly key: "worker" | "scheduler";
}
interface Flow {
  readonly purpose: string;
  readonly current_token: string;
  readonly request: Message;
  readonly challenge: Message;
  readonly authenticate: Message;
  readonly result: Message;
  readonly rejected_result: Message;
  readonly session_token: string;
  readonly session_expires_at: string;
}
interface Vectors {
  readonly now: string;
  readonly flows: readonly Flow[];
  readonly negative: readonly {
    readonly name: string;
    readonly phase: "challenge" | "result" | "rejected";
    readonly now: string;
    readonly packet_b64: string;
    readonly outcome: string;
    readonly message: string;
  }[];
}

const file = join(import.meta.dirname, "../vectors/cap/trust.json");
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const now = Date.parse(vectors.now);
const CODES: Record<string, string> = {
  WorkerHandshakePacketError: "TRUST_PACKET",
  WorkerHandshakeBindingError: "TRUST_BINDING",
  WorkerHandshakeExpiredError: "TRUST_EXPIRED",
  WorkerHandshakeRejectionError: "TRUST_REJECTED",
};
const names = [
  "workerHandshakeChallengeRequest",
  "workerHandshakeChallenge",
  "workerHandshakeAuthenticate",
  "workerHandshakeResult",
  "workerHandshakeResult",
];

function phases(flow: Flow): Message[] {
  return [flow.request, flow.challenge, flow.authenticate, flow.result, flow.rejected_result];
}

function challengeOf({ payload }: BusPacket): WorkerHandshakeChallenge {
  if (payload.case !== "workerHandshakeChallenge") throw new Error("not a challenge");
  return payload.value;
}

describe.each([defaultCrypto(), nobleCrypto])("worker trust on $name", (crypto) => {
  const trust = resolveWorkerTrust(
    {
      mode: "enforce",
      expectedAgentId: "agent-1",
      tenantId: "tenant-1",
      proofKeyId: "worker-key-1",
      proofPrivateKey: keyFile("worker.pkcs8.pem"),
      expectedSchedulerId: "scheduler-1",
      schedulerPublicKeys: {
        "sched-key-1": keyFile("scheduler.pub.pem"),
        "sched-key-0": keyFile("client.pub.pem"),
      },
      sdkVersion: "vector/1",
    },
    "worker-1",
    {},
    { crypto },
  )!;
  const keys = {
    worker: crypto.verifyingKey(keyFile("worker.pub.pem")),
    scheduler: crypto.verifyingKey(keyFile("scheduler.pub.pem")),
  };

  it.each(vectors.flows)(
    req("cap.trust.vectors", "takes and makes every message of the flow $purpose"),
    async (flow) => {
      for (const [i, { packet_b64, digest_hex, key }] of phases(flow).entries()) {
        const bytes = fromBase64(packet_b64);
        const packet = decodeTrustPacket(bytes);
        expect(packet.payload.case).toBe(names[i]);
        expect(encodePacket(packet)).toEqual(bytes);
        expect(createHash("sha256").update(trustBytes(packet)).digest("hex")).toBe(digest_hex);
        expect(await verifyTrustPacket(packet, keys[key])).toBe(true);
        expect(await verifyTrustPacket(packet, keys[key === "worker" ? "scheduler" : "worker"])).toBe(false);
        const again = await signTrustPacket({ ...packet, signature: new Uint8Array() }, trust.proofKey);
        checkTrustPacket(again.packet);
        expect(await verifyTrustPacket(decodeTrustPacket(again.bytes), keys.worker)).toBe(true);
      }
      const [request, challenged, authenticate, result, rejected] = phases(flow).map(({ packet_b64 }) =>
        decodeTrustPacket(fromBase64(packet_b64)),
      ) as [BusPacket, BusPacket, BusPacket, BusPacket, BusPacket];
      const challenge = await acceptChallenge(trust, request, challenged, now);
      const { payload } = authenticate;
      if (payload.case !== "workerHandshakeAuthenticate") throw new Error("not an authenticate");
      const clock = new FakeClock({ now });
      const ours = authenticateRequest(
        trust,
        challenge,
        payload.value.capabilityHandshake!,
        flow.current_token,
        clock,
      );
      expect(trustBytes(ours)).toEqual(trustBytes(authenticate)); // the same message, byte for byte
      expect(await acceptResult(trust, challenge, flow.current_token, result, now)).toEqual({
        token: flow.session_token,
        expiresAtMs: Date.parse(flow.session_expires_at),
      });
      await expect(acceptResult(trust, challenge, flow.current_token, rejected, now)).rejects.toMatchObject({
        code: "TRUST_REJECTED",
        reason: "AUTHENTICATION_FAILED",
      });
    },
  );

  it("a renewal that does not change the token is refused", async () => {
    const flow = vectors.flows[1]!;
    const challenge = challengeOf(decodeTrustPacket(fromBase64(flow.challenge.packet_b64)));
    const result = decodeTrustPacket(fromBase64(flow.result.packet_b64));
    const again = acceptResult(trust, challenge, flow.session_token, result, now);
    await expect(again).rejects.toMatchObject({ code: "TRUST_BINDING" });
  });

  it.each(vectors.negative)(
    req("cap.trust.vectors", "judges $phase $name as the SDK does: $outcome $message"),
    async (vector) => {
      const flow = vectors.flows[0]!;
      const request = decodeTrustPacket(fromBase64(flow.request.packet_b64));
      const genuine = challengeOf(decodeTrustPacket(fromBase64(flow.challenge.packet_b64)));
      const at = Date.parse(vector.now);
      let verdict: unknown = "accepted";
      try {
        const packet = decodeTrustPacket(fromBase64(vector.packet_b64));
        if (vector.phase === "challenge") await acceptChallenge(trust, request, packet, at);
        else await acceptResult(trust, genuine, "", packet, at);
      } catch (error) {
        verdict = error;
      }
      if (vector.outcome === "accepted") return expect(verdict).toBe("accepted");
      expect(verdict).toBeInstanceOf(WorkerTrustError);
      expect(verdict).toMatchObject({
        code: CODES[vector.outcome],
        message: expect.stringContaining(vector.message),
      });
    },
  );
});
