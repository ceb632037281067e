/** What a client of jobs is given, and what it answers. */
import type { BlobStore } from "./blob-store.js";
import type { Submitted } from "./client.js";
import type { DurableBus, Stored } from "./durable.js";
import type { BatchOptions } from "./jobs/batch.js";
import type { OutputOptions } from "./jobs/output.js";
import type { JobSubmission } from "./jobs/submission.js";
import type { PartyOptions } from "./party.js";
import type { StoreLimits } from "./stores/limited.js";

/** Options of `openJobClient`. */
export interface JobClientOptions extends PartyOptions {
  /**
   * Where inputs are kept and outputs are found. It stays the caller's. Default: none, jobs are pointers only.
   */
  readonly store?: BlobStore | undefined;
  /** Limits on the store. Default: those of `limitedStore`, 2 MiB and 5 s. */
  readonly storeLimits?: StoreLimits | undefined;
  /**
   * Stores the requests and confirms each. After a reconnection, the results of stored jobs that were published
   * meanwhile are read from the stream. Default: requests are published on the bus, and nothing confirms them.
   */
  readonly durable?: DurableBus | undefined;
}

/** What `JobClient.submit` answers. */
export interface JobSubmitted extends Submitted {
  /** What the stream said, for a client with a durable bus. */
  readonly stored: Stored | undefined;
}

/** Options of `JobClient.submitAndWait`. */
export interface WaitOptions<T = unknown> extends OutputOptions<T> {
  /** Joins all packets of the work. Default: that of the submission, else random. */
  readonly traceId?: string | undefined;
  /** How long to wait for the end of the job. Default: 60000, or `deadlineMs` and 5000 more if that is longer. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Publish a job cancel when the wait ends before the job does. Default: false. */
  readonly cancelOnAbort?: boolean | undefined;
}

/** Options of `JobClient.start`. */
export type StartOptions<T = unknown> = WaitOptions<T>;

/** Options of `JobClient.submitMany`. */
export interface SubmitManyOptions<T = unknown>
  extends Omit<WaitOptions<T>, "traceId" | "signal">,
    BatchOptions<T> {}

/** Options of `submitAndWait`. */
export interface SubmitAndWaitOptions<T = unknown> extends WaitOptions<T>, JobClientOptions {
  /** What is to be done. Without a `jobId` it gets a random one. */
  readonly request: JobSubmission;
}
