/** One worker's session: obtained by the handshake, renewed before it expires, gone when trust is lost. */
import type { BusPacket, Handshake } from "../../../gen/cap/index.js";
import { SUBJECT_TRUST_AUTHENTICATE, SUBJECT_TRUST_CHALLENGE } from "../../../gen/cap/index.js";
import { abortError, type DeadlineOptions, raceSignal, withDeadline } from "../../core/abort.js";
import { type Clock, sleep } from "../../core/clock.js";
import { ClosedError, ConnectionError, errorText, TimeoutError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import type { Logger } from "../../core/logger.js";
import { type Loop, startLoop } from "../../core/loop.js";
import type { Bus, BusMessage, BusStatus } from "../bus.js";
import type { MapOrder } from "../wire/map-order.js";
import type { WorkerTrust } from "./config.js";
import { WorkerTrustError } from "./error.js";
import {
  acceptChallenge,
  acceptResult,
  authenticateRequest,
  challengeRequest,
  type TrustGrant,
} from "./handshake.js";
import { decodeTrustPacket } from "./messages.js";
import { signTrustPacket } from "./signature.js";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** Renewed this long before the end, where half the life is longer. */
const RENEW_BEFORE_MS = 60_000;
const BRACE = 0x7b;

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

/** Holds the token of one worker. It never shows itself. */
export class TrustSession {
  readonly #options: TrustSessionOptions;
  readonly #abort = new AbortController();
  #grant: TrustGrant | undefined;
  #obtaining: Promise<boolean> | undefined;
  #failed = false;
  #loop: Loop | undefined;

  constructor(options: TrustSessionOptions) {
    this.#options = options;
  }

  /** The token of the live session; undefined when there is none. */
  get token(): string | undefined {
    if (this.#grant !== undefined && this.#grant.expiresAtMs <= this.#options.clock.now())
      this.#grant = undefined;
    return this.#grant?.token;
  }

  /**
   * Obtains a session, or replaces the live one; calls at the same time share one handshake. False if the scheduler did
   * not respond and the mode is `warn`: what was live before stays so until it expires.
   *
   * @throws WorkerTrustError; then there is no session.
   */
  obtain(): Promise<boolean> {
    this.#obtaining ??= this.#obtain().finally(() => {
      this.#obtaining = undefined;
    });
    return this.#obtaining;
  }

  /** Renews from now on, before each token expires. `onLost` is called once if that fails, and renewing ends. */
  keepAlive(onLost: (error: unknown) => void): void {
    if (this.#abort.signal.aborted) return;
    void this.#loop?.stop();
    const loop = startLoop({
      name: "worker trust renewal",
      intervalMs: () => this.#waitMs(),
      clock: this.#options.clock,
      logger: this.#options.log,
      run: async () => {
        try {
          await this.obtain();
        } catch (error) {
          if (!loop.active) return;
          void loop.stop();
          onLost(error);
        }
      },
    });
    this.#loop = loop;
  }

  /** Renews no longer. The session stays until it expires. */
  pause(): void {
    void this.#loop?.stop();
  }

  /** Ends renewing and forgets the session. */
  close(): void {
    this.#abort.abort(new ClosedError("worker trust is closed"));
    void this.#loop?.stop();
    this.#grant = undefined;
  }

  #waitMs(): number {
    const { trust, clock } = this.#options;
    if (this.token === undefined || this.#failed) return trust.renewMinMs;
    const lifeMs = this.#grant!.expiresAtMs - clock.now();
    const targetMs = Math.max(trust.renewMinMs, Math.min(lifeMs / 2, lifeMs - RENEW_BEFORE_MS));
    return Math.min(targetMs, Math.max(1, lifeMs * 0.9));
  }

  async #obtain(): Promise<boolean> {
    const { trust, clock, log } = this.#options;
    const { signal } = this.#abort;
    const isEnforced = trust.mode === "enforce";
    for (let attempt = 1; ; attempt++) {
      try {
        const grant = await this.#handshake(this.token ?? "", signal);
        signal.throwIfAborted();
        this.#grant = grant;
        this.#failed = false;
        return true;
      } catch (error) {
        if (signal.aborted) throw abortError(signal);
        const isSilent = error instanceof WorkerTrustError && error.code === "TRUST_UNAVAILABLE";
        if (isSilent && attempt < trust.attempts) {
          await sleep(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 3 ** (attempt - 1)), { clock, signal });
          continue;
        }
        if (!isSilent || isEnforced) {
          this.#grant = undefined;
          throw error;
        }
        this.#failed = true;
        const hasSession = this.token !== undefined;
        log.warn("worker trust failed; the worker continues without a new session", {
          reason: errorText(error),
          hasSession,
        });
        return false;
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
      data = await askScheduler(bus, subject, bytes, { timeoutMs: trust.timeoutMs, clock, signal });
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
 * Publishes a request and resolves with the first response of a scheduler. A stream that keeps the subject responds with
 * a JSON acknowledgement, usually first; the clients' own request would take that for the response.
 *
 * @throws TimeoutError; ConnectionError; what the bus throws.
 */
function askScheduler(
  bus: Bus,
  subject: string,
  bytes: Uint8Array,
  options: Pick<DeadlineOptions, "timeoutMs" | "clock" | "signal">,
): Promise<Uint8Array> {
  return withDeadline({ ...options, what: `request on ${subject}` }, async (signal) => {
    const reply = `_INBOX.${randomHex(16)}`;
    const response = new FirstResponse(subject);
    const inbox = await bus.subscribe(reply, response.onMessage);
    const off = bus.onStatus(response.onStatus);
    try {
      await bus.publish(subject, bytes, { reply });
      return await raceSignal(response.data, signal);
    } finally {
      off();
      inbox.unsubscribe();
    }
  });
}

class FirstResponse {
  readonly data: Promise<Uint8Array>;
  #resolve!: (data: Uint8Array) => void;
  #reject!: (error: Error) => void;

  constructor(readonly subject: string) {
    this.data = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.data.catch(() => {}); // it may fail before anybody waits
  }

  readonly onMessage = ({ data }: BusMessage): void => {
    if (data.length === 0)
      this.#reject(new ConnectionError(`nobody listens on ${this.subject}`, { code: "NO_RESPONDERS" }));
    else if (data[0] !== BRACE) this.#resolve(data);
  };

  readonly onStatus = (status: BusStatus): void => {
    if (status !== "connected") this.#reject(new ConnectionError("the connection was lost"));
  };
}
