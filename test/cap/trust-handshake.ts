/** A worker trust handshake with the issuer of the local scheduler, step by step, for tests that change a step. */
import { create } from "@bufbuild/protobuf";
import {
  ComponentRole,
  HandshakeSchema,
  SUBJECT_TRUST_AUTHENTICATE,
  SUBJECT_TRUST_CHALLENGE,
} from "../../gen/cap/index.js";
import { MemoryBus } from "../../src/cap/index.js";
import { requestOver } from "../../src/cap/request.js";
import { resolveWorkerTrust } from "../../src/cap/trust/config.js";
import { acceptChallenge, authenticateRequest, challengeRequest } from "../../src/cap/trust/handshake.js";
import { decodeTrustPacket } from "../../src/cap/trust/messages.js";
import { signTrustPacket } from "../../src/cap/trust/signature.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";

/** What went both ways when the worker "w-1" got its session. */
export async function trustHandshake() {
  const clock = new FakeClock();
  const bus = new MemoryBus();
  const scheduler = await LocalScheduler.start({ bus: bus.connect(), trust: {}, clock, logger: false });
  const trust = resolveWorkerTrust(scheduler.enroll("w-1"), "w-1", {})!;
  const capability = create(HandshakeSchema, {
    ...{ componentId: "w-1", role: ComponentRole.WORKER, supportedVersions: [1] },
    ...{ sdkVersion: trust.sdkVersion, capabilities: { "job.a": true, "job.ab": true } },
    readyTopics: ["job.a", "job.b"],
  });
  const ask = async (subject: string, bytes: Uint8Array) =>
    (await requestOver(bus.connect(), subject, bytes, {})).data;
  const asked = await signTrustPacket(challengeRequest(trust, false, clock), trust.proofKey);
  const challenged = await ask(SUBJECT_TRUST_CHALLENGE, asked.bytes);
  const challenge = await acceptChallenge(trust, asked.packet, decodeTrustPacket(challenged), clock.now());
  const answer = authenticateRequest(trust, challenge, capability, "", clock);
  const proof = await signTrustPacket(answer, trust.proofKey);
  const result = await ask(SUBJECT_TRUST_AUTHENTICATE, proof.bytes);
  await scheduler.close();
  const genuine = { request: asked.bytes, challenge: challenged, authenticate: proof.bytes, result };
  return { clock, trust, asked: asked.packet, challenge, genuine };
}
