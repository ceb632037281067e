/** Results that a stream kept while a client could not hear them. */
import type { SUBJECT_DLQ, SUBJECT_RESULT } from "../../../gen/cap/index.js";
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { retry } from "../../core/retry.js";
import type { DurableBus } from "../durable.js";
import type { PacketListener, Party, ReceiveOptions } from "../party.js";
import type { JobWaits } from "./waits.js";

/** A subject whose packets end jobs. */
export interface ResultSource {
  readonly subject: typeof SUBJECT_RESULT | typeof SUBJECT_DLQ;
  readonly listener: PacketListener;
  readonly options: ReceiveOptions;
}

/** Reads them. */
export class MissedResults {
  readonly #party: Party;
  readonly #durable: DurableBus;
  readonly #waits: JobWaits;
  readonly #sources: readonly ResultSource[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #end = new AbortController();
  #reading = false;
  #again = false;

  constructor(
    party: Party,
    durable: DurableBus,
    waits: JobWaits,
    sources: readonly ResultSource[],
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#party = party;
    this.#durable = durable;
    this.#waits = waits;
    this.#sources = sources;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Reads in the background, and tries again until it succeeds or no stored job is waited for. */
  read(): void {
    this.#again = true;
    if (this.#reading || this.#durable.replay === undefined) return;
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
    });
  }

  close(): void {
    this.#end.abort();
  }

  async #readAll(): Promise<void> {
    const policy = { attempts: Infinity, minDelayMs: 100, maxDelayMs: 5_000 };
    const { signal } = this.#end;
    while (this.#again) {
      this.#again = false;
      for (const source of this.#sources) {
        try {
          const shouldRetry = () => !signal.aborted && this.#party.bus.status() !== "closed";
          await retry(() => this.#readOne(source), { policy, shouldRetry, signal, clock: this.#clock });
        } catch (error) {
          if (signal.aborted) return;
          this.#logger.warn("results that a stream kept are not read", { reason: errorText(error) });
        }
      }
    }
  }

  async #readOne({ subject, listener, options }: ResultSource): Promise<void> {
    const { oldest } = this.#waits;
    if (oldest === undefined) return;
    await this.#party.replay(this.#durable, subject, { afterSequence: oldest }, listener, options.check);
  }
}
