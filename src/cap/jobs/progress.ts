/** Progress packets, handed to those who follow a job. */
import { type BusPacket, type JobProgress, SUBJECT_PROGRESS } from "../../../gen/cap/index.js";
import { EventBuffer } from "../../core/event-buffer.js";
import type { Subscription } from "../bus.js";
import type { Party } from "../party.js";

/** Entries kept for a slow reader. */
const CAPACITY = 256;

/** Subscribes to progress when the first listener asks for it. */
export class ProgressBoard {
  readonly #party: Party;
  readonly #readers = new Map<string, Set<EventBuffer<JobProgress>>>();
  #subscription: Promise<Subscription> | undefined;

  constructor(party: Party) {
    this.#party = party;
  }

  /** Resolves once the bus knows that progress is listened to. @throws What `Bus.subscribe` throws. */
  async listen(): Promise<void> {
    const onPacket = ({ payload }: BusPacket): void => {
      if (payload.case !== "jobProgress") return;
      for (const reader of this.#readers.get(payload.value.jobId) ?? []) reader.push(payload.value);
    };
    this.#subscription ??= this.#party.receive(SUBJECT_PROGRESS, { onPacket });
    await this.#subscription.catch((error: unknown) => {
      this.#subscription = undefined;
      throw error;
    });
  }

  /** A reader of one job. It ends with the job, with the signal, or when it is left. */
  open(jobId: string, signal?: AbortSignal): EventBuffer<JobProgress> {
    const readers = this.#readers.get(jobId) ?? new Set();
    const buffer = new EventBuffer<JobProgress>({
      capacity: CAPACITY,
      signal,
      onEnd: () => {
        readers.delete(buffer);
        if (readers.size === 0) this.#readers.delete(jobId);
      },
    });
    if (signal?.aborted) return buffer;
    readers.add(buffer);
    this.#readers.set(jobId, readers);
    return buffer;
  }

  /** The job has ended. */
  end(jobId: string): void {
    for (const reader of [...(this.#readers.get(jobId) ?? [])]) reader.end();
  }

  /** Ends every reader and listens no more. */
  close(): void {
    for (const jobId of [...this.#readers.keys()]) this.end(jobId);
    void this.#subscription?.then((subscription) => subscription.unsubscribe()).catch(() => {});
    this.#subscription = undefined;
  }
}
