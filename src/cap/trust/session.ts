/** A worker under trust: the session it holds, kept alive over renewals and reconnects, and whether it takes jobs now. */
import {
  type BusPacket,
  type Handshake,
  SUBJECT_TRUST_AUTHENTICATE,
  SUBJECT_TRUST_CHALLENGE,
} from "../../../gen/cap/index.js";
import { abortError } from "../../core/abort.js";
import { type Clock, sleep } from "../../core/clock.js";
import { ClosedError, ConnectionError, errorText, TimeoutError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import type { Bus, BusMessage } from "../bus.js";
import { KeyRing } from "../crypto/key-ring.js";
import { requestOver } from "../request.js";
import type { MapOrder } from "../wire/writer.js";
import type { WorkerTrust } from "./config.js";
import {
  acceptChallenge,
  acceptResult,
  authenticateRequest,
  challengeRequest,
  type TrustGrant,
} from "./handshake.js";
import { decodeTrustPacket, WorkerTrustError } from "./messages.js";
import { signTrustPacket } from "./signature.js";

/** Between the attempts at one handshake. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** Between handshakes, once one has failed. */
const FIRST_RECOVERY_MS = 1_000;
const LAST_RECOVERY_MS = 30_000;
/** Renewed this long before the end, where half the life is longer. */
const RENEW_BEFORE_MS = 60_000;

/** What a {@link TrustSession} works with. */
export interface TrustSessionOptions {
  readonly bus: Bus;
  readonly trust: WorkerTrust;
  /** What the worker says of itself. */
  readonly capability: Handshake;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mapOrder?: MapOrder | undefined;
}

/** What follows from the state of the session. Called one at a time. */
export interface TrustedWorker {
  /** Takes jobs again, and makes itself known. What it throws counts as trust that is lost. */
  resume(): Promise<void>;
  /** Takes no more jobs: the connection was lost or, with an error, trust is. Must not reject. */
  suspend(error?: unknown): Promise<void>;
}

/** Holds the token of one worker. It never shows itself. */
export class TrustSession {
  /** The pinned scheduler's keys: jobs are taken from nobody else. */
  readonly pins: KeyRing;
  readonly #options: TrustSessionOptions;
  readonly #isEnforced: boolean;
  readonly #abort = new AbortController();
  #grant: TrustGrant | undefined;
  /** The last handshake got no response, and the mode is `warn`. */
  #isWarned = false;
  #isOpen = false;
  #isConnected: boolean;
  /** Connections so far: a handshake says nothing about a later one. */
  #generation = 0;
  #wake = (): void => {};

  constructor(options: TrustSessionOptions) {
    const { expectedSchedulerId, schedulerKeys, mode } = options.trust;
    this.#options = options;
    this.#isEnforced = mode === "enforce";
    this.#isConnected = options.bus.status() === "connected";
    this.pins = new KeyRing({ [expectedSchedulerId]: [...schedulerKeys.values()] });
  }

  /** The token of the live session; undefined when there is none. */
  get token(): string | undefined {
    if (this.#grant !== undefined && this.#grant.expiresAtMs <= this.#options.clock.now()) {
      this.#grant = undefined;
      this.#wake(); // sooner than planned: the clock was set forward
    }
    return this.#grant?.token;
  }

  /** Whether jobs are taken: after a handshake, until the connection or the session is lost. */
  get admits(): boolean {
    return this.#isOpen && (!this.#isEnforced || this.token !== undefined);
  }

  /**
   * The token for a packet that leaves now.
   *
   * @throws WorkerTrustError `TRUST_NO_SESSION` in the mode `enforce` while there is none.
   */
  readonly packetToken = (): string => {
    const { token = "" } = this;
    if (this.#isEnforced && (token === "" || !this.#isOpen)) {
      const text = "no packet leaves without a live session, which is being obtained";
      throw new WorkerTrustError(text, { code: "TRUST_NO_SESSION", retryable: true });
    }
    return token;
  };

  /**
   * Obtains a session, or replaces the live one, and admits jobs from then on. In the mode `warn` a scheduler that does
   * not respond does not fail the call: the previous session stays live until it expires.
   *
   * @throws WorkerTrustError; then there is no session.
   */
  async open(): Promise<void> {
    let generation: number;
    do {
      generation = this.#generation;
      await this.#obtain();
    } while (generation !== this.#generation);
    this.#isOpen = this.#isConnected;
  }

  /** Renews the session from now on, and obtains another one after a reconnect or a failure, until it is closed. */
  keep(worker: TrustedWorker): void {
    void this.#keep(worker);
  }

  /** Admits nothing until there is a connection again, and a handshake on it. */
  disconnected(): void {
    this.#generation++;
    this.#isConnected = this.#isOpen = false;
  }

  /** Obtains a session on the new connection. */
  connected(): void {
    this.#isConnected = true;
    this.#wake();
  }

  /** Ends it all, and forgets the session. */
  close(): void {
    this.#abort.abort(new ClosedError("worker trust is closed"));
    this.#isOpen = false;
    this.#grant = undefined;
    this.#wake();
  }

  /** The only one that changes anything once the worker has started, so that no two changes overlap. */
  async #keep(worker: TrustedWorker): Promise<void> {
    const { log, trust } = this.#options;
    const { signal } = this.#abort;
    let waitMs: number | undefined = this.#isOpen ? this.#renewalMs() : 0;
    for (let failures = 0; ; ) {
      await this.#pause(waitMs);
      if (signal.aborted) return;
      waitMs = undefined; // until the connection is back
      if (!this.#isConnected) continue;
      let generation = this.#generation;
      const wasOpen = this.#isOpen;
      try {
        if (!wasOpen && this.#isEnforced) await worker.suspend();
        await this.open();
        const isNew = !wasOpen || generation !== this.#generation;
        generation = this.#generation;
        if (isNew && this.#isOpen && !signal.aborted) await worker.resume();
        failures = 0;
        waitMs = this.#renewalMs();
      } catch (error) {
        if (signal.aborted) return;
        if (generation === this.#generation) {
          this.#isOpen = false;
          const isFinal = error instanceof WorkerTrustError && !error.retryable;
          if (!isFinal) waitMs = Math.min(LAST_RECOVERY_MS, FIRST_RECOVERY_MS * 2 ** failures++);
          log.error("the worker trust session is lost: no jobs are accepted until it is renewed", {
            workerId: trust.workerId,
            reason: errorText(error),
            nextAttempt: isFinal ? "after a reconnect" : `in ${waitMs} ms`,
          });
          await worker.suspend(error);
        }
      }
      if (generation !== this.#generation) waitMs = this.#isConnected ? 0 : undefined;
    }
  }

  /** Waits so long, or until it is woken. */
  #pause(ms: number | undefined): Promise<void> {
    const { clock } = this.#options;
    if (ms === 0 || this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : clock.setTimeout(resolve, ms);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  #renewalMs(): number {
    const { trust, clock } = this.#options;
    if (this.token === undefined || this.#isWarned) return trust.renewMinIntervalMs;
    const lifeMs = this.#grant!.expiresAtMs - clock.now();
    const targetMs = Math.max(trust.renewMinIntervalMs, Math.min(lifeMs / 2, lifeMs - RENEW_BEFORE_MS));
    return Math.min(targetMs, Math.max(1, lifeMs * 0.9));
  }

  async #obtain(): Promise<void> {
    const { trust, clock, log } = this.#options;
    const { signal } = this.#abort;
    // With nobody there, an attempt fails at once: it must not be over before a scheduler that starts now is there.
    const untilMs = clock.monotonic() + (this.#isEnforced ? trust.retries * trust.timeoutMs : 0);
    for (let attempt = 1; ; attempt++) {
      const { token = "" } = this;
      try {
        const grant = await this.#handshake(token, signal);
        signal.throwIfAborted();
        this.#grant = grant;
        this.#isWarned = false;
        return;
      } catch (error) {
        if (signal.aborted) throw abortError(signal);
        if (token !== "" && isForgotten(error)) {
          log.warn("the scheduler does not know the session any more; another one is asked for");
          this.#grant = undefined;
          continue;
        }
        const isSilent = error instanceof WorkerTrustError && error.code === "TRUST_UNAVAILABLE";
        const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 3 ** (attempt - 1));
        const mayWait = isAbsent(error) && clock.monotonic() + waitMs < untilMs;
        if (isSilent && (attempt < trust.retries || mayWait)) {
          log.warn("the scheduler does not respond; retrying", { attempt, reason: error.message });
          await sleep(waitMs, { clock, signal });
          continue;
        }
        if (!isSilent || this.#isEnforced) {
          this.#grant = undefined;
          throw error;
        }
        this.#isWarned = true;
        const hasSession = this.token !== undefined;
        const text = "worker trust failed; the worker continues without a new session";
        log.warn(text, { reason: error.message, hasSession });
        return;
      }
    }
  }

  async #handshake(currentToken: string, signal: AbortSignal): Promise<TrustGrant> {
    const { trust, clock, capability } = this.#options;
    const asked = await this.#sign(challengeRequest(trust, currentToken !== "", clock));
    const challenged = await this.#ask(SUBJECT_TRUST_CHALLENGE, asked.bytes, signal);
    const challenge = await acceptChallenge(trust, asked.packet, challenged, clock.now());
    const proof = await this.#sign(authenticateRequest(trust, challenge, capability, currentToken, clock));
    const result = await this.#ask(SUBJECT_TRUST_AUTHENTICATE, proof.bytes, signal);
    return acceptResult(trust, challenge, currentToken, result, clock.now());
  }

  #sign(packet: BusPacket): ReturnType<typeof signTrustPacket> {
    return signTrustPacket(packet, this.#options.trust.proofKey, this.#options.mapOrder);
  }

  async #ask(subject: string, bytes: Uint8Array, signal: AbortSignal): Promise<BusPacket> {
    const { bus, trust, clock } = this.#options;
    let data: Uint8Array;
    try {
      ({ data } = await requestOver(bus, subject, bytes, {
        timeoutMs: trust.timeoutMs,
        clock,
        signal,
        accepts,
      }));
    } catch (cause) {
      const isTransport =
        cause instanceof TimeoutError || cause instanceof ConnectionError || cause instanceof ClosedError;
      if (!isTransport) throw cause;
      const text = `the scheduler did not respond on ${subject}: ${errorText(cause)}`;
      throw new WorkerTrustError(text, { code: "TRUST_UNAVAILABLE", retryable: true, cause });
    }
    return decodeTrustPacket(data);
  }
}

/**
 * A stream that keeps the subject responds with a JSON acknowledgement, usually first; the clients' own request would take
 * that for the response.
 */
const accepts = ({ data }: BusMessage): boolean => data.length > 0 && data[0] !== 0x7b;

/** Whether the scheduler refuses to renew a session because it does not know it: one that restarted issues another. */
function isForgotten(error: unknown): boolean {
  return (
    error instanceof WorkerTrustError && error.code === "TRUST_REJECTED" && error.reason === "SESSION_INVALID"
  );
}

/** Whether nobody listens, in place of somebody who does not respond. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof WorkerTrustError &&
    error.cause instanceof ConnectionError &&
    error.cause.code === "NO_RESPONDERS"
  );
}
