/** Many jobs, a bounded number of them at a time. */
import { uuid } from "../../core/ids.js";
import { checkOption } from "../../core/options.js";
import type { JobOutcome } from "../outcome.js";
import type { JobSubmission } from "./submission.js";

/** How one job of a batch ended: with its outcome, or with what `JobClient.submitAndWait` threw. */
export type BatchItem<T = unknown> = {
  /** Place of the job among the requests, from 0. */
  readonly index: number;
  readonly jobId: string;
} & (
  | { readonly status: "fulfilled"; readonly value: JobOutcome<T> }
  | { readonly status: "rejected"; readonly reason: Error }
);

/** Options of {@link runBatch}. */
export interface BatchOptions<T> {
  /** Jobs under way at the same time. Default: 16. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Notified of every job as it ends. What it throws ends the batch. */
  readonly onItem?: ((item: BatchItem<T>) => void) | undefined;
}

/** Runs jobs and returns an item for each, in the order of the requests. Rejects only with what `requests` throws. */
export async function runBatch<T>(
  requests: Iterable<JobSubmission> | AsyncIterable<JobSubmission>,
  { concurrency = 16, signal, onItem }: BatchOptions<T>,
  run: (submission: JobSubmission) => Promise<JobOutcome<T>>,
): Promise<BatchItem<T>[]> {
  checkOption("concurrency", concurrency, { min: 1 });
  const items: BatchItem<T>[] = [];
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const one = async (index: number, given: JobSubmission): Promise<void> => {
    const jobId = given.jobId || `job-${uuid()}`;
    const item = await run({ ...given, jobId }).then(
      (value): BatchItem<T> => ({ status: "fulfilled", index, jobId, value }),
      (reason: Error): BatchItem<T> => ({ status: "rejected", index, jobId, reason }),
    );
    items[index] = item;
    onItem?.(item);
  };
  let index = 0;
  for await (const submission of requests) {
    if (signal?.aborted && !Array.isArray(requests)) break; // there may be no end to them
    const job = one(index++, submission)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(job));
    running.add(job);
    while (running.size >= concurrency) await Promise.race(running);
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return items;
}
