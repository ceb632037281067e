/** CAP-PRODUCTION for one worker: the steps that admit a job, and the seal of everything that answers it. */
import { type BusPacket, SUBJECT_CANCEL } from "../../../gen/cap/index.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { AgentwireError, errorText, ValidationError } from "../../core/errors.js";
import { hex } from "../../core/ids.js";
import { maskText } from "../../core/mask-text.js";
import type { BusMessage } from "../bus.js";
import { sha256 } from "../crypto/backend.js";
import { assertValidPacket } from "../packet.js";
import type { PacketProfile } from "../party.js";
import { CLOCK_MARGIN_MS, isDeliveredAgain, streamMessageOf } from "../replay.js";
import type { WorkerTrust } from "../trust/config.js";
import { refusal } from "./error.js";
import { checkIdentity } from "./identity.js";
import type { ReplayStore } from "./replay-store.js";
import { checkResolverIds, type ResourceResolver } from "./resource.js";
import {
  checkLifetime,
  checkProductionTrust,
  openProduction,
  type ProductionPacket,
  type ProductionTrust,
  sealProduction,
} from "./signature.js";

/** Options of a worker under CAP-PRODUCTION. Requires worker trust in the mode `enforce`. */
export interface ProductionOptions extends Pick<ProductionTrust, "maxLifetimeMs" | "clockSkewMs"> {
  /** Admits each packet once. `MemoryReplayStore` forgets at a restart; `RedisReplayStore` does not. */
  readonly replayStore: ReplayStore;
  /** Where inputs with a structured reference are, by resolver id. Default: `redis`, which is the agent's store. */
  readonly resolvers?: Readonly<Record<string, ResourceResolver>> | undefined;
  /** How long a result is good for, up to 300000. Default: 240000. */
  readonly lifetimeMs?: number | undefined;
}

/** Opens jobs and seals results under the identity of one worker's trust. */
export class ProductionProfile implements PacketProfile {
  readonly #options: ProductionOptions;
  readonly #trust: WorkerTrust;
  readonly #clock: Clock;

  /** @throws ValidationError `TRUST_CONFIG` unless trust is enforced; for bounds beyond the profile's. */
  constructor(options: ProductionOptions, trust: WorkerTrust | undefined, clock: Clock = systemClock) {
    if (trust?.mode !== "enforce")
      throw new ValidationError('production requires `workerTrust` in the mode "enforce"', {
        code: "TRUST_CONFIG",
      });
    this.#options = options;
    this.#trust = trust;
    this.#clock = clock;
    checkProductionTrust(this.#trustOn("any"));
    checkLifetime(options);
    checkResolverIds(Object.keys(options.resolvers ?? {}));
    if (typeof options.replayStore?.admit !== "function")
      throw new ValidationError("production requires a replayStore, such as MemoryReplayStore", {
        code: "TRUST_CONFIG",
      });
  }

  /**
   * Admits what comes on any subject but that of cancels: its exact bytes are verified for this subject, then `check` throws
   * what is wrong with the packet, then its identity is held to the envelope's, then it is noted. Only a packet that passes
   * all of it comes out.
   *
   * @throws CAPError with `details.problem`; retryable if the replay store could not be asked; what `check` throws.
   */
  open(message: BusMessage, check: (packet: BusPacket) => void): Promise<BusPacket> | undefined {
    return message.subject === SUBJECT_CANCEL ? undefined : this.#open(message, check);
  }

  /** Seals results and progress for their subject; the envelope has the identity of the payload. */
  seal(packet: BusPacket, subject: string): Promise<Uint8Array> | undefined {
    const { case: kind, value } = packet.payload;
    if (kind !== "jobResult" && kind !== "jobProgress") return undefined;
    assertValidPacket(packet);
    const { proofKey: key, proofKeyId: keyId } = this.#trust;
    const { lifetimeMs } = this.#options;
    const options = { key, keyId, audience: subject, lifetimeMs, clock: this.#clock };
    return sealProduction({ ...packet, ...(value.identity && { identity: value.identity }) }, options);
  }

  async #open(message: BusMessage, check: (packet: BusPacket) => void): Promise<BusPacket> {
    const trust = this.#trustOn(message.subject);
    const opened = await openProduction(message.data, trust);
    const { packet } = opened;
    check(packet);
    if (packet.payload.case === "jobRequest") checkIdentity(packet.payload.value, packet.identity);
    await this.#admit(opened, trust, message);
    return packet;
  }

  #trustOn(audience: string): ProductionTrust {
    const { tenantId, expectedSchedulerId: senderId, schedulerKeys: keys } = this.#trust;
    const { maxLifetimeMs, clockSkewMs } = this.#options;
    return { audience, tenantId, senderId, keys, maxLifetimeMs, clockSkewMs, clock: this.#clock };
  }

  async #admit(
    { unsigned, messageId, expiresAtMs, packet }: ProductionPacket,
    { tenantId, audience, clockSkewMs = 0 }: ProductionTrust,
    message: BusMessage,
  ): Promise<void> {
    const { senderId } = packet;
    const entry = {
      tenantId,
      audience,
      senderId,
      messageId,
      digest: digestOf(unsigned, message),
      untilMs: expiresAtMs + clockSkewMs + CLOCK_MARGIN_MS,
    };
    let verdict: unknown;
    try {
      verdict = await this.#options.replayStore.admit(entry);
    } catch (error) {
      // What a store throws may show its URL, its commands and its password: only its masked text gets out.
      const cause = new AgentwireError(maskText(errorText(error)));
      throw refusal("replay_store_unavailable", "the replay store did not respond", cause);
    }
    // A stream delivers a message again whose job was admitted and not answered.
    if (verdict === "first" || (verdict === "duplicate" && isDeliveredAgain(message))) return;
    if (verdict === "duplicate") throw refusal("replayed", "the packet was admitted before: it is a replay");
    if (streamMessageOf(message) === "")
      throw refusal("replay_conflict", "another packet was admitted under the same message id");
    throw refusal("replayed", "the packet was admitted before, or another one under its message id");
  }
}

/** Of the packet, and of the message of a stream that brought it. */
function digestOf(unsigned: Uint8Array, message: BusMessage): Uint8Array {
  const digest = sha256(unsigned);
  const id = streamMessageOf(message);
  return id === "" ? digest : sha256(new TextEncoder().encode(`${hex(digest)} ${id}`));
}
