/** Worker trust of one agent: the token of its packets, the scheduler it believes, and whether it takes jobs now. */
import type { Handshake } from "../../../gen/cap/index.js";
import type { Bus } from "../bus.js";
import { KeyRing } from "../crypto/key-ring.js";
import type { WorkerTrust } from "../trust/config.js";
import { WorkerTrustError } from "../trust/error.js";
import { TrustSession } from "../trust/session.js";
import type { WorkerCore } from "./options.js";

/** Trust that is on. */
export class AgentTrust {
  /** The pinned scheduler's keys: jobs are taken from nobody else. */
  readonly pins: KeyRing;
  readonly isEnforced: boolean;
  readonly #session: TrustSession;
  #isOpen = false;
  #generation = 0;

  constructor(core: WorkerCore, trust: WorkerTrust, bus: Bus, capability: Handshake) {
    const { clock, log, options } = core;
    this.pins = new KeyRing({ [trust.schedulerId]: [...trust.schedulerKeys.values()] });
    this.isEnforced = trust.mode === "enforce";
    this.#session = new TrustSession({ bus, trust, capability, clock, log, mapOrder: options.mapOrder });
  }

  /** Whether jobs are taken: after a handshake, until the connection or the session is lost. */
  get admits(): boolean {
    return this.#isOpen && (!this.isEnforced || this.#session.token !== undefined);
  }

  /**
   * The token for a packet that leaves now.
   *
   * @throws WorkerTrustError `TRUST_NO_SESSION` in the mode `enforce` while there is none.
   */
  readonly token = (): string => {
    const { token = "" } = this.#session;
    if (this.isEnforced && (token === "" || !this.#isOpen)) {
      const text = "no packet leaves without a live session, which is being obtained";
      throw new WorkerTrustError(text, { code: "TRUST_NO_SESSION", retryable: true });
    }
    return token;
  };

  /**
   * Obtains a session, or renews it, and takes jobs from then on.
   *
   * @throws WorkerTrustError.
   */
  async open(): Promise<void> {
    const generation = this.#generation;
    await this.#session.obtain();
    if (this.#generation === generation) this.#isOpen = true; // else the connection was lost meanwhile
  }

  /** Renews the session until it is lost. */
  keepAlive(onLost: (error: unknown) => void): void {
    this.#session.keepAlive(onLost);
  }

  /** Takes no jobs until {@link AgentTrust.open}. */
  shut(): void {
    this.#generation++;
    this.#isOpen = false;
  }

  /** Forgets the session. */
  close(): void {
    this.shut();
    this.#session.close();
  }
}
