/** What goes on while a stream stands: the registration, and after it the heartbeats. */
import type { Capability } from "../../gen/neuron/index.js";
import { withDeadline } from "../core/abort.js";
import { sleep } from "../core/clock.js";
import { AgentwireError, ClosedError, errorText } from "../core/errors.js";
import { type Loop, startLoop } from "../core/loop.js";
import { backoffMs, retryPolicy } from "../core/retry-policy.js";
import { formatTime } from "../core/time.js";
import type { NeuronCore } from "./core.js";
import { RegistrationRejectedError } from "./errors.js";
import { capabilityFor, FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION, postFrame } from "./frames.js";
import type { LeaseEntry } from "./lease.js";

/** Waits between registrations while the gateway is in trouble, and while it refuses. */
const trouble = retryPolicy({ attempts: Infinity, minDelayMs: 500, maxDelayMs: 30_000, jitter: 0 });
const refusal = retryPolicy({ minDelayMs: 1_000 }, trouble);

/** The wait after a refusal that the same frame will get again. */
const hopelessMs = 300_000;

/** A heartbeat may take so long even where one is sent more often. */
const shortestLimitMs = 250;

/** The sessions of a neuron, one for each stream; it remembers the protocol version that the gateway took. */
export class Session {
  readonly #core: NeuronCore;
  readonly #leases: () => readonly LeaseEntry[];
  #version: string;
  #everyMs: number;
  #stream: AbortController | undefined;
  #heartbeats: Loop | undefined;

  /** `leases`: those in flight. */
  constructor(core: NeuronCore, leases: () => readonly LeaseEntry[]) {
    this.#core = core;
    this.#leases = leases;
    this.#version = core.options.protocolVersion ?? PROTOCOL_VERSION;
    this.#everyMs = core.options.heartbeatIntervalMs ?? 10_000;
  }

  /** The stream stands: registers, and sends heartbeats once the gateway took it. Never throws. */
  open(): void {
    this.end("another stream was opened");
    this.#stream = new AbortController();
    void this.#serve(this.#stream.signal);
  }

  /** True while the stream is open and the gateway has accepted the registration. */
  get isServing(): boolean {
    return this.#heartbeats !== undefined;
  }

  /** The stream is gone. Answers to leases are not touched: they need no stream. */
  end(reason: string): void {
    this.#stream?.abort(new ClosedError(reason));
    this.#stream = undefined;
    void this.#heartbeats?.stop();
    this.#heartbeats = undefined;
  }

  /** A lease that lives for less than two intervals makes heartbeats more frequent, from now on. */
  watch({ lostAfterMs }: LeaseEntry): void {
    if (lostAfterMs / 2 >= this.#everyMs) return;
    this.#everyMs = lostAfterMs / 2;
    this.#heartbeats?.trigger();
  }

  /** Reports one capability that has changed. A failure is only logged: the next registration repeats it. */
  async update(given: Capability): Promise<void> {
    const { neuronId, transport, logger } = this.#core;
    if (this.#stream === undefined || !transport.isConnected()) return;
    const capability = capabilityFor(given, this.#version);
    try {
      const frame = { type: "update-capability", neuronId, capability } as const;
      await postFrame(transport, frame, this.#stream.signal);
    } catch (error) {
      const { type } = capability;
      const reason = errorText(error);
      logger.warn(
        "the gateway did not accept the new concurrency; it will be sent with the next registration",
        { type, reason },
      );
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { neuronId, capabilities, clock, logger } = this.#core;
    if (!(await this.#register(signal))) return;
    logger.info("the neuron serves", { neuronId, capabilities: [...capabilities.keys()] });
    this.#heartbeats = startLoop({
      name: "heartbeat",
      intervalMs: () => this.#everyMs,
      run: (stopped) => this.#heartbeat(stopped),
      signal,
      stopMs: 0,
      clock,
      logger,
    });
  }

  /** Registers until the gateway takes it. False when the stream ended before. */
  async #register(signal: AbortSignal): Promise<boolean> {
    const { clock, random, logger, events } = this.#core;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#registerOnce(signal);
        return !signal.aborted;
      } catch (error) {
        if (signal.aborted) return false;
        const known = error instanceof AgentwireError ? error : undefined;
        const { reason: code, status, headers, body, retryAfterMs = 0 } = known ?? {};
        const isTrouble = known?.retryable === true;
        const isHopeless = known && !isTrouble && (status === undefined || status === 400 || status === 422);
        const backoff = backoffMs(attempt, isTrouble ? trouble : refusal, random);
        const delayMs = isHopeless ? hopelessMs : Math.max(retryAfterMs, backoff);
        const reason = errorText(error);
        if (isTrouble) logger.warn("the registration failed; retrying", { delayMs, reason });
        else {
          const message = `registration rejected by gateway: ${reason}`;
          logger.error(message, { delayMs });
          const facts = { cause: error, reason: code, status, headers, body };
          events.emit("error", new RegistrationRejectedError(message, facts));
        }
        await sleep(delayMs, { clock, signal }).catch(() => {});
      }
    }
    return false;
  }

  /** One registration; a refused frame again without what the older version does not know. */
  async #registerOnce(signal: AbortSignal): Promise<void> {
    try {
      await this.#postRegister(this.#version, signal);
    } catch (error) {
      const { status } = error as { status?: unknown };
      const isPinned = this.#core.options.protocolVersion !== undefined;
      const isRefused = status === 400 || status === 422;
      if (!isRefused || isPinned || this.#version === FALLBACK_PROTOCOL_VERSION) throw error;
      try {
        await this.#postRegister(FALLBACK_PROTOCOL_VERSION, signal);
      } catch (second) {
        // The refusal of the newer frame says more, unless the older one failed for another reason.
        const { status: again } = second as { status?: unknown };
        throw again === 400 || again === 422 ? error : second;
      }
      const reason = errorText(error);
      this.#core.logger.info("the gateway takes protocol 1.0.0 only; contracts are not advertised", {
        reason,
      });
      this.#version = FALLBACK_PROTOCOL_VERSION;
    }
  }

  #postRegister(protocolVersion: string, signal: AbortSignal): Promise<void> {
    const { neuronId, transport, capabilities: served } = this.#core;
    const capabilities = [...served.values()].map((one) => capabilityFor(one, protocolVersion));
    return postFrame(transport, { type: "register", neuronId, protocolVersion, capabilities }, signal);
  }

  /** Bounded, so that one that hangs does not keep the next from saving the leases. */
  async #heartbeat(stopped: AbortSignal): Promise<void> {
    const { neuronId, transport, clock, logger } = this.#core;
    const listed = this.#leases().filter(({ inFlight }) => inFlight !== undefined);
    const inFlight = listed.flatMap((entry) => entry.inFlight ?? []);
    const sentMs = clock.monotonic();
    const frame = { type: "heartbeat", neuronId, inFlight, sentAt: formatTime(clock.now()) } as const;
    const timeoutMs = Math.max(this.#everyMs, shortestLimitMs);
    const limits = { timeoutMs, signal: stopped, clock, what: "a heartbeat" };
    try {
      await withDeadline(limits, (signal) => postFrame(transport, frame, signal));
      for (const entry of listed) entry.renew(sentMs);
    } catch (error) {
      if (!stopped.aborted) logger.warn("a heartbeat was not accepted", { reason: errorText(error) });
    }
  }
}
