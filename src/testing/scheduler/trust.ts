/**
 * Issues worker sessions, as the scheduler's side of the worker trust handshake (CAP 2.17), with faults on demand. For
 * tests and local development: sessions live in this process.
 */
import { create } from "@bufbuild/protobuf";
import {
  type BusPacket,
  IdentityBindingSchema,
  QUEUE_SCHEDULER,
  WorkerHandshakeRejectionReason as Reason,
  SUBJECT_RESULT,
  SUBJECT_TRUST_AUTHENTICATE,
  SUBJECT_TRUST_CHALLENGE,
  TRUST_AUDIENCE,
  TRUST_MAX_SKEW_MS,
  type WorkerHandshakeChallenge,
  type WorkerHandshakeChallengeRequest,
  WorkerHandshakeChallengeSchema,
  WorkerHandshakePurpose,
} from "../../../gen/cap/index.js";
import type { Bus, BusMessage, Subscription } from "../../cap/bus.js";
import type { SigningKey, VerifyingKey } from "../../cap/crypto/backend.js";
import { generateKeyPair, type PublicKey, toSigningKey, toVerifyingKey } from "../../cap/crypto/key-ring.js";
import { SignatureInvalidError } from "../../cap/errors.js";
import { createPacket, decodePacket, type PayloadInit } from "../../cap/packet.js";
import type { PacketProfile } from "../../cap/party.js";
import { openProduction, sealProduction } from "../../cap/production/signature.js";
import type { WorkerTrustConfig } from "../../cap/trust/config.js";
import { sameChallenge } from "../../cap/trust/handshake.js";
import { decodeTrustPacket, NONCE_BYTES } from "../../cap/trust/messages.js";
import { signTrustPacket, trustPhase, verifyTrustPacket } from "../../cap/trust/signature.js";
import { timestampMs, timestampOf } from "../../cap/wire/well-known.js";
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import { randomBytes, randomHex } from "../../core/ids.js";
import type { Logger } from "../../core/logger.js";

/** What can be asked of a handshake. */
export const TRUST_FAULTS = [
  "none",
  "silent",
  "reject",
  "wrong key",
  "bad nonce",
  "expired",
  "replayed",
] as const;

/**
 * What goes wrong with a handshake: `silent` does not respond, `reject` refuses the session, `wrong key` signs with a key
 * nobody pinned, `bad nonce` echoes another nonce, `expired` sends a challenge that is over, `replayed` sends an earlier
 * challenge again. `none` is a handshake that succeeds.
 */
export type TrustFault = (typeof TRUST_FAULTS)[number];

/** A worker that may obtain sessions. */
export interface EnrolledWorker {
  /** Default: "agent-" and the worker id. */
  readonly agentId?: string | undefined;
  /** Default: "default". */
  readonly tenantId?: string | undefined;
  /** Default: the worker id and "-key". */
  readonly proofKeyId?: string | undefined;
  readonly publicKey: PublicKey;
}

/** Options of the sessions a `LocalScheduler` issues. */
export interface TrustIssuerOptions {
  /** Workers by worker id; `LocalScheduler.enroll` adds others. Default: none. */
  readonly workers?: Readonly<Record<string, EnrolledWorker>> | undefined;
  /** Name of the scheduler's key. Default: "scheduler-key". */
  readonly keyId?: string | undefined;
  /** How long a token is good for. Default: 900000. */
  readonly tokenTtlMs?: number | undefined;
  /** Dispatches jobs under CAP-PRODUCTION, to workers that require it. Default: false, as ordinary signed packets. */
  readonly production?: boolean | undefined;
  /** One for each handshake, in order; then all succeed. `LocalScheduler.trustFaults` adds others. Default: none. */
  readonly faults?: readonly TrustFault[] | undefined;
}

interface Enrollment {
  readonly agentId: string;
  readonly tenantId: string;
  readonly proofKeyId: string;
  readonly key: VerifyingKey;
}

/** A scheduler's name and key, and the bus it is on. */
export interface IssuerIdentity {
  readonly bus: Bus;
  readonly senderId: string;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly log: Logger;
}

const CHALLENGE_MS = 30_000;
const SKEW_MS = 5_000;
const DEFAULT_TENANT = "default";

/** The part of a local scheduler that issues sessions. */
export class TrustIssuer implements PacketProfile {
  readonly keyId: string;
  readonly faults: TrustFault[];
  /** Whether jobs are dispatched under CAP-PRODUCTION. */
  readonly production: boolean;
  readonly #tokenTtlMs: number;
  readonly #self: IssuerIdentity;
  readonly #workers = new Map<string, Enrollment>();
  readonly #pending = new Map<
    string,
    { readonly challenge: WorkerHandshakeChallenge; readonly fault: TrustFault }
  >();
  readonly #sessions = new Map<string, { readonly workerId: string; readonly untilMs: number }>();
  #earlier: Uint8Array | undefined;

  constructor(options: TrustIssuerOptions, self: IssuerIdentity) {
    this.#self = self;
    this.keyId = options.keyId ?? "scheduler-key";
    this.#tokenTtlMs = options.tokenTtlMs ?? 900_000;
    this.faults = [...(options.faults ?? [])];
    this.production = options.production ?? false;
    for (const [workerId, worker] of Object.entries(options.workers ?? {})) this.#add(workerId, worker);
  }

  /** Enrolls a worker with a new key, and returns what the worker has to be given. */
  enroll(workerId: string, given: Omit<EnrolledWorker, "publicKey"> = {}): WorkerTrustConfig {
    const { privateKeyPem, publicKeyPem } = generateKeyPair();
    const { agentId, tenantId, proofKeyId } = this.#add(workerId, { ...given, publicKey: publicKeyPem });
    return {
      mode: "enforce",
      expectedAgentId: agentId,
      tenantId,
      proofKeyId,
      proofPrivateKey: privateKeyPem,
      expectedSchedulerId: this.#self.senderId,
      schedulerPublicKeys: { [this.keyId]: this.#self.key.publicKeyPem },
    };
  }

  /** Whether a packet carries a live token of its sender. */
  hasSession({ senderId, authToken }: BusPacket): boolean {
    const session = this.#sessions.get(authToken);
    return session?.workerId === senderId && session.untilMs > this.#self.clock.now();
  }

  /** Under CAP-PRODUCTION: opens a result that its worker has sealed for this subject. */
  open({ subject, data }: BusMessage, check: (packet: BusPacket) => void): Promise<BusPacket> | undefined {
    return this.production && subject === SUBJECT_RESULT ? this.#open(data, subject, check) : undefined;
  }

  /** Under CAP-PRODUCTION: seals a job on behalf of its tenant and principal. */
  seal(packet: BusPacket, audience: string): Promise<Uint8Array> | undefined {
    const { case: kind, value } = packet.payload;
    if (!this.production || kind !== "jobRequest") return undefined;
    const { tenantId, principalId, meta } = value;
    const identity = create(IdentityBindingSchema, {
      tenantId: tenantId || DEFAULT_TENANT,
      principalId,
      actorId: meta?.actorId ?? "",
    });
    const { key, clock } = this.#self;
    // The official Agent answers with the identity of the request, ours with that of the envelope.
    const payload = { case: kind, value: { ...value, identity } };
    return sealProduction({ ...packet, payload, identity }, { key, keyId: this.keyId, audience, clock });
  }

  async #open(data: Uint8Array, audience: string, check: (packet: BusPacket) => void): Promise<BusPacket> {
    const { senderId } = decodePacket(data);
    const worker = this.#workers.get(senderId);
    if (worker === undefined) throw new SignatureInvalidError("the worker is not enrolled");
    const { tenantId, proofKeyId, key } = worker;
    const keys = new Map([[proofKeyId, key]]);
    const { clock } = this.#self;
    const { packet } = await openProduction(data, {
      ...{ audience, tenantId, senderId, keys, clock },
      clockSkewMs: SKEW_MS, // a packet of the official Agent lives for as long as the profile allows
    });
    check(packet);
    return packet;
  }

  /** Serves both phases. */
  start(): Promise<Subscription[]> {
    const serve = (subject: string, respond: (packet: BusPacket) => Promise<Uint8Array | undefined>) =>
      this.#self.bus.subscribe(subject, (message) => void this.#serve(message, respond), {
        queue: QUEUE_SCHEDULER,
      });
    return Promise.all([
      serve(SUBJECT_TRUST_CHALLENGE, (packet) => this.#challenge(packet)),
      serve(SUBJECT_TRUST_AUTHENTICATE, (packet) => this.#authenticate(packet)),
    ]);
  }

  #add(workerId: string, worker: EnrolledWorker): Enrollment {
    const {
      agentId = `agent-${workerId}`,
      tenantId = DEFAULT_TENANT,
      proofKeyId = `${workerId}-key`,
      publicKey,
    } = worker;
    const enrollment = { agentId, tenantId, proofKeyId, key: toVerifyingKey(workerId, publicKey) };
    this.#workers.set(workerId, enrollment);
    return enrollment;
  }

  /** A request that breaks a rule gets no response, so that nobody learns which workers there are. */
  async #serve(
    { subject, data, reply }: BusMessage,
    respond: (packet: BusPacket) => Promise<Uint8Array | undefined>,
  ): Promise<void> {
    try {
      const response = await respond(decodeTrustPacket(data));
      if (response !== undefined && reply !== undefined) await this.#self.bus.publish(reply, response);
    } catch (error) {
      this.#self.log.warn("a worker trust request is ignored", { subject, reason: errorText(error) });
    }
  }

  async #challenge(packet: BusPacket): Promise<Uint8Array | undefined> {
    const phase = trustPhase(packet);
    if (phase?.case !== "workerHandshakeChallengeRequest") throw new Error("not a challenge request");
    const request = phase.value;
    const worker = this.#workers.get(request.workerId);
    if (worker === undefined || request.proofKeyId !== worker.proofKeyId)
      throw new Error("unknown worker or key");
    if (request.audience !== TRUST_AUDIENCE) throw new Error("another audience");
    if (!(await verifyTrustPacket(packet, worker.key))) throw new Error("wrong signature");
    if (!this.#isRecent(packet)) throw new Error("the clocks differ");
    const fault = this.faults.shift() ?? "none";
    if (fault === "silent") return undefined;
    const challenge = this.#make(request, worker, fault);
    const forgottenMs = this.#self.clock.now() - CHALLENGE_MS; // until then, a late answer gets CHALLENGE_EXPIRED
    for (const [id, old] of this.#pending)
      if (timestampMs(old.challenge.expiresAt)! < forgottenMs) this.#pending.delete(id);
    this.#pending.set(challenge.challengeId, { challenge, fault });
    const payload = { case: "workerHandshakeChallenge", value: challenge } as const;
    const key = fault === "wrong key" ? toSigningKey(generateKeyPair().privateKeyPem) : this.#self.key;
    const bytes = await this.#sealed(payload, challenge.traceId, key);
    if (fault === "replayed") return this.#earlier ?? this.#foreign(challenge);
    this.#earlier = bytes;
    return bytes;
  }

  #make(
    request: WorkerHandshakeChallengeRequest,
    worker: Enrollment,
    fault: TrustFault,
  ): WorkerHandshakeChallenge {
    const issuedMs = this.#self.clock.now() - (fault === "expired" ? CHALLENGE_MS : 0);
    return create(WorkerHandshakeChallengeSchema, {
      requestId: request.requestId,
      traceId: request.traceId,
      workerId: request.workerId,
      proofKeyId: request.proofKeyId,
      proofAlgorithm: request.proofAlgorithm,
      audience: request.audience,
      purpose: request.purpose,
      protocolVersion: request.protocolVersion,
      sdkVersion: request.sdkVersion,
      clientNonce: fault === "bad nonce" ? randomBytes(NONCE_BYTES) : request.clientNonce,
      challengeId: randomHex(16),
      agentId: worker.agentId,
      tenantId: worker.tenantId,
      serverKeyId: this.keyId,
      serverNonce: randomBytes(NONCE_BYTES),
      issuedAt: timestampOf(issuedMs),
      expiresAt: timestampOf(issuedMs + CHALLENGE_MS),
    });
  }

  /** A genuine challenge that answers another request. */
  #foreign(challenge: WorkerHandshakeChallenge): Promise<Uint8Array> {
    const value = { ...challenge, requestId: randomHex(16) };
    return this.#sealed({ case: "workerHandshakeChallenge", value }, challenge.traceId);
  }

  async #authenticate(packet: BusPacket): Promise<Uint8Array | undefined> {
    const phase = trustPhase(packet);
    if (phase?.case !== "workerHandshakeAuthenticate") throw new Error("not an authenticate request");
    const echoed = phase.value.challenge!;
    const pending = this.#pending.get(echoed.challengeId);
    if (pending === undefined) return this.#result(echoed, Reason.REPLAY_DETECTED);
    this.#pending.delete(echoed.challengeId);
    if (!sameChallenge(echoed, pending.challenge)) return this.#result(echoed, Reason.INVALID_REQUEST);
    const worker = this.#workers.get(pending.challenge.workerId);
    if (worker === undefined || !(await verifyTrustPacket(packet, worker.key)))
      return this.#result(pending.challenge, Reason.AUTHENTICATION_FAILED);
    if (pending.fault === "reject") return this.#result(pending.challenge, Reason.AUTHENTICATION_FAILED);
    if (!this.#isRecent(packet)) return this.#result(pending.challenge, Reason.CLOCK_SKEW);
    if (timestampMs(pending.challenge.expiresAt)! <= this.#self.clock.now())
      return this.#result(pending.challenge, Reason.CHALLENGE_EXPIRED);
    if (pending.challenge.purpose === WorkerHandshakePurpose.RENEW && !this.hasSession(packet))
      return this.#result(pending.challenge, Reason.SESSION_INVALID);
    return this.#result(pending.challenge);
  }

  #result(challenge: WorkerHandshakeChallenge, reason = Reason.UNSPECIFIED): Promise<Uint8Array> {
    const now = this.#self.clock.now();
    const untilMs = now + this.#tokenTtlMs;
    const accepted = reason === Reason.UNSPECIFIED;
    const common = { challenge, accepted, rejectionReason: reason, issuedAt: timestampOf(now) };
    const value = accepted ? { ...common, tokenExpiresAt: timestampOf(untilMs) } : common;
    const token = accepted ? `session-${randomHex(24)}` : "";
    if (accepted) this.#sessions.set(token, { workerId: challenge.workerId, untilMs });
    for (const [old, session] of this.#sessions) if (session.untilMs <= now) this.#sessions.delete(old);
    return this.#sealed({ case: "workerHandshakeResult", value }, challenge.traceId, this.#self.key, token);
  }

  async #sealed(
    payload: PayloadInit,
    traceId: string,
    key = this.#self.key,
    authToken = "",
  ): Promise<Uint8Array> {
    const { senderId, clock } = this.#self;
    const packet = { ...createPacket(payload, { senderId, traceId, clock }), authToken };
    return (await signTrustPacket(packet, key)).bytes;
  }

  #isRecent({ createdAt }: BusPacket): boolean {
    return Math.abs((timestampMs(createdAt) ?? 0) - this.#self.clock.now()) <= TRUST_MAX_SKEW_MS;
  }
}
