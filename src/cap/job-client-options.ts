/** What a client of jobs is given, and what it answers. */
import type { JobProgress } from "../../gen/cap/index.js";
import type { BlobStore, StoreLimits } from "./blob-store.js";
import type { Bus } from "./bus.js";
import type { DurableBus } from "./durable.js";
import type { BatchOptions } from "./jobs/batch.js";
import type { JobSubmission, SubmitReceipt } from "./jobs/submission.js";
import type { JobOutcome, OutputOptions } from "./outcome.js";
import type { PartyOptions } from "./party.js";

/**
 * Options of `openJobClient`. What is given as an object stays the caller's; what a function returns is closed with the
 * client.
 */
export interface JobClientOptions extends Omit<PartyOptions, "bus"> {
  /** The bus, or a function that connects to one. */
  readonly bus: Bus | (() => Bus | Promise<Bus>);
  /**
   * The store of inputs and outputs, or a function that opens it. Default: none; pass pointers instead of inputs.
   */
  readonly store?: BlobStore | (() => BlobStore | Promise<BlobStore>) | undefined;
  /** Limits on the store. Default: those of `limitedStore`, 2 MiB and 5 s. */
  readonly storeLimits?: StoreLimits | undefined;
  /** How long connecting and opening the store may take; 0 or less means no limit. Default: 5000. */
  readonly ioTimeoutMs?: number | undefined;
  /**
   * Publishes requests into a stream, which confirms each. After a reconnect, the client reads results that were published
   * meanwhile from the stream. Default: requests are published on the bus without confirmation.
   */
  readonly durable?: DurableBus | undefined;
}

/** Options of `JobClient.submitAndWait`, and of `JobClient.start`. */
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

/** Options of `JobClient.submitMany`. */
export interface SubmitManyOptions<T = unknown>
  extends Omit<WaitOptions<T>, "traceId" | "signal">,
    BatchOptions<T> {}

/** Options of `submitAndWait`. */
export interface SubmitAndWaitOptions<T = unknown> extends WaitOptions<T>, JobClientOptions {
  /** What is to be done. Without a `jobId` it gets a random one. */
  readonly request: JobSubmission;
}

/** A job that is under way. `JobClient.start` returns one. */
export interface JobHandle<T = unknown> extends SubmitReceipt {
  /** Resolves and rejects as `JobClient.submitAndWait` does. It need not be awaited. */
  readonly result: Promise<JobOutcome<T>>;
  /**
   * How far the job is, for one reader, from the submission on; the newest 256 are kept until they are read. Ends with
   * the job. Progress is best effort: packets may be missing.
   */
  progress(): AsyncIterableIterator<JobProgress>;
  /** Asks for the job to be stopped. "ok" means published. */
  cancel(reason?: string): Promise<void>;
}
