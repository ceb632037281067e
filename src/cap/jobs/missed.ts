/** Results that a stream kept while a client could not hear them. */
import type { Clock } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { retry } from "../../core/retry.js";
import type { DurableBus } from "../durable.js";
import type { PacketListener, Party, ReceiveOptions } from "../party.js";

/** A subject whose packets end jobs. */
export interface ResultSource {
  readonly subject: string;
  readonly listener: PacketListener;
  readonly options: ReceiveOptions;
}

/** What missed results are read with. */
interface Reading {
  readonly party: Party;
  readonly durable: DurableBus;
  readonly sources: readonly ResultSource[];
  /** The sequence after which results are read; undefined if no stored job is waited for. */
  readonly oldest: () => number | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Returns a function that reads missed results in the background, and tries again until it succeeds, the signal fires, or
 * no stored job is waited for.
 */
export function missedResults(reading: Reading): () => void {
  const { party, durable, sources, oldest, signal, clock, logger } = reading;
  const policy = { attempts: Infinity, minDelayMs: 100, maxDelayMs: 5_000 };
  let isReading = false;
  let again = false;

  const readOne = async ({ subject, listener, options }: ResultSource): Promise<void> => {
    const afterSequence = oldest();
    if (afterSequence === undefined) return;
    await party.replay(durable, subject, { afterSequence }, listener, options.check);
  };
  const shouldRetry = () => !signal.aborted && party.bus.status() !== "closed";
  const readAll = async (): Promise<void> => {
    while (again && !signal.aborted) {
      again = false;
      for (const source of sources) {
        await retry(() => readOne(source), { policy, shouldRetry, signal, clock }).catch((error: unknown) => {
          const reason = errorText(error);
          if (!signal.aborted) logger.warn("could not read missed results from the stream", { reason });
        });
      }
    }
  };
  return () => {
    again = true;
    if (isReading || durable.replay === undefined) return;
    isReading = true;
    void readAll().finally(() => {
      isReading = false;
    });
  };
}
