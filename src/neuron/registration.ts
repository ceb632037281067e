/** What a neuron tells its gateway about itself, in the newest protocol version that the gateway takes. */
import type { Capability, RegisterFrame } from "../../gen/neuron/index.js";
import { type Clock, sleep } from "../core/clock.js";
import { AgentwireError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { backoffMs, type RetryPolicy } from "../core/retry-policy.js";
import { capabilityFor, checkClientFrame, FALLBACK_PROTOCOL_VERSION, POST_PATH } from "./frames.js";
import type { Transport } from "./transport.js";

/** Options of {@link Registration}. */
export interface RegistrationOptions {
  readonly neuronId: string;
  readonly transport: Transport;
  /** The version to begin with. */
  readonly protocolVersion: string;
  /** False pins the version. */
  readonly fallback: boolean;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** Registers, and remembers which version the gateway took. */
export class Registration {
  readonly #options: RegistrationOptions;
  #version: string;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#version = options.protocolVersion;
  }

  /**
   * Registers these capabilities: again and again while the gateway is in trouble, until `signal` fires.
   * Rejects when the gateway says no.
   */
  async register(capabilities: readonly Capability[], signal: AbortSignal): Promise<void> {
    const { policy, clock, random, logger } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(capabilities, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof AgentwireError) || !error.retryable) throw error;
        const delayMs = Math.max(error.retryAfterMs ?? 0, backoffMs(attempt, policy, random));
        logger.warn("the registration failed and is tried again", { delayMs, reason: errorText(error) });
        await sleep(delayMs, { clock, signal });
      }
    }
  }

  /** Tells of one capability that has changed. A failure is only logged: the next registration says it. */
  async update(given: Capability, signal: AbortSignal): Promise<void> {
    const { neuronId, transport, logger } = this.#options;
    const capability = capabilityFor(given, this.#version);
    const frame = { type: "update-capability" as const, neuronId, capability };
    checkClientFrame(frame);
    try {
      await transport.post(POST_PATH[frame.type], frame, { signal });
    } catch (error) {
      logger.warn("the gateway was not told of the new concurrency; the next registration says it", {
        type: capability.type,
        reason: errorText(error),
      });
    }
  }

  /** One registration; a refused frame once more without what the older version does not know. */
  async #once(capabilities: readonly Capability[], signal: AbortSignal): Promise<void> {
    try {
      await this.#post(capabilities, this.#version, signal);
    } catch (error) {
      const { status } = error as { status?: unknown };
      const refused = status === 400 || status === 422;
      if (!refused || !this.#options.fallback || this.#version === FALLBACK_PROTOCOL_VERSION) throw error;
      try {
        await this.#post(capabilities, FALLBACK_PROTOCOL_VERSION, signal);
      } catch (second) {
        // The refusal of the newer frame says more, unless the gateway is in trouble by now.
        throw second instanceof AgentwireError && second.retryable ? second : error;
      }
      this.#options.logger.info("the gateway takes protocol 1.0.0 only; contracts are not advertised", {
        reason: errorText(error),
      });
      this.#version = FALLBACK_PROTOCOL_VERSION;
    }
  }

  async #post(capabilities: readonly Capability[], version: string, signal: AbortSignal): Promise<void> {
    const frame: RegisterFrame = {
      type: "register",
      neuronId: this.#options.neuronId,
      protocolVersion: version,
      capabilities: capabilities.map((capability) => capabilityFor(capability, version)),
    };
    checkClientFrame(frame);
    await this.#options.transport.post(POST_PATH.register, frame, { signal });
  }
}
